"""A file that is one list of numbers, in brackets or without: what a program wrote of its losses when it was done."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from .format import Format
from .names import NAMELESS
from .record import Record, number

LARGEST_LINE = 1 << 24
"""Bytes of a line that is read at once."""
_LEAST = 10
"""Numbers; fewer on one line may be the settings or the result of something."""


@dataclass(frozen=True, kw_only=True)
class NumberList(Format):
    values: tuple[str, ...]
    name: str = "list of numbers"

    @classmethod
    def recognise(cls, text: bytes) -> Self | None:
        """The whole file: the line may be longer than what is looked at of others. Counts alone are no losses."""
        line = text.strip()
        if b"\n" in line or b"," not in line:
            return None
        if line[:1] + line[-1:] in (b"[]", b"()"):
            line = line[1:-1]
        cells = [cell.strip() for cell in line.decode(errors="replace").rstrip(", ").split(",")]
        if len(cells) < _LEAST or None in map(number, cells) or all(cell.lstrip("-+").isdigit() for cell in cells):
            return None
        return cls(values=tuple(cells))

    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        for value in self.values:
            yield {f"{NAMELESS}1": value}
