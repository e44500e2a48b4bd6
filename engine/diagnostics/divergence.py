"""The loss leaves its best level, goes far above it and does not come back."""

from dataclasses import dataclass, field
from typing import ClassVar

from .level import Level, Streak
from .row import Row
from .symptom import Kind, Recovered, Symptom


@dataclass
class Divergence:
    """The loss goes far above its best level and does not come back.

    Either training has made the model worse than it was untrained, or half of what it had learned is lost. Both must
    last, unless the loss has grown to many times its first value, which no warm-up explains.
    """

    kind: ClassVar[Kind] = "divergence"
    runaway: float = 10.0
    """Times the first loss."""
    runaway_rows: int = 15
    """Rows so high that are no spike any more."""
    runaway_early: int = 3
    """The same in the first rows, when there is nothing yet to come back to."""
    worse: float = 0.2
    """Share of the first loss by which the curve must be above it."""
    lost: float = 0.5
    """Share of the gain that must be lost."""
    patience: int = 30
    """Rows above the first loss; twice as many ones after a relapse, because spikes take their time to heal."""
    warmup: int = 0
    """Steps in which only a runaway counts."""
    recovery: int = 20

    _first: float | None = field(default=None, init=False)
    _level: Level = field(default_factory=lambda: Level(memory=10), init=False)
    _best: float | None = field(default=None, init=False)
    _huge: Streak = field(default_factory=Streak, init=False)
    _worse: Streak = field(default_factory=Streak, init=False)
    _relapsed: Streak = field(default_factory=Streak, init=False)
    _line: float | None = field(default=None, init=False)
    """While open: the level below which the run counts as recovered."""
    _below: Streak = field(default_factory=Streak, init=False)

    def observe(self, row: Row) -> Symptom | Recovered | None:
        loss = row.finite("loss")
        if loss is None:
            return None
        first = self._first = loss if self._first is None else self._first
        self._level.learn(loss)
        if self._line is not None:
            return self._await_recovery(row.step, loss, self._line)
        enough = self.runaway_early if self._level.seen <= 2 * self._level.memory else self.runaway_rows
        if self._huge.count(loss > first + self.runaway * abs(first), row.step) >= enough:
            return self._begin(first, self._huge.since, f"loss {loss:.3g} after {first:.3g} at the start")
        if row.step <= self.warmup or self._level.seen < self._level.memory:
            return None
        return self._compare(row.step, self._level.mean, first)

    def _compare(self, step: int, level: float, first: float) -> Symptom | None:
        best = self._best = level if self._best is None else min(self._best, level)
        noise = self._level.noise
        ceiling = first + max(self.worse * abs(first), 3 * noise)
        if self._worse.count(level > ceiling, step) >= self.patience:
            return self._begin(ceiling, self._worse.since, f"loss {level:.3g} is above the {first:.3g} it began with")
        gain = first - best
        relapse = best + max(self.lost * gain, 6 * noise)
        if self._relapsed.count(gain > self.worse * abs(first) and level > relapse, step) >= 2 * self.patience:
            evidence = f"loss {level:.3g} for {self._relapsed.length} rows after a best of {best:.3g}"
            return self._begin(relapse, self._relapsed.since, evidence)
        return None

    def _begin(self, line: float, onset: int, evidence: str) -> Symptom:
        self._line = line
        return Symptom(onset=onset, severity="failure", evidence=evidence)

    def _await_recovery(self, step: int, loss: float, line: float) -> Recovered | None:
        if self._below.count(loss < line, step) < self.recovery:
            return None
        self._line = None
        # what comes after the recovery is judged afresh, not by rows from before it
        self._level = Level(memory=self._level.memory)
        self._below, self._huge, self._worse, self._relapsed = Streak(), Streak(), Streak(), Streak()
        return Recovered()
