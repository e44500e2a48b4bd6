"""The loss jumps far above its recent level."""

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

from .level import Level, Streak
from .row import Row
from .symptom import Kind, Recovered, Symptom


@dataclass
class Spike:
    """The loss jumps far above its recent level within a few steps.

    Batches differ, so one high row proves little: two of three neighbours must stand out, or one that is far
    worse than the untrained model. The finding closes when the loss has come back.
    """

    kind: ClassVar[Kind] = "spike"
    sigmas: float = 8.0
    """Two rows of three beyond eight deviations do not happen by chance, even in the tails of batch 1."""
    rise: float = 0.1
    """Share of the first loss: a jump smaller than this is not worth a person's time."""
    early_rise: float = 0.3
    """The same in the quiet rows, against the first loss; a warm-up bump is a few percent."""
    lone_rise: float = 1.0
    """The same for one row alone, against the first loss: no batch is twice as hard for a model that has learned."""
    quiet: int = 20
    """Rows before the noise is known."""
    come_back: float = 0.2
    """The loss has come back when no more than this share of the jump is left."""
    recovery: int = 5

    _first: float | None = field(default=None, init=False)
    _level: Level = field(default_factory=lambda: Level(memory=5), init=False)
    _high: deque[int] = field(default_factory=lambda: deque(maxlen=3), init=False)
    """Steps of the last three rows, negative where the loss was not high."""
    _peak: float | None = field(default=None, init=False)
    _back: Streak = field(default_factory=Streak, init=False)

    def observe(self, row: Row) -> Symptom | Recovered | None:
        loss = row.finite("loss")
        if loss is None:
            return None
        if self._first is None:
            self._first = loss
        if self._peak is not None:
            return self._await_recovery(row.step, loss, self._peak)
        high = loss > self._threshold(self._first)
        self._high.append(row.step if high else -1)
        if not high:
            self._level.learn(loss)
            return None
        steps = [step for step in self._high if step >= 0]
        worse_than_untrained = (
            self._level.seen >= self.quiet and self._level.mean < self._first < loss - self.lone_rise * abs(self._first)
        )
        return self._begin(steps[0], loss) if len(steps) >= 2 or worse_than_untrained else None

    def _threshold(self, first: float) -> float:
        if self._level.seen < self.quiet:
            return first + max(self.early_rise * abs(first), self.sigmas * self._level.noise)
        return self._level.mean + max(self.rise * abs(first), self.sigmas * self._level.noise)

    def _begin(self, onset: int, loss: float) -> Symptom:
        self._peak = loss
        level, noise = self._level.mean, self._level.noise
        evidence = f"loss {loss:.3g} against {level:.3g} just before"
        if self._level.seen >= self.quiet:
            evidence += f", a jump of {(loss - level) / noise:.0f}x the batch noise"
        return Symptom(onset=onset, severity="warning", evidence=evidence)

    def _await_recovery(self, step: int, loss: float, peak: float) -> Recovered | None:
        # the level is not learned from here on, or the spike would become the new normal
        self._peak = max(peak, loss)
        line = self._level.mean + max(3 * self._level.noise, self.come_back * (self._peak - self._level.mean))
        if self._back.count(loss <= line, step) < self.recovery:
            return None
        self._peak = None
        self._back = Streak()
        self._high.clear()
        return Recovered()
