"""Tables as text: CSV, TSV and their kin, with a header or without, padded, ragged, or with a second header inside."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Self

import msgspec

from .format import Format
from .names import NAMELESS, meaning
from .record import RESUMED, Cell, Record, number

_NAMES = {",": "CSV", "\t": "TSV", ";": "CSV with semicolons", "|": "table with bars", " ": "table with spaces"}
_PROGRESS = re.compile(r"\d+/\d+")
_RULE = re.compile(r"[-=+|:\s]*(?:[-=]{3}|-:?\s*\|\s*:?-)[-=+|:\s]*")
"""Also `-- | --`, as a table copied from a page is written."""
_NAME_BESIDE_NUMBER = re.compile(r".*[A-Za-z]\W{0,3}[:=]\s*[-+]?\d+")
_LOOK = 50
"""Lines that show whether a text is a table."""
_MOST_COLUMNS = 20_000
_ALIKE = 0.8
_ALIKE_UNDER_HEADER = 0.5
"""Share of the rows that are as long as the first, where that names a step and a loss and can only be a header."""
_NUMERIC = 0.5

_numbers = msgspec.json.Decoder(list[list[float | None]], strict=False).decode


def _opens_list(cell: str) -> bool:
    """An escape sequence has a bracket too, and is none."""
    return cell.count("[") - cell.count("\x1b[") > cell.count("]")


@dataclass(frozen=True, kw_only=True)
class Delimited(Format):
    delimiter: str
    names: tuple[str, ...]
    name: str

    @classmethod
    def recognise(cls, head: bytes) -> Self | None:
        text = head.decode("utf-8-sig", errors="replace").replace("\r", "\n").replace("\x00", "")
        lines = [line for line in text.split("\n")[: 4 * _LOOK] if line.strip() and not line.startswith("#")][:_LOOK]
        coloured = sum("\x1b" in line for line in lines[1:])  # a name in the header may hold anything
        if any(_RULE.fullmatch(line) for line in lines) or 2 * coloured > len(lines[1:]):
            return None  # lines under a header and colours are for people
        for delimiter in _NAMES:
            rows = [cells_of(line, delimiter) for line in lines]
            if rows and _is_table(rows, delimiter) and not _names_each_number(rows):
                if any(_PROGRESS.fullmatch(cell) or _opens_list(cell) for cell in rows[0]):
                    return None  # a row and no header of a table that a person was to read, or the first line of a list
                numbers = sum(number(cell) is not None for cell in rows[0])
                if numbers and any(_NAME_BESIDE_NUMBER.fullmatch(cell) for cell in rows[0]):
                    return None  # `Error:0,25` has a decimal comma
                is_all_numbers = not any(cell and number(cell) is None for cell in rows[0])
                if len(rows[0]) > _MOST_COLUMNS or (delimiter in "| " and numbers and not is_all_numbers):
                    return None  # words and numbers between bars or spaces are text
                has_header = not is_all_numbers and numbers * 2 <= len(rows[0])
                names = rows[0] if has_header else [f"{NAMELESS}{place}" for place in range(1, len(rows[0]) + 1)]
                return cls(delimiter=delimiter, names=distinct(names), name=_NAMES[delimiter])
        return None

    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        names, has_begun, is_part = self.names, False, False
        for chunk in chunks:
            first, _, rest = chunk.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
            if is_header(cells := cells_of(first.decode(errors="replace"), self.delimiter), names):
                names, is_part, chunk = distinct(cells), has_begun, rest
            rows = self._plain_numbers(chunk) if chunk and not is_part else None
            if rows is not None:
                # dict(zip(names, row)) for every row, without a bytecode for any
                yield from map(dict, map(zip, repeat(names), rows))
                has_begun = True
                continue
            for line in chunk.decode("utf-8-sig", errors="replace").split("\n"):
                cells = cells_of(line, self.delimiter)
                if is_header(cells, names):
                    names, is_part = distinct(cells), has_begun
                elif any(cells) and not line.startswith("#"):
                    row: dict[str, Cell] = dict(zip(names, cells, strict=False))
                    yield row | {RESUMED: 0.0} if is_part else row
                    has_begun, is_part = True, False

    def _plain_numbers(self, chunk: bytes) -> Sequence[Sequence[Cell]] | None:
        """Lines of nothing but numbers and gaps, decoded as if they were JSON: three times as fast as csv and float."""
        if self.delimiter != ",":
            return None
        text = chunk.rstrip(b"\n").replace(b",,", b",null,").replace(b",,", b",null,")
        text = text.replace(b",\n", b",null\n").replace(b"\n,", b"\nnull,").replace(b"\n", b"],[")
        start, end = (b"null" if text[:1] == b"," else b""), (b"null" if text[-1:] == b"," else b"")
        try:
            return _numbers(b"[[" + start + text + end + b"]]")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


def cells_of(line: str, delimiter: str) -> list[str]:
    if '"' not in line and delimiter != " ":
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        row = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:  # a cell of more than 131 072 characters
        return []
    return [cell.strip() for cell in (row[:-1] if delimiter == " " and row and not row[-1] else row)]


def _is_table(rows: Sequence[Sequence[str]], delimiter: str) -> bool:
    width, body = len(rows[0]), rows[1:]
    if width < (1 if delimiter == "," else 2):
        return False
    if not body:
        # a single line of words and numbers is an entry of some text
        known = sum(number(cell) is not None for cell in rows[0])
        is_header = width > 1 and not known and not any(set(cell) & set(":={") for cell in rows[0])
        return delimiter == "," and (known == width or is_header)
    alike = _ALIKE_UNDER_HEADER if _is_header_of_log(rows[0]) else _ALIKE
    if sum(len(row) == width for row in body) < alike * len(body) and len(body) > 1:
        return False
    cells = [cell for row in body for cell in row]
    return sum(not cell or number(cell) is not None for cell in cells) >= _NUMERIC * len(cells) and any(
        number(cell) is not None for cell in cells
    )


def _is_header_of_log(cells: Sequence[str]) -> bool:
    if any(number(cell) is not None for cell in cells):
        return False
    known = {what.canonical for cell in cells if (what := meaning(cell)) is not None}
    return "step" in known and not known.isdisjoint({"loss", "val_loss"})


def _names_each_number(rows: Sequence[Sequence[str]]) -> bool:
    """`step 0 loss 5.5`, line after line: it looks like a table, but the names stand beside the numbers."""
    words = [place for place, cell in enumerate(rows[0]) if cell and number(cell) is None]
    if len(rows) < 2 or not words or len(words) == len(rows[0]):
        return False
    alike = sum(all(row[place : place + 1] == rows[0][place : place + 1] for place in words) for row in rows)
    return alike >= _ALIKE * len(rows)


def is_header(cells: Sequence[str], names: Sequence[str]) -> bool:
    """The header, repeated or another one: a run was appended to an older file."""
    if tuple(cells) == tuple(names):
        return True
    return len(cells) > 1 and all(cell and number(cell) is None for cell in cells)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """A name that comes twice gets a number, so that no column is lost."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(distinct)
