"""A curve that repeats itself every two to four rows: swings that no mean over some rows shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import sub
from statistics import fmean

from .level import GAUSS

PERIODS = (2, 3, 4)
"""Rows."""
ZIGZAG_ROWS = 32
"""Rows that are compared with each other."""
REPEATS = 2.5
"""Times the mean difference of neighbours over that of rows one period apart. Of independent rows both are alike: in
12 000 windows of them, with light and heavy tails, the largest was 2.2."""

SAME_PERIOD = 1.5
"""Times the least of those differences up to which a shorter period explains the curve: what comes again after two rows
comes again after four."""


@dataclass(frozen=True, slots=True)
class Swing:
    period: int
    size: float
    """From the lowest to the highest mean of the rows at one place of the period."""
    noise: float
    """Standard deviation around the pattern."""


def swing_of(values: Sequence[float]) -> Swing | None:
    """How the last `ZIGZAG_ROWS` rows of a curve repeat themselves; None where they do not, or there are fewer."""
    if len(values) < ZIGZAG_ROWS:
        return None
    values = values[-ZIGZAG_ROWS:]
    apart = {period: _difference(values, period) for period in PERIODS}
    least = min(apart.values())
    if _difference(values, 1) <= REPEATS * least:
        return None
    period = next(period for period in PERIODS if apart[period] <= SAME_PERIOD * least)
    means = [fmean(values[place::period]) for place in range(period)]
    return Swing(period, max(means) - min(means), GAUSS * apart[period])


def _difference(values: Sequence[float], apart: int) -> float:
    """The mean difference of values so many places apart."""
    return sum(map(abs, map(sub, values[apart:], values))) / (len(values) - apart)
