"""What happened at single steps of a run, as every plot marks it."""

from typing import Literal, NamedTuple

import numpy as np

from ..text import visible
from .run_view import RunView

MarkKind = Literal["finding", "change", "checkpoint", "best"]


class StepMark(NamedTuple):
    step: int
    kind: MarkKind
    text: str
    """May come from outside."""


def step_marks(view: RunView) -> tuple[StepMark, ...]:
    """All marks, apart from steps that were not finite: `view.nan_steps` has those."""
    best = best_checkpoint(view)
    return (
        *(
            StepMark(checkpoint.step, "best" if checkpoint.step == best else "checkpoint", checkpoint.name)
            for checkpoint in view.checkpoints
        ),
        *(StepMark(change.step, "change", change.summary) for change in view.changes),
        *(
            StepMark(episode.finding.onset, "finding", episode.finding.kind)
            for episode in view.findings
            if episode.finding.is_alarm
        ),
    )


def best_checkpoint(view: RunView) -> int | None:
    """The step of the checkpoint with the lowest val_loss, of those that were saved where it was measured."""
    measured, saved = view.evaluations["step"], np.array([checkpoint.step for checkpoint in view.checkpoints])
    # by places, because np.isin would import numpy.ma with the first picture
    places = np.minimum(np.searchsorted(measured, saved), max(len(measured) - 1, 0))
    places = places[measured[places] == saved] if len(measured) else places[:0]
    steps, val_losses = measured[places], view.evaluations["val_loss"][places]
    return None if np.isnan(val_losses).all() else int(steps[np.nanargmin(val_losses)])


def marks_near(view: RunView, step: float, reach: float) -> list[str]:
    """What happened within `reach` steps of a step, in words that are safe to show."""
    words = [f"{mark.kind}: {visible(mark.text)}" for mark in step_marks(view) if abs(mark.step - step) <= reach]
    nans = view.nan_steps["step"]
    first = int(np.searchsorted(nans, step - reach))
    return [*words, "NaN"] if first < len(nans) and nans[first] <= step + reach else words
