"""Progress bars that are not full yet: beside them stand means so far, and beside the full one those of an epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .record import Record

_MOST = 20_000
"""Bars of one epoch that are kept until it is known whether the epoch ends."""


@dataclass
class UnfinishedBars:
    """The bars since the last full one, as lines or as rows of a table: all there is of an epoch that never ended."""

    _lines: list[str] = field(default_factory=list)
    _rows: list[Record] = field(default_factory=list)
    _has_full: bool = False

    def add_line(self, line: str) -> None:
        if len(self._lines) < _MOST:
            self._lines.append(line)

    def add_row(self, row: Record) -> None:
        if len(self._rows) < _MOST:
            self._rows.append(row)

    def ended(self, *, is_bar: bool) -> None:
        """A row or a bar of a whole epoch; `is_bar`: it is known to stand beside a full bar."""
        self._has_full |= is_bar or bool(self._rows)
        self._rows.clear()
        if is_bar:
            self._lines.clear()

    def clear(self) -> None:
        self._lines.clear()
        self._rows.clear()

    @property
    def rows(self) -> Sequence[Record]:
        """Those that count at the end: all, or beside full bars the last one where it shows NaN."""
        if not self._has_full:
            return self._rows
        return [row for row in self._rows[-1:] if any(str(cell).lower() == "nan" for cell in row.values())]

    @property
    def lines(self) -> Sequence[str]:
        """The same of lines."""
        return [line for line in self._lines[-1:] if "nan" in line.lower()] if self._has_full else self._lines
