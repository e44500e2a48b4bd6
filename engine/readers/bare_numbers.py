"""Lines of nothing but numbers among text, as a loop prints them that prints only its loss."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .names import NAMELESS
from .record import Record, number

_LINE = re.compile(
    r"\s*(?:\d+\s?:\s+)?(?:tensor\()?[-+]?(?:\d|\.\d|nan|inf)[-+.\d\seE,naif]*"
    r"(?:, (?:device|grad_fn|dtype)=.*\)|\))?\s*",
    re.IGNORECASE,
)
"""Such a line; `100: 0.52` has its place before a colon."""
_PLACE = re.compile(
    r"\s*(?:iter\w*|step|epoch|batch)\s?[:#=]?\s{0,3}(?=\d+\s?[:,]?\s+[-+]?(?:\d+\.|nan|inf))", re.IGNORECASE
)
"""Before a number that is no count: `iter 1404: 0.25`."""
_BETWEEN = re.compile(r"\s*[,:]\s*|\s+")
_TENSOR = re.compile(r"tensor\(([^,()]+).*", re.IGNORECASE)
_TRAINING = re.compile(r"\b(?:loss|cost|epoch|train)", re.IGNORECASE)
_LEAST = 3
_MOST_LINES = 20_000
_MOST_CELLS = 6
_LONGEST = 200


@dataclass
class BareNumbers:
    """Keeps such lines until it is known that the text has nothing that is called by a name."""

    _rows: list[list[str]] = field(default_factory=list)
    _is_of_training: bool = False

    def look(self, line: str) -> None:
        if len(line) > _LONGEST or len(self._rows) == _MOST_LINES:
            return
        if place := _PLACE.match(line):
            self._is_of_training, line = True, line[place.end() :]
        if not _LINE.fullmatch(line):
            self._is_of_training = self._is_of_training or _TRAINING.search(line) is not None
            return
        cells = _BETWEEN.split(_TENSOR.sub(r"\1", line.strip()))
        if len(cells) <= _MOST_CELLS and None not in map(number, cells):
            self._rows.append(cells)

    def finish(self) -> Iterator[Record]:
        """The lines as rows of columns without names, where all have as many and some text says what they are of."""
        rows, self._rows = self._rows, []
        if not self._is_of_training or len(rows) < _LEAST or len({len(row) for row in rows}) > 1:
            return
        if all(cell.lstrip("-+").isdigit() for row in rows for cell in row):
            return  # counts
        for row in rows:
            yield {f"{NAMELESS}{place}": cell for place, cell in enumerate(row, start=1)}
