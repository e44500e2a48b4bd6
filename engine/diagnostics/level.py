"""The level of a noisy curve and its noise, updated row by row in constant memory."""

from dataclasses import dataclass, field

QUIET = 5
"""Values before a difference can be called an outlier."""
OUTLIER = 4.0
"""Standard deviations beyond which a value counts as no more than this."""
LONELY = 3
"""Outliers in a row; one more is where the curve is now."""
GAUSS = 0.8862
"""The standard deviation of independent normal values over their mean absolute difference, sqrt(pi) / 2."""
FLOOR = 1e-3
"""Share of the level that is always taken for noise, so that a constant curve can be left."""


@dataclass(slots=True)
class RunningLevel:
    """Exponential means that a few outliers can hardly move.

    The noise comes from differences of neighbours, which a trend leaves alone.
    """

    memory: int = 20
    """Values over which the mean forgets."""
    noise_memory: int = 20
    mean: float = 0.0
    noise: float = 1e-200
    """Standard deviation around the curve."""
    seen: int = 0
    _spread: float = field(default=0.0, init=False)
    _last: float = field(default=0.0, init=False)
    _outliers: int = field(default=0, init=False)

    def learn(self, value: float) -> None:
        seen = self.seen = self.seen + 1
        mean, spread = self.mean, self._spread
        if seen == 1:
            self.mean = self._last = mean = value
        else:
            difference = GAUSS * abs(value - self._last)
            self._last = value
            reach = OUTLIER * self.noise
            top = mean + reach
            if value <= top:
                self._outliers = 0
                if difference > reach and seen > QUIET:
                    difference = reach
            else:
                self._outliers += 1
                if seen > QUIET and self._outliers <= LONELY:
                    value = top
                    if difference > reach:
                        difference = reach
            noise_memory, memory = self.noise_memory, self.memory
            spread += (difference - spread) / (noise_memory if seen > noise_memory else seen - 1)
            mean += (value - mean) / (memory if seen > memory else seen)
            self._spread, self.mean = spread, mean
        floor = FLOOR * abs(mean)
        noise = spread if spread > floor else floor
        self.noise = noise if noise > 1e-200 else 1e-200


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
