"""What a training loop prints: names beside numbers, however they are set, among lines that mean nothing.

A step that stands in a line of its own, as in `Epoch 3/10`, holds for the lines below it. A line in which a name comes
again holds several entries. A word such as `Test set:` before a name says what the number was measured on.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from .bare_numbers import BareNumbers
from .dialects import plain
from .format import Format
from .languages import in_english
from .lost_loss import LAST_LOSS, lost_loss
from .names import BESIDE, PART, Meaning, is_held_out, meaning
from .pasted import unpasted
from .record import WRITTEN, Cell, Record, total_of
from .text_block import TextBlock
from .text_series import TextSeries
from .text_table import TextTable
from .times import time_in
from .unfinished import UnfinishedBars

_NUMBER = (
    r"[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?"
    r"|(?:nan|inf(?:inity)?)x*(?![a-z]))"
)
_WORD = r"(?<!\d/)(?!(?<=loss )(?:nan|inf)\b)[A-Za-z_@][\w.@/()%-]{0,50}(?:'s)?"
_SIGN = r"[\"']?(?:\s{0,3}(?:[:=]>?|-{1,3}>|→)\s{0,20}|\s{1,20}|\s-\s)(?:tensor\(|np\.float\d\d\(|\[\s{0,10}|[\"'])?"
_PAIR = re.compile(
    # a name of up to five words, then a sign, a bracket or a space, then its value and perhaps how many there will be
    rf"(?<![\w.])(?P<name>{_WORD}(?: \(?{_WORD}){{0,4}}){_SIGN}(?P<value>{_NUMBER})"
    rf"(?:\s{{0,3}}/\s{{0,12}}(?P<total>\d[\d,]*))?"
    # or a place in an epoch that has no name: [ 640/60000 (1%)], | 50/100 [00:10<, 50% 50/100 [00:10<
    r"|(?:\[|\||%(?=\s+\d+/\d+ \[))\s{0,10}(?!\d{4}/\d\d/\d\d)(?P<place>\d{1,12})\s{0,3}/\s{0,10}(?P<places>\d{1,12})",
    re.IGNORECASE,
)
_RELEVANT = re.compile(
    r"loss|step|iter|epoch|norm|lr|rate|acc|nll|bpb|error|mse|cost|entropy|xent|reward|return|learn:|'s l[12]:"
    r"|ppl|perplexity|objective|\d\s*/\s*\d|\d%(?:\)| \()|^\d+(?: train| val|:\t)",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(r"\s*[\w.\[\]]+\s*(?::\s*[\w\[\]., |]+)?\s=\s*[^=,]*$")
"""A line of a program, `val_loss = 0.0`; logs that begin with the program that wrote them are common."""
_KERAS = re.compile(r"\s*(\d+)/(\d+)\s*(?:\[[=>.]|━|\x1b)")
"""A bar that shows means so far; only the full one is an entry."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08")
_OF_EPOCHS = re.compile(r"\ds/ep(?:och)?\b|\dep(?:och)?s?/s\b|^\W*epochs?(?: progress)?:?\s+\d+%\|", re.IGNORECASE)
"""A bar whose unit is the epoch, by its rate or its title."""
_CONTEXT = re.compile(
    r"(?<![A-Za-z])(train|training|valid|validation|val|eval|evaluation|test|dev)(?![A-Za-z])", re.IGNORECASE
)
_CHATTER = {"info", "debug", "warning", "print", "at", "after", "on", "in", "the", "and", "is", "of", "current"}
_SETTINGS = re.compile(
    r"\W{0,10}(?:hyper-?parameters|hyp|args|arguments|config|configuration|namespace)\s{0,3}[:=({]", re.IGNORECASE
)
"""A line of settings; `loss_ota=1` there is no loss."""
_RETOLD = re.compile(r"better model|best model|improved? from", re.IGNORECASE)
"""A line that compares with an earlier value; what was measured stands in a line of its own."""
_NOT_NOW = {"best", "lowest", "minimum", "min", "previous", "last", "from", "initial"}
_ACCOMPANYING = BESIDE - {"reward"}
"""What alone makes no entry; a reward does, as some agents log nothing else."""
_AT = {"at", "after", "on", "in", "of", "for"}
_LONGEST = 20_000
_MOST_NAMES = 300


@dataclass
class FreeText(Format):
    name: str = "text"

    @classmethod
    def recognise(cls, head: bytes) -> Self | None:
        return cls()

    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        reading = FreeTextReading()
        for chunk in chunks:
            yield from reading.records(chunk)
        yield from reading.finish()


