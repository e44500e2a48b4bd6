"""Many steps of a run at once, column by column: a million rows need not become a million objects to be drawn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Self

import numpy as np

from ..diagnostics.row import Row
from .block import NO_ROWS, Floats64, Places


@dataclass(frozen=True, kw_only=True, eq=False)
class StepColumns:
    steps: Floats64
    """They do not fall; several rows may hold parts of one step."""
    columns: Mapping[str, Floats64]
    """Metric -> a value a row: canonical names for known ones, the log's own for others. NaN where there is none."""
    nans: Mapping[str, Places] = field(default_factory=dict)
    """The rows of a metric in which it was measured and is NaN."""
    resumed: Mapping[int, float] = field(default_factory=dict)
    """The rows with which a program began to write, and how that shows, as in `Row`."""

    def __len__(self) -> int:
        return len(self.steps)

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Self:
        columns: dict[str, Floats64] = {}
        nans: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            for name, value in row.values.items():
                columns.setdefault(name, np.full(len(rows), np.nan))[place] = value
                if value != value:
                    nans.setdefault(name, []).append(place)
        steps = np.array([row.step for row in rows], "f8")
        marks = {place: row.resumed for place, row in enumerate(rows) if row.resumed is not None}
        places = {name: np.array(where) for name, where in nans.items()}
        return cls(steps=steps, columns=columns, nans=places, resumed=marks)

    def part(self, start: int, end: int) -> Self:
        inside = {name: where[(where >= start) & (where < end)] - start for name, where in self.nans.items()}
        columns = {name: column[start:end] for name, column in self.columns.items()}
        marks = {place - start: pause for place, pause in self.resumed.items() if start <= place < end}
        return type(self)(steps=self.steps[start:end], columns=columns, nans=inside, resumed=marks)

    def rows(self, names: Sequence[str] | None = None) -> Iterator[Row]:
        """Row by row, with the metrics of these names alone, in their order."""
        chosen = [name for name in (self.columns if names is None else names) if name in self.columns]
        cells = zip(*(self.columns[name].tolist() for name in chosen), strict=True) if chosen else iter(())
        if chosen and not self.resumed and not any(np.isnan(self.columns[name]).any() for name in chosen):
            # without a bytecode for any
            yield from map(Row, map(int, self.steps.tolist()), map(dict, map(zip, repeat(chosen), cells)))
            return
        broken: dict[int, list[str]] = {}
        for name in chosen:
            for place in self.nans.get(name, NO_ROWS).tolist():
                broken.setdefault(place, []).append(name)
        for place, (step, values) in enumerate(zip(self.steps.tolist(), cells, strict=bool(chosen))):
            nans = broken.get(place, ())
            held = {name: value for name, value in zip(chosen, values, strict=True) if value == value or name in nans}
            yield Row(int(step), held, self.resumed.get(place))


def not_finite(columns: StepColumns, names: Sequence[str]) -> Floats64:
    """The steps at which any of these metrics was measured and is no finite number."""
    broken = np.zeros(len(columns), bool)
    for name in names:
        if name in columns.columns:
            broken |= np.isinf(columns.columns[name])
            broken[columns.nans.get(name, NO_ROWS)] = True
    steps = columns.steps[broken]
    return steps[np.diff(steps, prepend=-np.inf) > 0]  # np.unique would import numpy.ma
