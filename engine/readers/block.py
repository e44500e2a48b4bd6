"""Some entries of a log as columns: what a piece of a file holds, before it is known which run and step each row is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from .record import RESUMED, RUN, WRITTEN, Record, number
from .times import time_in

Floats64 = NDArray[np.float64]
Places = NDArray[np.intp]

NO_ROWS: Places = np.empty(0, np.intp)


@dataclass(frozen=True, kw_only=True, eq=False)
class ColumnBlock:
    rows: int
    columns: Mapping[str, Floats64]
    """By the names of the file; NaN where a cell holds no number, or NaN."""
    nans: Mapping[str, Places] = field(default_factory=dict)
    """The rows of a column in which NaN was written down."""
    runs: Sequence[str] | None = None
    """The name of each row's run, where the log has such names."""
    resumed: Mapping[int, float] = field(default_factory=dict)
    """The rows with which a program began to write, and how that shows, as in `Row`."""

    def present(self, name: str) -> NDArray[np.bool_]:
        """The rows that hold a number of this column, NaN included."""
        held = ~np.isnan(self.columns[name])
        held[self.nans.get(name, NO_ROWS)] = True
        return held


_MISSING = float("nan")
"""Stands for a number that is not there: unlike NaN that was written it is always this object."""


def block_of(records: Iterable[Record]) -> ColumnBlock:
    """Entries, cell by cell; what is no number is left out, but a date is the time of its entry."""
    rows = [*records]
    cells = _columns_of_numbers(rows) or _columns(rows)
    columns = {name: np.array(column) for name, column in cells.items()}
    nans = {name: _written_nans(cells[name]) for name, column in columns.items() if np.isnan(column).any()}
    return ColumnBlock(
        rows=len(rows),
        columns=columns,
        nans={name: places for name, places in nans.items() if len(places)},
        resumed={place: number(record[RESUMED]) or 0.0 for place, record in enumerate(rows) if RESUMED in record},
        runs=[str(record.get(RUN, "")) for record in rows] if any(RUN in record for record in rows) else None,
    )


def _columns_of_numbers(rows: Sequence[Record]) -> dict[str, list[float]]:
    """As `_columns`, in a third of the time; nothing where some cells are no numbers, or most are missing."""
    names = dict.fromkeys(chain.from_iterable(rows))
    if 2 * sum(map(len, rows)) < len(names) * len(rows):
        return {}
    columns: dict[str, list[float]] = {}
    for name in names:
        if name in (RUN, RESUMED):
            continue
        cells = [row.get(name, _MISSING) for row in rows]
        kinds = set(map(type, cells))
        if not kinds <= {float, int}:
            return {}
        columns[name] = cells if int not in kinds else [*map(number, cells)]  # pyright: ignore[reportArgumentType]
    return columns


def _columns(rows: Sequence[Record]) -> dict[str, list[float]]:
    """A number a row, or _MISSING."""
    columns: dict[str, list[float]] = {}
    for place, record in enumerate(rows):
        for name, cell in record.items():
            value = cell if type(cell) is float else number(cell)
            if value is None and type(cell) is str and cell[:1].isdigit():
                name, value = WRITTEN, time_in(cell)
            if value is None or name in (RUN, RESUMED):
                continue
            column = columns.get(name)
            if column is None:
                column = columns[name] = [_MISSING] * len(rows)
            column[place] = value
    return columns


def _written_nans(column: Sequence[float]) -> Places:
    return np.array([place for place, value in enumerate(column) if value != value and value is not _MISSING], np.intp)
