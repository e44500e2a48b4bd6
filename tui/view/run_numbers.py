"""Numbers that are computed from a view of a run: pace, epoch, perplexity, time left. Pure."""

import math

import numpy as np

from ...engine.schedule import planned_lr
from ..plots.series import median
from .curves import RECENT_STEPS
from .phases import Phase
from .run_view import RunView

_ILL = frozenset({"oscillation", "spike"})
_FEWEST_IN_A_THIRD = 10
_NEXT_TO_NOTHING = 0.02
"""Share of the whole fall."""
_SPAN = 30
"""Steps of the mean that stands in for a validation loss before there is one."""
_AT_ONCE = 1 << 12
"""Rows that are looked at for the last number."""
_LARGEST_LOSS = 700.0
"""exp() of more overflows a float."""


def last_known(view: RunView, name: str, step: float | None = None, span: int = 1) -> float:
    """The last value of a metric up to a step, or its mean over about `span` of them; NaN where there is none."""
    row = view.curves.row(step)
    if row is None or name not in view.curves.rows.names:
        return math.nan
    values, end = view.curves[name], row + 1
    while end > 0 and view.curves.has(name):
        start = max(end - _AT_ONCE, 0)
        here = np.flatnonzero(np.isfinite(values[start:end]))
        if len(here):
            return float(view.curves.smoothed(name, span)[start + here[-1]])
        end = start
    return math.nan


def tokens_trained(view: RunView) -> int:
    """Tokens since step 0."""
    tokens = view.curves.at("tokens")
    return int(tokens) if math.isfinite(tokens) else 0


def tokens_per_s(view: RunView) -> float:
    """The median over the recent steps; NaN before the first step."""
    recent = view.curves["tokens_per_s"][-RECENT_STEPS:]
    recent = recent[np.isfinite(recent)]
    return median(recent)


def epoch(view: RunView) -> float:
    """Passes over the training text; NaN before its length is known."""
    started = view.started
    return tokens_trained(view) / started.train_tokens if started and started.train_tokens else math.nan


def val_loss_at(view: RunView, step: float | None = None) -> float:
    """The validation loss of the last evaluation up to a step, or of the latest; NaN where there is none."""
    return evaluation_at(view, step)[1]


def evaluation_at(view: RunView, step: float | None = None) -> tuple[float, float]:
    """Step and validation loss of the last evaluation up to a step, or of the latest; NaN where there is none."""
    evaluated = view.evaluations
    count = len(evaluated) if step is None else int(np.searchsorted(evaluated["step"], step, side="right"))
    if not count:
        return math.nan, math.nan
    return float(evaluated["step"][count - 1]), float(evaluated["val_loss"][count - 1])


def current_perplexity(view: RunView) -> float:
    """exp of the latest validation loss; before the first, of the smoothed training loss."""
    loss = val_loss_at(view)
    loss = view.curves.smoothed_at("loss", _SPAN) if math.isnan(loss) else loss
    return math.exp(min(loss, _LARGEST_LOSS))


def time_left_s(view: RunView) -> float:
    """Seconds of training to the last step at the recent pace of this worker; NaN while there is none."""
    first = np.searchsorted(view.curves["step"], view.started.step if view.started else 0, side="right")
    recent = slice(max(int(first), len(view.curves) - RECENT_STEPS), None)
    steps, times = view.curves["step"][recent], view.curves["time"][recent]
    if len(steps) < 2 or times[-1] <= times[0]:
        return math.nan
    if not view.steps:
        return math.nan
    return max(view.steps - view.step, 0) * float((times[-1] - times[0]) / (steps[-1] - steps[0]))


def clipped_share(view: RunView) -> float:
    """Share of the recent steps whose gradient was clipped; NaN before the first."""
    recent = view.curves["clipped"][-RECENT_STEPS:]
    return float(np.mean(recent)) if len(recent) else math.nan


def next_lr(view: RunView) -> float:
    """The learning rate of the next step."""
    return planned_lr(view.settings, view.step + 1, view.steps)


def shown_phases(view: RunView) -> tuple[Phase, ...]:
    """The phases of training; none while the run fails or swings, because its slope then has another cause."""
    open_now = [episode.finding for episode in view.findings if episode.closed is None]
    is_ill = any(finding.severity == "failure" or finding.kind in _ILL for finding in open_now)
    return () if is_ill else view.phases


def changed_lr(view: RunView) -> float | None:
    """The learning rate of the next step, where a change after the last one has made it another."""
    is_new = view.described is None and view.end is None and bool(view.changes) and view.changes[-1].step == view.step
    return next_lr(view) if is_new and next_lr(view) != view.curves.at("lr") else None


def current_phase(view: RunView) -> str:
    """The name of the present training phase; empty before there is enough to tell, and where its word is not true."""
    phases = shown_phases(view)
    if not phases or (phases[-1].name != "refinement" and _is_flat(view)):
        return ""
    return phases[-1].name


def _is_flat(view: RunView) -> bool:
    """Whether the last third of the run has brought next to nothing, or worse than nothing."""
    loss = view.curves["loss"]
    loss = loss[np.isfinite(loss)]
    third = len(loss) // 3
    if third < _FEWEST_IN_A_THIRD:
        return False
    first, before, last = loss[:_FEWEST_IN_A_THIRD].max(), loss[-2 * third : -third].mean(), loss[-third:].mean()
    return bool(before - last < _NEXT_TO_NOTHING * (first - last))
