"""The gradient norm is practically nothing, and learning stops."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from .level import Level, Streak
from .row import Row
from .symptom import Kind, Recovered, Symptom


@dataclass
class VanishingGradients:
    """The gradient norm is practically nothing although there is still much to learn.

    A converged model has small gradients too, which is why a small norm alone is not called a fault: the loss must
    still be far from nothing, and far from converged where only a fall below the usual level is seen.
    """

    kind: ClassVar[Kind] = "vanishing_gradients"
    chance: float
    """The loss of guessing evenly, ln of the vocabulary."""
    nothing: float = 1e-6
    """A norm below this moves no weight; the usual textbook threshold."""
    converged: float = 0.05
    """Share of chance below which small gradients are no surprise."""
    collapse: float = 1e-3
    """Share of the highest usual level ever; only above the loss `far`."""
    far: float = 0.5
    patience: int = 20
    recovery: int = 10

    _usual: Level = field(default_factory=lambda: Level(memory=20), init=False)
    """Of the logarithm."""
    _highest: float = field(default=-math.inf, init=False)
    _small: Streak = field(default_factory=Streak, init=False)
    _calm: Streak = field(default_factory=Streak, init=False)
    _open: bool = field(default=False, init=False)

    def observe(self, row: Row) -> Symptom | Recovered | None:
        loss, norm = row.finite("loss"), row.finite("grad_norm")
        if loss is None or norm is None:
            return None
        small = self._is_small(loss, norm)
        if self._open:
            return self._await_recovery(row.step, small)
        if self._small.count(small, row.step) < self.patience:
            return None
        self._open = True
        evidence = f"gradient norm {norm:.3g} for {self.patience} rows, with the loss still at {loss:.3g}"
        return Symptom(onset=self._small.since, severity="failure", evidence=evidence)

    def _is_small(self, loss: float, norm: float) -> bool:
        if norm > 0:
            self._usual.learn(math.log(norm))
            if self._usual.seen >= self._usual.memory:
                self._highest = max(self._highest, self._usual.mean)
        if norm < self.nothing:
            return loss > self.converged * self.chance
        return math.log(norm) < self._highest + math.log(self.collapse) and loss > self.far * self.chance

    def _await_recovery(self, step: int, small: bool) -> Recovered | None:
        if self._calm.count(not small, step) < self.recovery:
            return None
        self._open = False
        self._small, self._calm = Streak(), Streak()
        return Recovered()
