"""Reports at regular intervals what a run's time was spent on."""

from ..events import TimeSpent
from ..stopwatch import Stopwatch

REPORT_STEPS = 50
REPORT_S = 10.0
"""A report covers at most REPORT_STEPS steps, and fewer where they take longer than REPORT_S seconds together."""


class TimeReport:
    """Counts steps and turns the stopwatch's seconds into a TimeSpent event when a report is due."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch
        self._unreported_steps = 0

    def after_step(self, step: int) -> TimeSpent | None:
        self._unreported_steps += 1
        if self._unreported_steps < REPORT_STEPS and self._stopwatch.elapsed < REPORT_S:
            return None
        steps, self._unreported_steps = self._unreported_steps, 0
        return TimeSpent(step=step, steps=steps, seconds=self._stopwatch.take())
