"""The gradient norm grows far beyond its own usual level, and the loss suffers."""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

from .level import Level, Streak
from .row import Row
from .symptom import Kind, Recovered, Symptom


@dataclass
class ExplodingGradients:
    """The gradient norm grows far beyond its own usual level, and the loss suffers.

    Healthy norms differ from run to run by orders of magnitude and single ones stand out without effect: what counts
    is the run's own level, two rows of three, and a loss that rises with them.
    """

    kind: ClassVar[Kind] = "exploding_gradients"
    times: float = 10.0
    """Its usual level, the geometric mean of the recent norms."""
    quiet: int = 5
    """Rows before there is a usual level."""
    suffering: float = 0.05
    """Share of the first loss by which the loss must be above its own level."""
    recovery: int = 10

    _usual: Level = field(default_factory=lambda: Level(memory=50, noise_memory=50), init=False)
    """Of the logarithm."""
    _loss: Level = field(default_factory=lambda: Level(memory=10), init=False)
    _first: float | None = field(default=None, init=False)
    _high: deque[int] = field(default_factory=lambda: deque(maxlen=3), init=False)
    _open: bool = field(default=False, init=False)
    _calm: Streak = field(default_factory=Streak, init=False)

    def observe(self, row: Row) -> Symptom | Recovered | None:
        loss, norm = row.finite("loss"), row.finite("grad_norm")
        if loss is None or norm is None or norm <= 0:
            return None
        first = self._first = loss if self._first is None else self._first
        magnitude = math.log(norm)
        large = self._usual.seen >= self.quiet and magnitude > self._usual.mean + math.log(self.times)
        if self._open:
            return self._await_recovery(row.step, large)
        suffers = loss > self._loss.mean + max(3 * self._loss.noise, self.suffering * abs(first))
        self._high.append(row.step if large and suffers else -1)
        if large:
            steps = [step for step in self._high if step >= 0]
            return self._begin(steps[0], norm, loss) if len(steps) >= 2 else None
        self._usual.learn(magnitude)
        self._loss.learn(loss)
        return None

    def _begin(self, onset: int, norm: float, loss: float) -> Symptom:
        self._open = True
        usual = math.exp(self._usual.mean)
        evidence = f"gradient norm {norm:.3g}, {norm / usual:.0f}x its usual {usual:.3g}, with the loss at {loss:.3g}"
        return Symptom(onset=onset, severity="warning", evidence=evidence)

    def _await_recovery(self, step: int, large: bool) -> Recovered | None:
        if self._calm.count(not large, step) < self.recovery:
            return None
        self._open = False
        self._calm = Streak()
        self._high.clear()
        return Recovered()
