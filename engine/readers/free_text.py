"""What a training loop prints: names beside numbers, however they are set, among lines that mean nothing.

A step that stands in a line of its own, as in `Epoch 3/10`, holds for the lines below it. A line in which a name comes
again holds several entries. A word such as `Test set:` before a name says what the number was measured on.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from .bare_numbers import BareNumbers
from .dialects import plain
from .epoch_means import EpochMeans
from .flat_table import with_breaks
from .format import Format
from .languages import in_english
from .lost_loss import LAST_LOSS, lost_loss
from .named_tuples import told_apart
from .names import BARE, BESIDE, PART, STAND_IN, Meaning, meaning
from .pairs import pairs_in
from .pasted import unpasted
from .pretty_objects import PrettyObjects
from .record import WRITTEN, Cell, Record
from .text_block import TextBlock
from .text_series import TextSeries
from .text_table import TextTable
from .times import time_in
from .unfinished import UnfinishedBars

_RELEVANT = re.compile(
    r"loss|step|iter|epoch|norm|lr|rate|acc|nll|bpb|error|mse|cost|entropy|xent|reward|return|episode|learn:?\s+\d"
    r"|'s l[12]:|objf|\bobj\(|ner':|\| t: |nan detected"
    r"|ppl|perplexity|objective|\d\s*/\s*\d|\d%(?:\)| \()|^\d+(?: train| val|:\t)",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(r"\s*[\w.\[\]]+\s*(?::\s*[\w\[\]., |]+)?\s=\s*[^=,]*$")
"""A line of a program, `val_loss = 0.0`; logs that begin with the program that wrote them are common."""
_KERAS = re.compile(r"\s*(\d+)/(\d+)\s*(?:\[[=>.]|━|\x1b)")
"""A bar that shows means so far; only the full one is an entry."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08")
_BACK = re.compile(r"\x08{3,}")
"""Back to where the line began, as Keras draws its bar anew."""
_SETTINGS = re.compile(
    r"\W{0,10}(?:hyper-?parameters|hyp|args|arguments|config|configuration|namespace)\s{0,3}[:=({]", re.IGNORECASE
)
"""A line of settings; `loss_ota=1` there is no loss."""
_RETOLD = re.compile(r"better model|best model|(?:improve|(?:de|in)crease)d? from", re.IGNORECASE)
"""A line that compares with an earlier value; what was measured stands in a line of its own."""
_ACCOMPANYING = BESIDE - {"reward"}
"""What alone makes no entry; a reward does, as some agents log nothing else."""
_LONGEST = 20_000
_MOST_NAMES = 300
_MOST_PRIVATE = 20_000


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
        self._objects = PrettyObjects()
        self._held: Record = {}
        """The last entry, to which the next line may add."""
        self._bare: BareNumbers | None = BareNumbers()
        """None from the first entry on."""

    def records(self, lines: bytes) -> Iterator[Record]:
        text = lines.decode("utf-8-sig", errors="replace")
        for line in (_BACK.sub("\n", text) if "\x08" in text else text).split("\n"):
            line = unpasted(line)
            if not line.isascii():
                line = in_english(line)
            for part in with_breaks(line):
                for whole in self._objects.lines(part):
                    yield from self._of_line(whole)

    def _of_line(self, line: str) -> Iterator[Record]:
        if self._series.takes(line):
            return
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
        for line in self._objects.finish():
            yield from self._of_line(line)
        for entry in self._lines.finish():
            self._bare = None
            yield from self._by_step(entry)
        yield from self._ended()
        for entry in self._series.finish():
            self._bare = None
            yield entry
        if self._bare is not None:
            bare = [*self._bare.finish()]
            yield from max(self._lines.private, bare, key=len)  # a training prints the same line again and again

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
    means: EpochMeans = field(default_factory=EpochMeans)
    loss: tuple[int, str] = (BARE, LAST_LOSS)
    """The rank and the name of the loss that stands for all others so far."""
    quoted: dict[str, Cell] = field(default_factory=dict)
    """An error message above the log in which it came."""
    of_training: set[str] = field(default_factory=set)  # what `pairs_in` learned
    is_known: bool = False
    """Whether there was an entry."""
    private: list[Record] = field(default_factory=list)
    """Lines with a place and numbers whose names mean nothing: all there is of a trainer with names of its own."""

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
            self.place.update({name: cell for name, cell in ended.items() if name == "step"})  # of what it shows below
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
        for name, value, total, found in pairs_in(plain(told_apart(line)), self.of_training):
            match found:
                case Meaning(canonical="step" | "epoch" as kind, rank=rank):
                    key = "batch" if kind == "step" and rank > 5 else kind
                    if key in own_place:
                        # a name that comes again begins the next entry
                        yield from self._finished(entry, own_place)
                        entry, own_place = {}, set()
                    own_place.add(key)
                    self._move(key, value, total)
                case Meaning() if name in entry and entry.keys() - self.place.keys():
                    yield from self._finished(entry, own_place)
                    entry, own_place = {name: value}, set()
                case Meaning(canonical="accuracy" | "val_accuracy") if total:
                    entry[name] = f"{float(value) / max(float(total.replace(',', '')), 1)}"  # 9800/10000
                case Meaning(canonical=canonical, rank=rank):
                    entry[name] = value
                    if canonical == "loss" and not PART <= rank < STAND_IN:
                        self.loss = min(self.loss, (rank, name))
                case None if len(self.names) < _MOST_NAMES or name in self.names:
                    entry.setdefault(name, value)
                case _:
                    continue
        yield from self._finished(entry, own_place)

    def _move(self, key: str, value: str, total: str | None) -> None:
        self.place[key] = value
        if total and key != "batch":  # so many batches an epoch has, which is no length of the run
            self.place[f"total_{key}s"] = total

    def _finished(self, entry: dict[str, Cell], own_place: Collection[str]) -> Iterator[Record]:
        """Only lines about the training are entries; other lines have numbers too."""
        known = {found.canonical for name in entry if (found := meaning(name))} - _ACCOMPANYING
        if any(not canonical.startswith("total") for canonical in known):
            self.names |= entry.keys()
            self.is_known = True
            yield {**self.place, **self.means.apart(entry, own_place)}
        elif entry and self.place and len(self.private) < _MOST_PRIVATE and not self.is_known:
            self.private.append({**self.place, **entry})
