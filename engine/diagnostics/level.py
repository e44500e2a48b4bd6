"""Where a noisy curve is and how noisy it is, told row by row in constant memory."""

from dataclasses import dataclass, field

QUIET = 5
"""Values before a difference can be called an outlier."""
OUTLIER = 4.0
"""Standard deviations beyond which a value counts as no more than this."""
LONELY = 3
"""Outliers in a row; one more is where the curve is now."""
GAUSS = 0.8862
"""The standard deviation of independent normal values over their mean absolute difference, sqrt(pi) / 2."""


@dataclass(slots=True)
class Level:
    """Exponential means that a few outliers can hardly move.

    The noise comes from differences of neighbours, which a trend leaves alone.
    """

    memory: int = 20
    """Values over which the mean forgets."""
    noise_memory: int = 20
    mean: float = 0.0
    seen: int = 0
    _noise: float = field(default=0.0, init=False)
    _last: float = field(default=0.0, init=False)
    _outliers: int = field(default=0, init=False)

    @property
    def noise(self) -> float:
        """Standard deviation around the curve; never nothing, so that a constant curve can be left."""
        return max(self._noise, 1e-3 * abs(self.mean), 1e-200)

    def learn(self, value: float) -> None:
        self.seen += 1
        if self.seen == 1:
            self.mean = self._last = value
            return
        noise = self.noise
        difference = GAUSS * abs(value - self._last)
        self._last = value
        self._outliers = self._outliers + 1 if value > self.mean + OUTLIER * noise else 0
        if self.seen > QUIET and self._outliers <= LONELY:
            difference = min(difference, OUTLIER * noise)
            value = min(value, self.mean + OUTLIER * noise)
        self._noise += (difference - self._noise) / min(self.seen - 1, self.noise_memory)
        self.mean += (value - self.mean) / min(self.seen, self.memory)


@dataclass(slots=True)
class Streak:
    """How many rows in a row something has held, and since which step."""

    length: int = 0
    since: int = 0

    def count(self, holds: bool, step: int) -> int:
        if not holds:
            self.length = 0
        else:
            if self.length == 0:
                self.since = step
            self.length += 1
        return self.length