class FreeTextReading:
    """The state of a reader behind the lines that it was given, so that it can be given more."""

    def __init__(self) -> None:
        self._lines = _Reading()
        self._series = TextSeries()
        self._held: Record = {}
        """The last entry, to which the next line may add."""
        self._bare: BareNumbers | None = BareNumbers()
        """None from the first entry on."""

    def records(self, lines: bytes) -> Iterator[Record]:
        for line in lines.decode("utf-8-sig", errors="replace").split("\n"):
            line = unpasted(line)
            if not line.isascii():
                line = in_english(line)
            if self._series.takes(line):
                continue
            for start in range(0, min(len(line), 50 * _LONGEST), _LONGEST):
                for entry in self._lines.entries(line[start : start + _LONGEST]):
                    self._bare = None
                    yield from self._by_step({**entry, WRITTEN: time_in(line)})
            if self._bare is not None:
                self._bare.add(line)

    def _ended(self) -> Iterator[Record]:
        held, self._held = self._held, {}
        if held:
            yield held

    def finish(self) -> Iterator[Record]:
        for entry in self._lines.finish():
            yield from self._by_step(entry)
        yield from self._ended()
        yield from self._series.finish()
        if self._bare is not None:
            yield from self._bare.finish()

    def _by_step(self, entry: Record) -> Iterator[Record]:
        """Several lines about one step are one entry, as long as they do not contradict each other."""
        if self._held and _is_same_step(self._held, entry):
            self._held = {**entry, **self._held}
            return
        yield from self._ended()
        self._held = entry


def _is_same_step(held: Record, entry: Record) -> bool:
    if not ("step" in entry or "batch" in entry):
        return False
    if any(entry.get(place) != held.get(place) for place in ("step", "batch", "epoch")):
        return False
    return all(held.get(name, cell) == cell for name, cell in entry.items() if meaning(name))


@dataclass
class _Reading:
    """What holds for the lines to come, and the names that were met."""

    place: dict[str, Cell] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    table: TextTable = field(default_factory=TextTable)
    block: TextBlock = field(default_factory=TextBlock)
    bars: UnfinishedBars = field(default_factory=UnfinishedBars)
    loss: tuple[int, str] = (PART, LAST_LOSS)
    """The rank and the name of the loss that stands for all others so far."""
    quoted: dict[str, Cell] = field(default_factory=dict)
    """An error message above the log in which it came."""

    def entries(self, line: str) -> Iterator[Record]:
        if "\x1b" in line or "\x08" in line:
            line = _ESCAPES.sub("", line)
        if (blocks := self.block.take(line)) is not None:
            yield from map(self._placed, blocks)
            if "|" in line or "│" in line or "---" in line:
                return
        if (row := self.table.row(line)) is not None:
            yield from self._row(row)
            return
        if not _RELEVANT.search(line) or _ASSIGNMENT.match(line) or _SETTINGS.match(line) or _RETOLD.search(line):
            return
        if bar := _KERAS.match(line):
            if int(bar[1][:15]) < int(bar[2][:15]):
                self.bars.add_line(line)
                return
            self.bars.ended(is_bar=True)
        if (ended := lost_loss(line)) is not None:
            if self.place:
                yield self._named(ended)
            else:
                self.quoted = ended
            return
        yield from self._line(line)

    def finish(self) -> Iterator[Record]:
        """What waits at the end: a block without a frame, and the bars of an epoch that did not end."""
        yield from map(self._placed, self.block.finish())
        if self.quoted:
            yield self._named(self.quoted)
        yield from self.bars.rows
        for bar in self.bars.lines:
            yield from self._line(f"batch: {bar.lstrip()}")
        self.bars.clear()

    def _row(self, row: dict[str, Cell]) -> Iterator[Record]:
        """The row of a table; where a bar stands behind each, the means of an epoch that has ended."""
        if row and self.table.is_unfinished:
            self.bars.add_row(self._placed(row))
        elif row:
            self.bars.ended(is_bar=False)
            yield self._placed(row)

    def _named(self, ended: dict[str, Cell]) -> Record:
        """An error message is about the loss that the lines before it had."""
        return {**self.place, **{self.loss[1] if name == LAST_LOSS else name: cell for name, cell in ended.items()}}

    def _placed(self, row: dict[str, Cell]) -> Record:
        has_place = any((found := meaning(name)) and found.canonical in ("step", "epoch") for name in row)
        return row if has_place else {**self.place, **row}

    def _line(self, line: str) -> Iterator[Record]:
        entry: dict[str, Cell] = {}
        own_place: set[str] = set()
        for name, value, total, found in _pairs(plain(line)):
            match found:
                case Meaning(canonical="step" | "epoch" as kind, rank=rank):
                    key = "batch" if kind == "step" and rank > 5 else kind
                    if key in own_place:
                        # a name that comes again begins the next entry
                        yield from self._finished(entry)
                        entry, own_place = {}, set()
                    own_place.add(key)
                    self._move(key, value, total)
                case Meaning() if name in entry and entry.keys() - self.place.keys():
                    yield from self._finished(entry)
                    entry, own_place = {name: value}, set()
                case Meaning(canonical="accuracy" | "val_accuracy") if total:
                    entry[name] = f"{float(value) / max(float(total.replace(',', '')), 1)}"  # 9800/10000
                case Meaning(canonical=canonical, rank=rank):
                    entry[name] = value
                    if canonical == "loss":
                        self.loss = min(self.loss, (rank, name))
                case None if len(self.names) < _MOST_NAMES or name in self.names:
                    entry.setdefault(name, value)
                case _:
                    continue
        yield from self._finished(entry)

    def _move(self, key: str, value: str, total: str | None) -> None:
        self.place[key] = value
        if total:
            self.place[f"total_{key}s"] = total

    def _finished(self, entry: dict[str, Cell]) -> Iterator[Record]:
        """Only lines about the training are entries; other lines have numbers too."""
        known = {found.canonical for name in entry if (found := meaning(name))} - _ACCOMPANYING
        if any(not canonical.startswith("total") for canonical in known):
            self.names |= entry.keys()
            yield {**self.place, **entry}


