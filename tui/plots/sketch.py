"""A curve of any length in a few hundred points: the lowest and the highest value of every stretch of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Sketch:
    most: int = 256
    """Stretches; when there are more, two become one."""
    stretch: int = 1
    """Values in a stretch."""
    last: float = math.nan
    _done: list[tuple[float, float, float]] = field(default_factory=list)
    """First step, lowest and highest value of each stretch."""
    _first: float = 0.0
    _low: float = math.inf
    _high: float = -math.inf
    _seen: int = 0
    """In the stretch that is not complete."""

    def add(self, step: float, value: float) -> None:
        self.last = value
        if not self._seen:
            self._first = step
        if value < self._low:
            self._low = value
        if value > self._high:
            self._high = value
        self._seen += 1
        if self._seen == self.stretch:
            self._complete()

    def points(self) -> tuple[list[float], list[float]]:
        """Steps and values, two a stretch, so that a spike stays one; NaN where a stretch has no number at all."""
        stretches = [*self._done, (self._first, self._low, self._high)] if self._seen else self._done
        steps = [step for step, _, _ in stretches for _ in range(2)]
        ends = [(low, high) if low <= high else (math.nan, math.nan) for _, low, high in stretches]
        return steps, [value for both in ends for value in both]

    def _complete(self) -> None:
        self._done.append((self._first, self._low, self._high))
        self._low, self._high, self._seen = math.inf, -math.inf, 0
        if len(self._done) == 2 * self.most:
            pairs = zip(self._done[::2], self._done[1::2], strict=True)
            self._done = [(a[0], min(a[1], b[1]), max(a[2], b[2])) for a, b in pairs]
            self.stretch *= 2
