"""A run as it is exported: its metrics as series, its diagnosis, and what is known of its settings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..diagnostics.report import Report
from ..metrics import METRICS
from ..readers.block import NO_ROWS
from ..readers.step_columns import StepColumns


@dataclass(frozen=True, eq=False)
class Series:
    """The values of one metric where it was measured; NaN is a value. Steps rise."""

    steps: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, points: Mapping[int, float]) -> "Series":
        steps = sorted(points)
        return cls(np.array(steps, np.int64), np.array([points[step] for step in steps], np.float64))

    @classmethod
    def of_columns(cls, pieces: Sequence[StepColumns], name: str) -> "Series":
        """One metric of a log's pieces; of a step that comes again the later value counts."""
        steps, values = [], []
        for piece in pieces:
            if name in piece.columns:
                is_measured = ~np.isnan(piece.columns[name])
                is_measured[piece.nans.get(name, NO_ROWS)] = True
                steps.append(piece.steps[is_measured])
                values.append(piece.columns[name][is_measured])
        all_steps = np.concatenate(steps)[::-1].astype(np.int64)
        unique, places = np.unique(all_steps, return_index=True)
        return cls(unique, np.concatenate(values)[::-1][places])

    def __len__(self) -> int:
        return len(self.steps)

    def reduced(self, most: int) -> "Series":
        """At most about so many points: the lowest and the highest of each stretch, so that no spike is lost."""
        if len(self) <= most:
            return self
        kept: list[int] = []
        for part in np.array_split(np.arange(len(self)), most // 2):
            values = self.values[part]
            known = part[~np.isnan(values)]
            if len(known):
                kept += sorted({int(known[np.argmin(self.values[known])]), int(known[np.argmax(self.values[known])])})
            else:
                kept.append(int(part[0]))
        return Series(self.steps[kept], self.values[kept])


@dataclass(frozen=True, kw_only=True, eq=False)
class RunSeries:
    name: str
    title: str
    series: Mapping[str, Series]
    report: Report
    chance_loss: float | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    """By the names of the program that trained."""
    changes: Sequence[tuple[int, str]] = ()
    """Step and what was changed."""
    samples: Sequence[tuple[int, str]] = ()
    """Step and what the model wrote then."""
    tell: Callable[[int, int], None] = lambda done, of: None
    """Called with each of the `rows` that is handed out, and how many there are."""

    @property
    def metrics(self) -> list[str]:
        """Known ones first, in their usual order."""
        known = [name for name in METRICS if name in self.series]
        return [*known, *(name for name in self.series if name not in METRICS)]

    def rows(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Step and what was measured there, the steps rising."""
        columns = [(name, self.series[name]) for name in self.metrics]
        places = [0] * len(columns)
        steps = np.unique(np.concatenate([column.steps for _, column in columns] or [np.empty(0, np.int64)]))
        for done, step in enumerate(steps):
            self.tell(done, len(steps))
            row: dict[str, float] = {}
            for index, (name, column) in enumerate(columns):
                place = places[index]
                if place < len(column) and column.steps[place] == step:
                    row[name] = float(column.values[place])
                    places[index] += 1
            yield int(step), row
