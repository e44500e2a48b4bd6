"""Numbers without a name, in a text that names no loss at all: `Epoch 3: 1.91`, lines of numbers alone, one list."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from .names import NAMELESS
from .number_list import list_in
from .record import Record, number

_VALUE = r"[-+]?(?:\d+\.\d*(?:e[-+]?\d+)?|nan)"
_PLACED = re.compile(
    rf"(?:.{{0,80}}?\W)?(epoch|step|iteration|iter)\W{{0,3}}(\d{{1,12}})(?:/\d+)?\s*[:=|,>-]+\s*"
    rf"({_VALUE}(?:[\s,;|]+{_VALUE})*)\s*",
    re.IGNORECASE,
)
"""`Epoch 3: 1.91`, `INFO:trainer, epoch, 3, 1.91, 2.04`."""
_NUMBERS = re.compile(
    r"[\s|]*(?:\d{1,12}\s?:\s+)?(?:tensor\()?[-+]?(?:\d|\.\d|nan|inf)[-+.\d\seE,|naif]*"
    r"(?:, (?:device|grad_fn|dtype)=.*\)|\))?\s*",
    re.IGNORECASE,
)
"""`2.31`, `100: 2.31 0.5`, `100, 2.31`, `| 100 | 2.31 |`, `tensor(2.31, device='cuda:0')`."""
_BAR = re.compile(r".{0,200}(?:it/s|s/it)\](?=\s*[-+\d])")
"""A progress bar of tqdm leaves its line open; what the program prints next stands behind it."""
_TENSOR = re.compile(r"tensor\(([^,()]+).*", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*[,:|]\s*|\s+")
_COMMAS = re.compile(r"[\s,;|]+")
_LOSS = re.compile(r"\b(?:loss|cost)", re.IGNORECASE)
_TRAINING = re.compile(r"\b(?:loss|cost|epoch|train)", re.IGNORECASE)
_LONGEST = 200
_MOST = 200_000
_MOST_CELLS = 10
_LEAST = 4
_LEAST_OF_TRAINING = 3
"""Where the text around them is about training."""
_SHARE = 0.5
"""Of the lines of another text: fewer are numbers that it has besides."""


@dataclass
class BareNumbers:
    """Takes all lines of a text until one has a loss with a name; its entries come at the end."""

    _entries: list[Record] = field(default_factory=list)
    _lists: list[list[str]] = field(default_factory=list)
    """Lines that are a list each: a whole series below the sentence that says of what."""
    _lines: int = 0
    _is_of_training: bool = False
    _is_of_a_loss: bool = False

    def add(self, line: str) -> None:
        if not line.strip() or len(self._entries) >= _MOST:
            return
        self._lines += 1
        if bar := _BAR.match(line):
            line = line[bar.end() :]
        if cells := list_in(line):
            self._lists.append(cells)
        if cells or len(line) > _LONGEST:
            return
        if found := _PLACED.fullmatch(line):
            kind = "epoch" if found[1].lower() == "epoch" else "step"
            cells = _COMMAS.split(found[3])
            self._entries.append({kind: found[2]} | {f"{NAMELESS}{place}": cell for place, cell in enumerate(cells, 1)})
        elif _NUMBERS.fullmatch(line):
            cells = _BETWEEN.split(_TENSOR.sub(r"\1", line.strip(" \t\r|")))
            is_count = all(cell.lstrip("-+").isdigit() for cell in cells)
            if len(cells) <= _MOST_CELLS and not is_count and None not in map(number, cells):
                self._entries.append({f"{NAMELESS}{place}": cell for place, cell in enumerate(cells, 1)})
        else:
            self._is_of_training = self._is_of_training or _TRAINING.search(line) is not None
            self._is_of_a_loss = self._is_of_a_loss or _LOSS.search(line) is not None

    def finish(self) -> Iterator[Record]:
        """None where the only column rises, as an accuracy does, in a text that does not speak of a loss.

        Of several lists none is taken: they may be those of different things.
        """
        entries, self._entries = self._entries, []
        if len(self._lists) == 1 and not entries and self._is_of_a_loss:
            yield from ({f"{NAMELESS}1": cell} for cell in self._lists[0])
            return
        enough = _LEAST_OF_TRAINING if self._is_of_training else max(_LEAST, _SHARE * self._lines)
        if len(entries) < enough or len({frozenset(entry) for entry in entries}) > 1:
            return
        if self._is_of_a_loss or not _rises(entries, f"{NAMELESS}1") or _has_falling(entries):
            yield from entries


def _rises(entries: list[Record], name: str) -> bool:
    first, last = (number(entry[name]) for entry in (entries[0], entries[-1]))
    return first is None or last is None or last >= first


def _has_falling(entries: list[Record]) -> bool:
    """Beside an epoch there are several numbers, or beside a count of steps one falls."""
    if "epoch" in entries[0]:
        return len(entries[0]) > 2
    counts = [str(entry[f"{NAMELESS}1"]) for entry in entries]
    if not all(count.isdigit() for count in counts) or any(int(a) >= int(b) for a, b in pairwise(counts)):
        return False
    return not all(_rises(entries, name) for name in entries[0])
