"""Seconds of training: the time that a run has had, without its pauses and without the time between its workers."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ..plots.series import Floats


@dataclass(frozen=True, kw_only=True)
class TrainingClock:
    """Every time given is one of an event, in seconds since 1970."""

    began: float | None = None
    """When the first worker started."""
    idle_s: float = 0.0
    """Seconds since then in which nothing was trained."""
    halted: float | None = None
    """When training stopped, while it stands."""

    def started(self, time: float, trained_s: float) -> Self:
        """A worker goes on where the last row left the clock; when the worker before it stopped is not known."""
        if self.began is None:
            return replace(self, began=time)
        return replace(self, idle_s=time - self.began - trained_s, halted=None)

    def stopped(self, time: float) -> Self:
        return self if self.halted is not None else replace(self, halted=time)

    def resumed(self, time: float) -> Self:
        if self.began is None:
            return replace(self, began=time)
        idle_s = max(time - self.halted, 0.0) if self.halted is not None else 0.0
        return replace(self, idle_s=self.idle_s + idle_s, halted=None)

    def seconds(self, times: Floats, floor: float) -> Floats:
        """Never backwards, whatever the clock of the machine does."""
        return np.maximum(np.maximum.accumulate(times - (self.began or 0.0) - self.idle_s), floor)