def _pairs(line: str) -> Iterator[tuple[str, str, str | None, Meaning | None]]:
    end, context, before = 0, "", ""
    measured, said = "", set[str]()  # the last data set in a name, and the names so far
    for pair in _PAIR.finditer(line):
        context, end = _context(line[end : pair.start()], context), pair.end()
        if pair["place"]:
            kind = "epoch" if _OF_EPOCHS.search(line) else "batch"
            yield kind, pair["place"], pair["places"], meaning(kind)
            continue
        if line.startswith("%|", end):
            context = _context(pair["name"], context)  # `valid: 100%|####|`: how far it is
            continue
        name, found = _named(pair["name"])
        if found and found.canonical in ("step", "epoch"):
            context = _context(pair["name"], context)  # `validation loss at iteration 100`
        if found and found.canonical in ("loss", "accuracy") and not _CONTEXT.search(name):
            if on := context or (measured if name in said else ""):  # `train acc 0.9 loss 0.3; test acc 0.8 loss 0.6`
                name = f"{on} {name}"
        elif before == "loss train" and is_held_out(name):
            name = f"loss {name}"
        found, before = meaning(name) if found else found, name.lower()
        measured = _context(name, measured)
        said.add(name)
        if found and found.canonical in ("total_steps", "total_epochs") and pair["total"]:
            continue
        yield name, _whole(line, pair) if found else pair["value"], pair["total"], found


def _whole(line: str, pair: re.Match[str]) -> str:
    """The value; of a loss whose parts stand in brackets, `loss: [0.5, 0.2, 0.1]`, their sum."""
    start, end = pair.span("value")
    if line[start - 1] != "[" or line[end : end + 1] != ",":
        return pair["value"]
    total = total_of(line[start:].partition("]")[0])
    return pair["value"] if total is None else str(total)


@lru_cache(maxsize=8192)
def _named(text: str) -> tuple[str, Meaning | None]:
    """A name without the chatter before it; a place may stand behind any words: `Finished training epoch 3`."""
    words = text.split(" ")
    while len(words) > 1 and words[0].lower().strip("()") in _CHATTER:
        words.pop(0)
    name = " ".join(words)
    found, last = meaning(name), meaning(words[-1])
    is_many = words[-1].lower().endswith("s")
    if last and last.canonical in ("epoch", "step") and len(words) > 1 and words[-2].lower() in _AT:
        return words[-1], last
    if found is None and last and last.canonical in ("epoch", "step") and not is_many:
        return words[-1], last
    if found is None and last and "_" in words[-1] and last.canonical in ("loss", "val_loss"):
        is_now = _NOT_NOW.isdisjoint(word.lower() for word in words)
        return (words[-1], last) if is_now else (name, None)  # `saved model weights loss_A`
    if len(words) == 1 and found and found.canonical in ("step", "epoch") and is_many:
        return name, None  # `steps: 1000` is how many there are to be
    return name, found


def _context(between: str, before: str) -> str:
    """What the numbers were measured on, by the last word that states it."""
    words = _CONTEXT.findall(between)
    if not words:
        return before
    return words[-1].lower() if is_held_out(words[-1]) else ""
