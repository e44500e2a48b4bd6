"""Runs side by side: two to eight curves with a letter each, what they reached, and which settings differ. Pure.

Where the curves came from, a run of ours or the log of another program, makes no difference here.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

import numpy as np

from ...engine.metrics import METRICS
from ..formatting import compact, setting
from ..plots.canvas import ColorRole
from ..plots.series import Floats, Table
from ..plots.viewport import XAxis
from .curves import Curves

LETTERS = "ABCDEFGH"
_MOST_DECIMALS = 5
"""Of a difference that is written without an exponent."""
MOST_RUNS = len(LETTERS)
MEAN_SPAN = 30
"""Steps of the mean that stands for a loss at one step."""
_LOSSES = ("loss", "val_loss")
_AXES = ("step", "time", "tokens", "epoch")
"""Columns that say where a row stands."""

Direction = Literal["lower", "higher"]


def _no_steps() -> Table:
    return Table.of(step="f8")


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
    nan_steps: Table = field(default_factory=_no_steps)
    """A row a step whose loss, validation loss or gradient norm was not finite: step."""
    chance_loss: float | None = None
    """The loss of guessing; None where it is not known."""
    span: int = MEAN_SPAN
    """Rows of the mean that stands for a loss at one step."""

    @property
    def role(self) -> ColorRole:
        return ColorRole[f"COMPARED_{self.letter}"]

    def values(self, metric: str) -> tuple[Floats, Floats]:
        """Steps at which it was measured, and the values there; the loss is a mean over `span` rows."""
        return self.course(metric, "step", self.span if metric == "loss" else 1)

    def course(self, metric: str, axis: XAxis, span: int) -> tuple[Floats, Floats]:
        """A metric along an axis; NaN is a value of the losses, and not of what may be missing at a step."""
        if metric == "val_loss":
            return self.curves.x_of(self.evaluations["step"], axis), self.evaluations["val_loss"]
        if metric not in self.curves.rows.names:
            return np.empty(0), np.empty(0)
        if metric != "loss":
            return self.curves.measured(metric, axis, span)
        here = np.isfinite(self.curves["loss"]) | np.isin(self.curves["step"], self.nan_steps["step"])
        here &= np.isfinite(self.curves[axis])
        if here.all():
            return self.curves[axis], self.curves.smoothed("loss", span)
        return self.curves[axis][here], self.curves.smoothed("loss", span)[here]

    @property
    def metrics(self) -> list[str]:
        """Those that were measured: the losses first, then what is known, then what the log alone knows."""
        own = [name for name in self.curves.rows.names if name not in _AXES and self.curves.has(name)]
        found = [*(["val_loss"] if len(self.evaluations) else []), *own]
        places = {name: place for place, name in enumerate(METRICS)}
        return sorted(found, key=lambda name: places.get(name, len(places)))


class Difference(NamedTuple):
    """The same metric of two runs at the last step that both have."""

    metric: str
    step: int
    now: float
    was: float

    @property
    def better(self) -> float:
        """By how much it is lower, or higher where that is better; below 0 it is worse.

        A number is infinitely better than none.
        """
        if math.isfinite(self.now) and math.isfinite(self.was):
            return self.now - self.was if direction_of(self.metric) == "higher" else self.was - self.now
        return (math.isfinite(self.now) - math.isfinite(self.was)) * math.inf if self.now != self.was else 0.0


class Reached(NamedTuple):
    step: int
    value: float


def free_letter(taken: Sequence[str]) -> str | None:
    """The first letter that no run has."""
    return next((letter for letter in LETTERS if letter not in taken), None)


def held_against(
    run: ComparedRun, baseline: ComparedRun, metrics: Sequence[str] = ("val_loss", "loss")
) -> Difference | None:
    """By the first metric that both have at the same step, else by the first that both have up to one step.

    The loss is its mean. None where they share no steps.
    """
    for metric in metrics:
        (steps, values), (others, theirs) = run.values(metric), baseline.values(metric)
        common, ours, there = np.intersect1d(steps, others, assume_unique=True, return_indices=True)
        if len(common) and common[-1] > 0:  # at step 0 nothing has been trained
            return Difference(metric, int(common[-1]), float(values[ours[-1]]), float(theirs[there[-1]]))
    for metric in metrics:  # logs need not be written at the same steps
        (steps, values), (others, theirs) = run.values(metric), baseline.values(metric)
        if not (len(steps) and len(others)):
            continue
        step = float(min(steps[-1], others[-1]))
        if step >= max(steps[0], others[0]) and step > 0:
            return Difference(metric, int(step), _up_to(step, steps, values), _up_to(step, others, theirs))
    return None


def _up_to(step: float, steps: Floats, values: Floats) -> float:
    """The last value, of those there are, up to a step."""
    return float(values[np.searchsorted(steps, step, side="right") - 1])


def direction_of(metric: str) -> Direction | None:
    """Which way is better; None where neither is by itself, or it is not known."""
    if metric in METRICS:
        return METRICS[metric].better
    word = metric.lower()
    if any(part in word for part in ("loss", "perplexity", "error")):
        return "lower"
    return "higher" if any(part in word for part in ("acc", "reward", "return", "f1", "auc", "bleu")) else None


def usual_metric(runs: Sequence[ComparedRun]) -> str:
    """What is looked at first: a loss, or else the first metric that most of the runs have."""
    for name in _LOSSES:
        if any(len(run.values(name)[0]) for run in runs):
            return name
    return next(iter(all_metrics(runs)), "loss")


def having(runs: Sequence[ComparedRun], metric: str) -> Sequence[ComparedRun]:
    """The runs in which a metric was measured; all of them where it was in none."""
    return [run for run in runs if len(run.values(metric)[0])] or runs


def all_metrics(runs: Sequence[ComparedRun]) -> list[str]:
    """Of every run: those that more runs have come first, except that the losses always do."""
    counts = Counter(name for run in runs for name in run.metrics)
    return sorted(counts, key=lambda name: (name not in _LOSSES, -counts[name]))


def last_point(run: ComparedRun, metric: str) -> Reached | None:
    steps, values = run.values(metric)
    return Reached(int(steps[-1]), float(values[-1])) if len(steps) else None


def best_point(run: ComparedRun, metric: str, way: Direction = "lower") -> Reached | None:
    """The lowest or the highest value; None where there is no number."""
    steps, values = run.values(metric)
    if not np.isfinite(values).any():
        return None
    row = int(np.nanargmin(values) if way == "lower" else np.nanargmax(values))
    return Reached(int(steps[row]), float(values[row]))


def different_settings(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    """The keys whose values are not the same in all runs of which they are known, with the value in each run.

    Those that several of the runs have come first: programs that name their settings otherwise share none.
    """
    known = [run for run in runs if run.settings]
    keys = dict.fromkeys(key for run in known for key in run.settings)
    differing = [key for key in keys if len({repr(run.settings.get(key)) for run in known}) > 1]
    differing.sort(key=lambda key: sum(key in run.settings for run in known) < 2)
    return [(key, [_setting_words(run.settings.get(key)) for run in runs]) for key in differing]


def difference_words(found: Difference, *, at_step: bool = False) -> str:
    """Such as `val_loss 2.69, was 3.06: 0.37 better`, or `mean loss 2.95 at step 97, was 3.02: 0.07 better`."""
    metric = "mean loss" if found.metric == "loss" else found.metric
    place = f" at step {found.step}" if at_step else ""
    reached = f"{metric} {compact(found.now)}{place}, was {compact(found.was)}"
    if math.isnan(found.better) or math.isinf(found.better):
        return reached
    return f"{reached}: {better_words(found)}"


def better_words(found: Difference) -> str:
    """Of two numbers, to the digits that both are shown with: what stands beside it adds up, and noise is none."""
    if not found.better:
        return "no difference"
    decimals = min(_decimals(found.now), _decimals(found.was))
    by = round(abs(found.better), decimals)
    if by == 0:
        return "no difference"
    shown = f"{by:.{decimals}f}" if 0 <= decimals <= _MOST_DECIMALS else compact(by)
    return f"{shown} {'better' if found.better > 0 else 'worse'}"


def _decimals(value: float) -> int:
    """Digits behind the point, or zeros before it as a negative number."""
    exponent = Decimal(compact(value)).as_tuple().exponent
    assert isinstance(exponent, int), "it is finite"
    return -exponent if value else _MOST_DECIMALS


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
    if better_by is None or found.metric != "val_loss" or found.better == math.inf:
        return words  # than NaN any number is better, whatever was promised
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
