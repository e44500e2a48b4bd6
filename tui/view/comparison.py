"""Runs side by side: two to eight curves with a letter each, what they reached, and which settings differ. Pure.

Where the curves came from, a run of ours or the log of another program, makes no difference here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from ..formatting import compact, setting
from ..plots.canvas import ColorRole
from ..plots.series import Floats, Table
from .curves import Curves

LETTERS = "ABCDEFGH"
MOST_RUNS = len(LETTERS)
MEAN_SPAN = 30
"""Steps of the mean that stands for a loss at one step."""

ComparedMetric = Literal["loss", "val_loss"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedRun:
    letter: str
    """One of LETTERS; it stays with the run when others come and go, and so does its colour."""
    name: str
    curves: Curves
    evaluations: Table
    """A row an evaluation: step, val_loss."""
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    """By config key, as the run was started; empty for a run of which they are not known."""
    is_over: bool = True

    @property
    def role(self) -> ColorRole:
        return ColorRole[f"COMPARED_{self.letter}"]

    def values(self, metric: ComparedMetric) -> tuple[Floats, Floats]:
        """Steps, and the values there; the loss is a mean over MEAN_SPAN steps."""
        if metric == "val_loss":
            return self.evaluations["step"], self.evaluations["val_loss"]
        return self.curves["step"], self.curves.smoothed("loss", MEAN_SPAN)


class Difference(NamedTuple):
    """The same metric of two runs at the last step that both have."""

    metric: ComparedMetric
    step: int
    now: float
    was: float

    @property
    def better(self) -> float:
        """By how much it is lower; below 0 it is higher. A number is infinitely better than none."""
        if math.isfinite(self.now) and math.isfinite(self.was):
            return self.was - self.now
        return (math.isfinite(self.now) - math.isfinite(self.was)) * math.inf if self.now != self.was else 0.0


class Reached(NamedTuple):
    step: int
    value: float


def free_letter(taken: Sequence[str]) -> str | None:
    """The first letter that no run has."""
    return next((letter for letter in LETTERS if letter not in taken), None)


def held_against(run: ComparedRun, baseline: ComparedRun) -> Difference | None:
    """By val_loss where both have one at the same step, by the mean loss otherwise; None where they share no step."""
    for metric in ("val_loss", "loss"):
        (steps, values), (others, theirs) = run.values(metric), baseline.values(metric)
        common, ours, there = np.intersect1d(steps, others, assume_unique=True, return_indices=True)
        if len(common) and common[-1] > 0:  # at step 0 nothing has been trained
            return Difference(metric, int(common[-1]), float(values[ours[-1]]), float(theirs[there[-1]]))
    return None


def last_point(run: ComparedRun, metric: ComparedMetric) -> Reached | None:
    steps, values = run.values(metric)
    return Reached(int(steps[-1]), float(values[-1])) if len(steps) else None


def best_point(run: ComparedRun, metric: ComparedMetric) -> Reached | None:
    """The lowest value; None where there is no number."""
    steps, values = run.values(metric)
    if not np.isfinite(values).any():
        return None
    row = int(np.nanargmin(values))
    return Reached(int(steps[row]), float(values[row]))


def different_settings(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    """The keys whose values are not the same in all runs of which they are known, with the value in each run."""
    known = [run for run in runs if run.settings]
    keys = dict.fromkeys(key for run in known for key in run.settings)
    differing = [key for key in keys if len({repr(run.settings.get(key)) for run in known}) > 1]
    return [(key, [_setting_words(run.settings.get(key)) for run in runs]) for key in differing]


def difference_words(found: Difference, *, at_step: bool = False) -> str:
    """Such as `val_loss 2.69, was 3.06: 0.37 better`, or `mean loss 2.95 at step 97, was 3.02: 0.07 better`."""
    metric = "mean loss" if found.metric == "loss" else found.metric
    place = f" at step {found.step}" if at_step else ""
    reached = f"{metric} {compact(found.now)}{place}, was {compact(found.was)}"
    if math.isnan(found.better) or math.isinf(found.better):
        return reached
    return f"{reached}: {better_words(found.better)}"


def better_words(better: float) -> str:
    if abs(better) < 0.005:
        return "no difference"
    return f"{abs(better):.2f} {'better' if better > 0 else 'worse'}"


def outcome_words(run: ComparedRun, baseline: ComparedRun, better_by: float | None = None) -> str:
    """What became of a change so far; held against what was promised of it, once both runs are over at one step."""
    found = held_against(run, baseline)
    if found is None:
        return ""
    ends = [last_point(each, "loss") for each in (run, baseline)]
    at_end = run.is_over and all(end is not None and end.step == found.step for end in ends)
    if not at_end:
        return difference_words(found, at_step=True)
    words = difference_words(found)
    if better_by is None or found.metric != "val_loss":
        return words
    kept = found.better >= better_by
    return f"{words}; {_promise_words(better_by)} was promised{'' if kept else ', which did not come true'}"


def _promise_words(better_by: float) -> str:
    if better_by > 0:
        return f"at least {better_by:g} better"
    return f"at most {-better_by:g} worse" if better_by < 0 else "no worse"


def _setting_words(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return setting(value)
        case list() | tuple():
            return ", ".join(map(str, value)) or "none"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case _:
            return str(value)
