"""Numbers that are computed from a view of a run: pace, epoch, perplexity, time left. Pure."""

import math

import numpy as np

from ...engine.schedule import planned_lr
from .curves import RECENT_STEPS
from .run_view import RunView

_SPAN = 30
"""Steps of the mean that stands in for a validation loss before there is one."""
_LARGEST_LOSS = 700.0
"""exp() of more overflows a float."""


def tokens_trained(view: RunView) -> int:
    """Tokens since step 0."""
    return int(view.curves["tokens"][-1]) if len(view.curves) else 0


def tokens_per_s(view: RunView) -> float:
    """The median over the recent steps; NaN before the first step."""
    recent = view.curves["tokens_per_s"][-RECENT_STEPS:]
    recent = recent[np.isfinite(recent)]
    return float(np.median(recent)) if len(recent) else math.nan


def epoch(view: RunView) -> float:
    """Passes over the training text; NaN before its length is known."""
    started = view.started
    return tokens_trained(view) / started.train_tokens if started and started.train_tokens else math.nan


def val_loss_at(view: RunView, step: float | None = None) -> float:
    """The validation loss of the last evaluation up to a step, or of the latest; NaN where there is none."""
    evaluated = view.evaluations
    count = len(evaluated) if step is None else int(np.searchsorted(evaluated["step"], step, side="right"))
    return float(evaluated["val_loss"][count - 1]) if count else math.nan


def current_perplexity(view: RunView) -> float:
    """exp of the latest validation loss; before the first, of the smoothed training loss."""
    loss = val_loss_at(view)
    loss = view.curves.smoothed_at("loss", _SPAN) if math.isnan(loss) else loss
    return math.exp(min(loss, _LARGEST_LOSS))


def time_left_s(view: RunView) -> float:
    """Seconds of training to the last step at the recent pace; NaN while there is none."""
    pace = view.curves.pace("time")
    return max(view.steps - view.step, 0) * pace if pace > 0 else math.nan


def clipped_share(view: RunView) -> float:
    """Share of the recent steps whose gradient was clipped; NaN before the first."""
    recent = view.curves["clipped"][-RECENT_STEPS:]
    return float(np.mean(recent)) if len(recent) else math.nan


def next_lr(view: RunView) -> float:
    """The learning rate of the next step."""
    return planned_lr(view.settings, view.step + 1, view.steps)


def changed_lr(view: RunView) -> float | None:
    """The learning rate of the next step, where a change after the last one has made it another."""
    is_new = view.end is None and bool(view.changes) and view.changes[-1].step == view.step
    return next_lr(view) if is_new and next_lr(view) != view.curves.at("lr") else None


def current_phase(view: RunView) -> str:
    """The name of the present training phase; empty before there is enough to tell."""
    return view.phases[-1].name if view.phases else ""
