"""Numbers without a name, in a text that names no loss at all: `Epoch 3: 1.91`, or lines of nothing but numbers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .names import NAMELESS
from .record import Record, number

_VALUE = r"[-+]?(?:\d+\.\d*(?:e[-+]?\d+)?|nan)"
_PLACED = re.compile(rf"\W*(epoch|step|iteration|iter)\W{{0,3}}(\d{{1,12}})(?:/\d+)?\s*[:=|,>-]+\s*({_VALUE})\s*", re.I)
_NUMBERS = re.compile(rf"\s*{_VALUE}(?:(?:\s*,\s*|\s+)(?:{_VALUE}|\d{{1,12}})){{0,9}}\s*", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*,\s*|\s+")
_LONGEST = 200
_MOST = 200_000
_LEAST = 4
_SHARE = 0.5
"""Of the lines: fewer are numbers that some other text has too."""


@dataclass
class BareNumbers:
    """Takes all lines of a text until one has a loss with a name; its entries come at the end."""

    _entries: list[Record] = field(default_factory=list)
    _lines: int = 0

    def add(self, line: str) -> None:
        if not line.strip() or len(self._entries) >= _MOST:
            return
        self._lines += 1
        if len(line) > _LONGEST:
            return
        if found := _PLACED.fullmatch(line):
            kind = "epoch" if found[1].lower() == "epoch" else "step"
            self._entries.append({kind: found[2], f"{NAMELESS}1": found[3]})
        elif _NUMBERS.fullmatch(line):
            cells = _BETWEEN.split(line.strip())
            self._entries.append({f"{NAMELESS}{place}": cell for place, cell in enumerate(cells, 1)})

    def finish(self) -> Iterator[Record]:
        """None where the first column rises, as an accuracy does: that it is a loss cannot be told."""
        if len(self._entries) < max(_LEAST, _SHARE * self._lines):
            return
        first, last = (number(entry[f"{NAMELESS}1"]) for entry in (self._entries[0], self._entries[-1]))
        if first is not None and last is not None and not last >= first:
            yield from self._entries
