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
        cells = None if b"\n" in line else list_in(line.decode(errors="replace"))
        return cls(values=tuple(cells)) if cells else None

    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        for value in self.values:
            yield {f"{NAMELESS}1": value}


def list_in(line: str) -> list[str] | None:
    """The numbers of a line that is nothing but a list of them."""
    line = line.strip()
    if "," not in line:
        return None
    if line[:1] + line[-1:] in ("[]", "()"):
        line = line[1:-1]
    cells = [cell.strip() for cell in line.rstrip(", ").split(",")]
    if len(cells) < _LEAST or None in map(number, cells) or all(cell.lstrip("-+").isdigit() for cell in cells):
        return None
    return cells
