"""A resume that lost something: the loss jumps where the steps come again or the warm-up begins anew."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import Streak
from ..run_statistics import LR_RISE, RunStatistics


@dataclass
class Seam:
    """The run was resumed, and its loss jumped there: something was not restored.

    A resume shows where the steps go back to a checkpoint's, or where the lr falls to the start of a warm-up and climbs
    again. A clean one goes on as if nothing had happened, from the loss that the run had at that step; where Adam's
    moments, the schedule or the batch are lost, the first steps undo some of what was learned.
    """

    kind: ClassVar[str] = "seam"
    watched: ClassVar[Watched] = "loss"
    quiet: int = 20
    """Rows before the noise is known, and between two resumes: lines of several processes go back all the time."""
    within: int = 8
    """Rows after the seam in which the jump must show."""
    sigmas: float = 6.0
    """Standard errors of the mean of the rows since the seam."""
    most: float = 8.0
    """Deviations for which one row counts at most, so that one hard batch is no jump."""
    rise: float = 0.03
    """Share of the unit: a smaller jump does no harm."""
    fall: float = 5.0
    """Times by which the lr falls in one row to the start of a warm-up."""
    climb: int = 2
    """Rows of a rising lr that show that the fall was no step of a decay."""
    left: float = 0.2
    """Share of the jump that may be left when the loss has come back."""
    recovery: int = 5
    lasting: int = 200
    """Rows after which the finding closes all the same: what comes then has other causes."""

    _rows: int = field(default=0, init=False)
    """Since the seam."""
    _sign: str = field(default="", init=False)
    """Where the run was resumed, and how that shows; empty where there is nothing to weigh."""
    _onset: int = field(default=0, init=False)
    _step: int = field(default=-1, init=False)
    _lr: float = field(default=0.0, init=False)
    _climbed: int = field(default=0, init=False)
    """Rows in which the lr has risen; as many as are needed where the steps show the seam."""
    _before: float = field(default=0.0, init=False)
    """The level of the loss that a clean resume would have."""
    _noise: float = field(default=0.0, init=False)
    _sum: float = field(default=0.0, init=False)
    """Of the rows since the seam, in deviations."""
    _top: tuple[float, int] = field(default=(0.0, 0), init=False)
    _open: bool = field(default=False, init=False)
    _back: Streak = field(default_factory=Streak, init=False)

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        loss, step, last = run.loss, run.step, self._step
        lr, last_lr = run.lr or 0.0, self._lr
        if loss is None:
            return None
        self._step, self._lr = step, lr
        self._rows += 1
        if self._open:
            return self._await_recovery(run, loss)
        if self._rows > self.quiet and (step < last or lr * self.fall < last_lr) and run.rows >= self.quiet:
            self._begin(run, last, last_lr)
        if not self._sign:
            return None
        self._climbed += self._rows > 1 and lr > LR_RISE * last_lr
        return self._weigh(loss, run)

    def _begin(self, run: RunStatistics, last: int, last_lr: float) -> None:
        step, self._rows, self._sum = run.step, 1, 0.0
        self._onset, self._before, self._noise = step, run.level.mean, run.level.noise
        self._top = 0.0, step
        if step >= last:
            self._climbed, self._sign = 0, f"the lr falls from {last_lr:.3g} to {self._lr:.3g} and climbs again"
            return
        self._climbed, self._sign = self.climb, f"the steps go back from {last} to {step}"
        self._before = run.level_at(step)

    def _weigh(self, loss: float, run: RunStatistics) -> Detection | None:
        height = loss - self._before
        self._sum += min(height / self._noise, self.most)
        self._top = max(self._top, (height, run.step))
        mean = self._sum / self._rows
        is_jump = mean > self.sigmas / math.sqrt(self._rows) and mean * self._noise > self.rise * run.unit
        if self._rows > 1 and is_jump and self._climbed >= self.climb:
            self._open, self._back = True, Streak()
            return Detection(onset=self._onset, severity="warning", evidence=self.evidence(run))
        if self._rows >= self.within:
            self._sign = ""
        return None

    def evidence(self, run: RunStatistics) -> str:
        height, step = self._top
        seen = f"loss {self._before + height:.3g} at step {step} against {self._before:.3g} before"
        return f"{seen}, right where {self._sign}"

    def _await_recovery(self, run: RunStatistics, loss: float) -> Recovered | None:
        height = loss - self._before
        self._top = max(self._top, (height, run.step))
        line = max(3 * self._noise, self.left * self._top[0])
        is_back = self._back.count(height <= line, run.step) >= self.recovery
        if not is_back and self._rows < self.lasting:
            return None
        after = f"back since step {self._back.since}" if is_back else f"not back after {self._rows} rows"
        seen = f"{self.evidence(run)}; {after}"
        self._open, self._sign = False, ""
        return Recovered(seen)
