"""Where a run's time goes: every moment of it belongs to the activity that the next lap names.

So nothing is counted twice and nothing is lost, and a lap costs one look at a clock.
"""

import time
from collections.abc import Callable
from typing import Literal, get_args

Activity = Literal[
    "data",
    "gradients",
    "update",
    "training",
    "layers",
    "evaluation",
    "sample",
    "checkpoint",
    "diagnosis",
    "log",
    "waiting",
]
"""`gradients` is the forward and the backward pass, until the gradient's norm is known: what a device of its own
computes is only waited for there. `update` is the optimizer and what is measured around it. `training` is what a loop
does not tell apart. `waiting` is a pause, a speed limit or a full disk, and no part of how fast a run is."""


class Stopwatch:
    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._last = self._since = clock()
        self._seconds: dict[str, float] = dict.fromkeys(get_args(Activity), 0.0)

    def lap(self, activity: Activity) -> float:
        """The time since the last lap went into this; the moment, in seconds of the clock."""
        now = self._clock()
        self._seconds[activity] += now - self._last
        self._last = now
        return now

    @property
    def elapsed(self) -> float:
        """Seconds between the last `take` and the last lap."""
        return self._last - self._since

    def take(self) -> dict[str, float]:
        """Seconds by activity since they were last taken, to the microsecond."""
        taken = {activity: round(seconds, 6) for activity, seconds in self._seconds.items() if seconds > 0}
        self._seconds = dict.fromkeys(self._seconds, 0.0)
        self._since = self._last
        return taken
