"""The loss falls, but so slowly that the run will end far from where it could be."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from .level import Level
from .profile import Profile
from .row import Row
from .symptom import Kind, Recovered, Symptom


@dataclass
class Slow:
    """The loss falls steadily, but at this rate the run will end far from where it could be.

    The rate of the last half is carried on in a straight line to the last step. Learning slows down, so a straight
    line is the kindest forecast there is.
    """

    kind: ClassVar[Kind] = "slow"
    chance: float
    """The loss of guessing evenly, ln of the vocabulary."""
    steps: int
    warmup: int = 0
    rows: int = 100
    """Rows after the warm-up before a verdict."""
    budget: float = 0.15
    """Share of the run before a verdict."""
    little: float = 0.15
    """Share of chance: who has gained more than this is not slow."""
    far: float = 0.5
    """Share of chance above which the forecast is far from where a run could be."""

    _profile: Profile = field(default_factory=Profile, init=False)
    _level: Level = field(default_factory=Level, init=False)
    _rows: int = field(default=0, init=False)
    _open: bool = field(default=False, init=False)

    def observe(self, row: Row) -> Symptom | Recovered | None:
        loss = row.finite("loss")
        if loss is None or row.step <= self.warmup:
            return None
        self._level.learn(loss)
        self._rows += 1
        if not self._profile.learn(loss) or self._rows < self.rows or row.step < self.budget * self.steps:
            return None
        if self._open:
            return self._await_recovery(row.step)
        first, _, before, last = self._profile.quarters()
        error = self._level.noise * math.sqrt(2 / self._profile.quarter_rows)
        forecast = self._forecast(row.step)
        falls = first - last > max(3 * error, 1e-3 * self.chance) and last <= before
        little = self.chance - last < self.little * self.chance and last < self.chance * (1 + self.little)
        if not (falls and little and forecast > self.far * self.chance):
            return None
        self._open = True
        evidence = f"loss {last:.3g} after {row.step} of {self.steps} steps; at this rate it ends at {forecast:.3g}"
        return Symptom(onset=self.warmup + 1, severity="warning", evidence=evidence)

    def _forecast(self, step: int) -> float:
        _, _, before, last = self._profile.quarters()
        seen = max(step - self.warmup, 1)
        return last - (before - last) / (seen / 4) * max(self.steps - step, 0)

    def _await_recovery(self, step: int) -> Recovered | None:
        last = self._profile.quarters()[3]
        if self._forecast(step) > self.far * self.chance and self.chance - last < self.little * self.chance:
            return None
        self._open = False
        return Recovered()
