"""A curve that repeats itself every two to four rows: swings that no mean over some rows shows."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from .level import GAUSS

PERIODS = (2, 3, 4)
"""Rows."""
WINDOW = 32
"""Rows that are compared with each other."""
REPEATS = 2.5
"""Times the mean difference of neighbours over that of rows one period apart. Of independent rows both are alike: in
12 000 windows of them, with light and heavy tails, the largest was 2.2."""


@dataclass(frozen=True, slots=True)
class Swing:
    period: int
    size: float
    """From the lowest to the highest mean of the rows at one place of the period."""
    noise: float
    """Standard deviation around the pattern."""


@dataclass(slots=True)
class Zigzag:
    """The last rows of a curve."""

    recent: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def swing(self) -> Swing | None:
        """How they repeat themselves; None where they do not."""
        values = [*self.recent]
        if len(values) < WINDOW:
            return None
        period = min(PERIODS, key=lambda period: _difference(values, period))
        if _difference(values, 1) <= REPEATS * _difference(values, period):
            return None
        means = [fmean(values[place::period]) for place in range(period)]
        return Swing(period, max(means) - min(means), GAUSS * _difference(values, period))


def _difference(values: Sequence[float], apart: int) -> float:
    """The mean difference of values so many places apart."""
    return fmean(abs(after - before) for before, after in zip(values, values[apart:], strict=False))
