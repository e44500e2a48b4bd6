"""The loss leaves its best level, goes far above it and does not come back."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import Streak
from ..run_statistics import LEVEL_MEMORY, RunStatistics


@dataclass
class Divergence:
    """The loss goes far above its best level and is not on its way back.

    Either training has made the model worse than it was untrained, or half of what it had learned is lost. Rows in
    which the loss comes down again do not count: neither a bump of the warm-up nor a spike that heals is meant.
    """

    kind: ClassVar[str] = "divergence"
    watched: ClassVar[Watched] = "high_loss"
    runaway: float = 10.0
    """Units above the first loss, which no warm-up explains."""
    runaway_rows: int = 15
    """Rows so high that are no spike any more."""
    runaway_early: int = 3
    """The same while there is nothing yet to come back to."""
    worse: float = 0.3
    """Units by which the curve must be above its beginning."""
    lost: float = 0.5
    """Share of the gain that must be lost, where that is more than `worse`."""
    returning: float = 0.7
    """Of the height above the line: a curve that has come down to less than this is on its way back."""
    patience: int = 15
    """Rows; fewer in a log with few rows."""
    least_patience: int = 5
    recovery: int = 20

    _huge: Streak = field(default_factory=Streak, init=False)
    _high: Streak = field(default_factory=Streak, init=False)
    _peak: float = field(default=0.0, init=False)
    _before: str = field(default="", init=False)
    """What the loss of the open finding came from."""
    _top: tuple[float, int] = field(default=(0.0, 0), init=False)
    """The highest loss of the open finding, and its step."""
    _line: float | None = field(default=None, init=False)
    """While open: the level below which the run counts as recovered."""
    _below: Streak = field(default_factory=Streak, init=False)
    _resumed_at: float = field(default=-math.inf, init=False)
    """The level that the run had at the step from which it was resumed, until it has come back from there."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        loss = run.loss
        if loss is None or run.rows == 0:
            return None
        if self._line is not None:
            return self._await_recovery(run, loss, self._line)
        gain = run.first - run.best
        lost = self.lost * gain if gain > self.worse * run.unit else gain + self.worse * run.unit
        line = run.best + lost
        if run.step < run.row_before.step:
            self._resumed_at = run.level_at(run.step)
        if loss <= line:
            self._resumed_at = -math.inf
            if self._high.length or self._huge.length:
                self._high.length = self._huge.length = 0
            return None
        return self._weigh(run, loss, max(line, self._resumed_at) + 3 * run.level.noise)

    def is_at_rest(self, run: RunStatistics) -> bool:
        is_low = not (self._high.length or self._huge.length) and self._resumed_at == -math.inf
        return is_low and self._line is None

    def _weigh(self, run: RunStatistics, loss: float, line: float) -> Detection | None:
        step, level = run.step, run.level.mean
        few = self.runaway_early if run.rows <= 2 * LEVEL_MEMORY else self.runaway_rows
        if self._huge.count(loss > run.first + self.runaway * run.unit, step) >= few:
            return self._begin(run, run.first, self._huge.since, f"{run.first:.3g} at the start")
        if level <= line:
            self._high.length = 0
            return None
        if self._high.length == 0 or level > self._peak:
            self._peak = level
        if level < line + self.returning * (self._peak - line) - run.level.noise:
            self._high.length = 0
            self._peak = level
            return None
        enough = min(max(run.rows // 4, self.least_patience), self.patience)
        if self._high.count(True, step) < enough:
            return None
        before = f"a lowest mean of {run.best:.3g}" if run.best < run.first else f"{run.first:.3g} at the start"
        return self._begin(run, line, self._high.since, before)

    def _begin(self, run: RunStatistics, line: float, onset: int, before: str) -> Detection:
        self._line, self._before, self._top = line, before, (run.last_loss, run.last_step)
        return Detection(onset=onset, severity="failure", evidence=self.evidence(run))

    def evidence(self, run: RunStatistics) -> str:
        return f"loss {run.last_loss:.3g} at step {run.last_step}, after {self._before}"

    def _await_recovery(self, run: RunStatistics, loss: float, line: float) -> Recovered | None:
        self._top = max(self._top, (loss, run.step))
        if self._below.count(loss < line, run.step) < self.recovery:
            return None
        highest, step = self._top
        seen = (
            f"loss {highest:.3g} at step {step}, after {self._before}; below {line:.3g} since step {self._below.since}"
        )
        self._line = None
        self._below, self._huge, self._high = Streak(), Streak(), Streak()
        return Recovered(seen)
