"""Some entries of a log as columns: what a piece of a file holds, before it is known which run and step each row is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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


def block_of(records: Iterable[Record]) -> ColumnBlock:
    """Entries, cell by cell; what is no number is left out, but a date is the time of its entry."""
    rows = [*records]
    columns: dict[str, list[float]] = {}
    nans: dict[str, list[int]] = {}
    for place, record in enumerate(rows):
        for name, cell in record.items():
            value = cell if type(cell) is float else number(cell)
            if value is None and type(cell) is str and cell[:1].isdigit():
                name, value = WRITTEN, time_in(cell)
            if value is None or name in (RUN, RESUMED):
                continue
            column = columns.get(name)
            if column is None:
                column = columns[name] = [np.nan] * len(rows)
            column[place] = value
            if value != value:
                nans.setdefault(name, []).append(place)
    return ColumnBlock(
        rows=len(rows),
        columns={name: np.array(column) for name, column in columns.items()},
        nans={name: np.array(places) for name, places in nans.items()},
        resumed={place: number(record[RESUMED]) or 0.0 for place, record in enumerate(rows) if RESUMED in record},
        runs=[str(record.get(RUN, "")) for record in rows] if any(RUN in record for record in rows) else None,
    )
