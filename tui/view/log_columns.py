"""The columns of a log as rows of curves: several rows that hold parts of one step become one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ...engine.readers.step_columns import StepColumns, not_finite
from ..plots.series import Floats, Table
from .curves import LARGEST_DRAWN, Curves, drawable, extended
from .training_clock import TrainingClock

_NOTHING = np.array([np.nan])


class LogRows(NamedTuple):
    """The parts of a view that the rows of a log go into."""

    curves: Curves
    evaluations: Table
    nan_steps: Table
    clock: TrainingClock

    def after(self, columns: StepColumns) -> LogRows:
        """With more steps, the first of which is no earlier than the last that there is."""
        clock = self.clock
        if "time" in columns.columns and clock.began is None:
            times = columns.columns["time"]
            if len(known := times[np.isfinite(times)]):
                clock = clock.resumed(float(known[0]))
        val_loss = columns.columns.get("val_loss", np.empty(0))
        here = np.flatnonzero(np.isfinite(val_loss))
        evaluated = {"step": columns.steps[here], "val_loss": np.clip(val_loss[here], -LARGEST_DRAWN, LARGEST_DRAWN)}
        broken = not_finite(columns, ("loss", "val_loss", "grad_norm"))
        return LogRows(
            curves=_with_rows(self.curves, columns, clock),
            evaluations=self.evaluations.extended(evaluated) if len(here) else self.evaluations,
            nan_steps=self.nan_steps.extended({"step": broken}) if len(broken) else self.nan_steps,
            clock=clock,
        )


def _with_rows(curves: Curves, columns: StepColumns, clock: TrainingClock) -> Curves:
    """The first rows may go on with the last step that there is."""
    table = curves.rows
    rows = {name: column for name, column in columns.columns.items() if name != "val_loss"}
    rows = {"step": columns.steps, **rows}
    if len(table) and columns.steps[0] == table["step"][-1]:
        held = {name: table[name][-1:] for name in table.names}
        missing = np.full(len(columns), np.nan)
        rows = {name: np.append(held.get(name, _NOTHING), rows.get(name, missing)) for name in held | rows}
        table = table.first(len(table) - 1)
    rows = _merged(rows)
    if "time" in columns.columns:
        floor = float(table["time"][-1]) if len(table) else 0.0
        rows["time"] = clock.seconds(
            np.nan_to_num(rows["time"], posinf=0, neginf=0), floor if math.isfinite(floor) else 0.0
        )
    values = drawable(np.stack([*rows.values()]))  # at once: there may be thousands of columns
    return Curves(extended(table, dict(zip(rows, values, strict=True))))


def _merged(rows: Mapping[str, Floats]) -> dict[str, Floats]:
    """One row a step: of several that hold parts of it, the last value of each metric."""
    steps = rows["step"]
    starts = np.flatnonzero(np.append(True, np.diff(steps) > 0))
    if len(starts) == len(steps):
        return dict(rows)
    merged = {"step": steps[starts]}
    for name in [name for name in rows if name != "step"]:
        last = np.maximum.reduceat(np.where(np.isnan(rows[name]), -1, np.arange(len(steps))), starts)
        merged[name] = np.where(last >= 0, rows[name][last], np.nan)
    return merged
