"""The curves of a run: a row a step, and what can be asked of them by step or by position on an x axis."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from msgspec import UnsetType

from ...engine.finished_steps import FIELDS, FinishedSteps
from ...engine.metrics import EACH_STEP
from ..plots.series import Floats, Table, interpolated
from ..plots.viewport import Extent, XAxis
from .training_clock import TrainingClock

RECENT_STEPS = 100
"""Steps over which a pace or a share is taken."""

LARGEST_DRAWN = float(np.finfo(np.float32).max)
"""Beyond it a curve is cut: the span of an axis with room around it would overflow."""
_PRECISE = frozenset(("loss", "grad_norm", "tokens"))
"""Metrics that need more than the seven digits of 32 bits."""
COLUMNS = {"step": "f8", "time": "f8", **{name: "f8" if name in _PRECISE else "f4" for name in EACH_STEP}}


@dataclass(frozen=True, eq=False)
class Curves:
    """Columns: step, time (seconds of training) and every metric that is measured each step; clipped is 0 or 1.

    What is not finite or was not measured is NaN. Steps rise.
    """

    rows: Table

    @classmethod
    def empty(cls) -> Self:
        return cls(Table.of(**COLUMNS))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Floats:
        return self.rows[name]

    def smoothed(self, name: str, span: int) -> Floats:
        """See Table.smoothed."""
        return self.rows.smoothed(name, span)

    def after(self, steps: FinishedSteps, clock: TrainingClock) -> Self:
        """With more rows, the steps of which come after those there are."""
        floor = float(self["time"][-1]) if len(self) else 0.0
        rows = dict(zip(FIELDS, drawable(steps.numbers), strict=True))
        rows["time"] = clock.seconds(steps["time"], floor)
        others = dict.fromkeys(name for numbers in steps.others if numbers for name in numbers)
        if not others and len(self.rows.names) == len(COLUMNS):
            return type(self)(self.rows.extended(rows))
        rows |= {_free(name): drawable(_other(steps.others, name)) for name in others}
        return type(self)(extended(self.rows, rows))

    def has(self, name: str) -> bool:
        """Whether it was measured at any step."""
        return name in self.rows.names and self.rows.has(name)

    def measured(self, name: str, axis: XAxis, span: int = 1) -> tuple[Floats, Floats]:
        """Where on an axis a metric was measured, and its values or their means over about `span` of them."""
        x, values = self.rows[axis], self.rows.smoothed(name, span)
        if self.rows.is_whole(name) and self.rows.is_whole(axis):
            return x, values
        here = np.isfinite(self.rows[name]) & np.isfinite(x)
        return x[here], values[here]

    def up_to(self, step: int) -> Self:
        return type(self)(self.rows.first(int(np.searchsorted(self["step"], step, side="right"))))

    @property
    def extent(self) -> Extent:
        """The first and the last step; 1 and 1 before there is any."""
        return (float(self["step"][0]), float(self["step"][-1])) if len(self) else (1.0, 1.0)

    def row(self, step: float | None = None) -> int | None:
        """The row of a step, the one before it where there is a gap, or the latest; None where there is none."""
        if step is None or not len(self):
            return len(self) - 1 if len(self) else None
        return max(int(np.searchsorted(self["step"], step, side="right")) - 1, 0)

    def at(self, name: str, step: float | None = None) -> float:
        """The value at a step, or the latest; NaN where there is none."""
        row = self.row(step)
        return float(self[name][row]) if row is not None else math.nan

    def smoothed_at(self, name: str, span: int, step: float | None = None) -> float:
        row = self.row(step)
        return float(self.smoothed(name, span)[row]) if row is not None else math.nan

    def x_of(self, steps: Floats, axis: XAxis) -> Floats:
        """Steps on an x axis; those to come go on at the recent pace."""
        if axis == "step" or not len(self):
            return steps
        known, places = _placed(self.rows, axis)
        beyond = np.maximum(steps - known[-1], 0.0)
        return interpolated(steps, known, places) + beyond * self.pace(axis)

    def steps_of(self, x: Floats, axis: XAxis) -> Floats:
        """The steps at positions on an x axis."""
        if axis == "step" or not len(self):
            return x
        known, places = _placed(self.rows, axis)
        beyond, pace = np.maximum(x - places[-1], 0.0), self.pace(axis)
        return interpolated(x, places, known) + (beyond / pace if pace > 0 else 0.0)

    def pace(self, column: str) -> float:
        """How much a column grows in a step, recently; 0 before that can be said."""
        steps, values = (numbers[-RECENT_STEPS:] for numbers in _placed(self.rows, column))
        return float((values[-1] - values[0]) / (steps[-1] - steps[0])) if len(steps) > 1 else 0.0


def extended(table: Table, rows: Mapping[str, Floats]) -> Table:
    """With more rows; columns that are missing here or there hold no number."""
    table = table.widened(rows)
    missing = np.full(len(rows["step"]), np.nan)
    return table.extended({name: rows.get(name, missing) for name in table.names})


def _free(name: str) -> str:
    """A name of a program's own that no column of ours has."""
    return f"{name} (other)" if name in COLUMNS else name


def _other(others: Sequence[Mapping[str, float] | UnsetType], name: str) -> Floats:
    return np.array([numbers.get(name, np.nan) if numbers else np.nan for numbers in others], "f8")


def drawable(values: Floats) -> Floats:
    return np.clip(np.where(np.isfinite(values), values, np.nan), -LARGEST_DRAWN, LARGEST_DRAWN)


def _placed(rows: Table, column: str) -> tuple[Floats, Floats]:
    """The steps at which a column has a number, and those; a log need not have it in every row."""
    if rows.is_whole(column) or not rows.has(column):
        return rows["step"], rows[column]
    known = np.isfinite(rows[column])
    return rows["step"][known], rows[column][known]
