"""Decides what a run does when its loss is no longer a finite number."""

import math
from collections.abc import Iterable
from typing import Literal

from ..events import Event, StepFinished

NanPolicy = Literal["stop", "pause", "continue"]


class LossWatch:
    """Applies `training.on_nan` after every step.

    "pause" applies to the first step of an episode, so that a run that is resumed is not paused again at once.
    """

    def __init__(self, on_nan: NanPolicy) -> None:
        self._on_nan: NanPolicy = on_nan
        self._was_finite = True

    def after_step(self, events: Iterable[Event]) -> NanPolicy:
        losses = [event.loss for event in events if isinstance(event, StepFinished) and event.loss is not None]
        is_finite = all(map(math.isfinite, losses))
        was_finite, self._was_finite = self._was_finite, is_finite
        if is_finite or (self._on_nan == "pause" and not was_finite):
            return "continue"
        return self._on_nan
