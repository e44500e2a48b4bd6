"""A table whose line breaks were lost, as where a page was copied as one paragraph: `epoch train_loss 1 0.5 2 0.4`."""

import re
from collections.abc import Iterator

from .record import number

_NAMES = re.compile(r"\bepoch(?:\s+[A-Za-z_]{1,40}){1,9}(?=\s+\d{1,9}\s)")
_COUNT = re.compile(r"[0-9]{1,9}")
_TIME = re.compile(r"\(?\d{1,4}:\d\d(?::\d\d)?\)?")
_LEAST = 2
"""Rows; a single one may be a sentence."""


def with_breaks(line: str) -> Iterator[str]:
    """The lines of such a table and what stands around it; any other line as it is."""
    names = _NAMES.search(line) if "epoch" in line and "loss" in line else None
    if names is None or "loss" not in names[0]:
        yield line
        return
    cells, width = line[names.end() :].split(), len(names[0].split())
    rows: list[str] = []
    taken = 0
    epoch: int | None = None
    while row := _row(cells[taken : taken + width + 1], width, epoch):
        rows.append(" ".join(row))
        taken, epoch = taken + len(row), int(row[0])
    if len(rows) < _LEAST:
        yield line
        return
    yield line[: names.start()]
    yield names[0]
    yield from rows
    yield " ".join(cells[taken:])


def _row(cells: list[str], width: int, epoch: int | None) -> list[str]:
    """An epoch, the next one of the last row's, and its numbers; the time that it took may have no name."""
    row = cells[:width]
    is_next = len(row) == width and _COUNT.fullmatch(row[0]) and (epoch is None or int(row[0]) == epoch + 1)
    if not is_next or any(number(cell) is None and not _TIME.fullmatch(cell) for cell in row[1:]):
        return []
    return cells if _TIME.fullmatch("".join(cells[width:])) else row
