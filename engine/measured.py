"""What a run has measured, and the first step at which a lesson's condition holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .conditions import Compares, Condition, Raises

Values = NDArray[np.float64]
WINDOW = 20
"""Steps of `mean`."""
SCATTER_WINDOW = 100
"""Steps of `scatter`."""


@dataclass(frozen=True, kw_only=True)
class MeasuredRun:
    """What a run has measured so far: for each metric a value a step, NaN before the first measurement."""

    columns: Mapping[str, Values]
    findings: Mapping[str, int] = field(default_factory=dict[str, int])
    """The step at which each kind was first known."""

    @property
    def steps(self) -> Values:
        return self.columns["step"]


def first_step(condition: Condition, record: MeasuredRun) -> int | None:
    """The first step at which a condition holds."""
    if not len(record.steps):
        return None
    holds = np.logical_and.reduce([_rows(test, record) for test in condition])
    return int(record.steps[int(np.argmax(holds))]) if holds.any() else None


def _rows(test: Raises | Compares, record: MeasuredRun) -> NDArray[np.bool_]:
    """Whether it holds, a row a step."""
    if isinstance(test, Raises):
        return record.steps >= record.findings.get(test.kind, np.inf)
    values = record.columns.get(test.metric)
    if values is None:
        return np.zeros(len(record.steps), bool)
    holds = compared(_reduced(values, test.reduction), test.operator, _limit(test, values), test.tolerance)
    if test.at:
        holds &= record.steps == (record.steps[-1] if test.at == "end" else float(test.at))
    return holds


def _limit(test: Compares, values: Values) -> Values | float:
    match test.unit:
        case "peak":
            return test.number * np.fmax.accumulate(values)
        case "start":
            known = values[~np.isnan(values)]
            return test.number * (known[0] if len(known) else np.nan)
        case _:
            return test.number


def at_steps(steps: Values, known: Values, values: Values) -> Values:
    """What was measured now and then, as a value a step: the latest, NaN before the first; `known` are its steps."""
    if not len(known):
        return np.full(len(steps), np.nan)
    rows = np.searchsorted(known, steps, side="right") - 1
    return np.where(rows >= 0, values[np.maximum(rows, 0)], np.nan)


def compared(values: Values, operator: str, limit: Values | float, tolerance: float) -> NDArray[np.bool_]:
    """NaN is neither above nor below anything."""
    with np.errstate(invalid="ignore"):
        match operator:
            case "<":
                return values < limit
            case "<=":
                return values <= limit
            case ">":
                return values > limit
            case ">=":
                return values >= limit
            case _:
                return np.abs(values - limit) <= tolerance


def _reduced(values: Values, reduction: str) -> Values:
    match reduction:
        case "max":
            return np.fmax.accumulate(values)
        case "min":
            return np.fmin.accumulate(values)
        case "average":
            return np.cumsum(values) / np.arange(1, len(values) + 1)
        case "mean":
            return _running_mean(values, WINDOW)
        case "scatter":
            with np.errstate(invalid="ignore"):
                return np.concatenate([[np.nan], _running_mean(np.abs(np.diff(values)), SCATTER_WINDOW)])
        case _:
            return values


def _running_mean(values: Values, window: int) -> Values:
    """Of the last values, or of all so far where they are fewer; NaN where one of them is not finite."""
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - window, 0)
    finite = np.isfinite(values)
    sums = np.cumsum(np.concatenate([[0.0], np.where(finite, values, 0.0)]))
    counts = np.cumsum(np.concatenate([[0], finite]))
    is_whole = counts[ends] - counts[begins] == ends - begins
    return np.where(is_whole, (sums[ends] - sums[begins]) / (ends - begins), np.nan)
