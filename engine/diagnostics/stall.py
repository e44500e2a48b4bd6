"""The loss stopped falling, or never began to, far from what such a run reaches."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from .level import Level
from .profile import Profile
from .row import Row
from .symptom import Kind, Recovered, Symptom


@dataclass
class Stall:
    """The loss stopped falling, or never began to, while the run has budget left.

    A flat curve is only wrong where there is still much to learn: near the loss of guessing, not at the end of a
    decayed schedule and not in the slow refinement after most of the gain.
    """

    kind: ClassVar[Kind] = "stall"
    chance: float
    """The loss of guessing evenly, ln of the vocabulary."""
    steps: int
    """Of the whole run."""
    warmup: int = 0
    never_rows: int = 100
    """Rows after the warm-up in which a healthy run has begun to learn."""
    never_budget: float = 0.02
    """The same as a share of the run."""
    never_share: float = 0.004
    """Share of chance: a smaller fall is none."""
    guessing: float = 0.75
    """Share of chance above which a run has not begun."""
    far: float = 0.56
    """Share of chance above which there is much left; a byte model that knows letter frequencies alone is at 0.6."""
    flat_rows: int = 200
    flat_budget: float = 0.25
    """Share of the run before a plateau is called one."""
    flat_share: float = 0.015
    """Share of chance that the last quarter must have gained on the one before."""
    steady: float = 0.5
    """Lowest over highest learning rate: once it has been lower, the schedule explains the shape of the curve."""
    recovery: float = 0.04
    """Share of chance by which the loss must fall again; a plateau drifts by less."""

    _profile: Profile = field(default_factory=Profile, init=False)
    _level: Level = field(default_factory=Level, init=False)
    _rows: int = field(default=0, init=False)
    _counted_from: int = field(default=0, init=False)
    _top_lr: float = field(default=0.0, init=False)
    _low_lr: float = field(default=math.inf, init=False)
    _has_begun: bool = field(default=False, init=False)
    _stalled_at: float | None = field(default=None, init=False)

    def observe(self, row: Row) -> Symptom | Recovered | None:
        loss = row.finite("loss")
        if loss is None or row.step <= self.warmup:
            return None
        lr = row.finite("lr") or 0.0
        self._top_lr, self._low_lr = max(self._top_lr, lr), min(self._low_lr, lr)
        self._level.learn(loss)
        if self._rows == 0:
            self._counted_from = row.step
        self._rows += 1
        finished_block = self._profile.learn(loss)
        if self._stalled_at is not None:
            return self._await_recovery(self._stalled_at)
        return self._never_began() or self._stopped(row.step) if finished_block else None

    def _never_began(self) -> Symptom | None:
        if self._has_begun or self._rows < max(self.never_rows, self.never_budget * self.steps):
            return None
        first, _, _, last = self._profile.quarters()
        if last < self.guessing * self.chance or not self._is_flat(first, last, self.never_share):
            return None
        self._stalled_at = last
        evidence = f"loss {last:.4g} has not moved from {first:.4g} since the start"
        if abs(last - self.chance) < 0.02 * self.chance:
            evidence += f", the level of guessing (ln V = {self.chance:.3g})"
        return Symptom(onset=self.warmup + 1, severity="failure", evidence=evidence)

    def _stopped(self, step: int) -> Symptom | None:
        steady = self._low_lr >= self.steady * self._top_lr
        if not steady or self._rows < self.flat_rows or step < self.flat_budget * self.steps:
            return None
        _, _, before, last = self._profile.quarters()
        if last < self.far * self.chance or not self._is_flat(before, last, self.flat_share):
            return None
        self._stalled_at = last
        evidence = f"loss {last:.3g} against {before:.3g} a quarter of the run earlier; guessing is {self.chance:.3g}"
        return Symptom(onset=(self._counted_from + step) // 2, severity="warning", evidence=evidence)

    def _is_flat(self, before: float, after: float, share: float) -> bool:
        """Not seeing a fall is not enough: the noise must leave no room for one."""
        error = self._level.noise * math.sqrt(2 / self._profile.quarter_rows)
        return abs(before - after) + 2 * error < share * self.chance

    def _await_recovery(self, stalled_at: float) -> Recovered | None:
        fall = max(self.recovery * self.chance, 3 * self._level.noise / math.sqrt(self._level.memory))
        if self._level.mean > stalled_at - fall:
            return None
        self._stalled_at = None
        self._has_begun = True
        self._profile = Profile()
        self._rows = 0
        return Recovered()
