"""A resume that lost something: the loss jumps where the steps come again, the lr begins anew or writing paused."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import Streak
from ..run_statistics import LR_RISE, RunStatistics


@dataclass
class Seam:
    """The run was resumed, and its loss jumped there: something was not restored.

    A resume shows where the steps go back to a checkpoint's, where the lr falls to the start of a warm-up and climbs
    again or leaps back to its peak, and where another file begins or nothing was written for long. A clean one goes on
    as if nothing had happened, from the loss that the run had at that step; where Adam's moments, the schedule or the
    batch are lost, the first steps undo some of what was learned.
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
    most_rise: float = 1.5
    """Times `rise` for which it counts where that is more."""
    rise: float = 0.03
    """Share of the unit: a smaller jump does no harm."""
    fall: float = 5.0
    """Times by which the lr falls in one row to the start of a warm-up."""
    climb: int = 2
    """Rows of a rising lr that show that the fall was no step of a decay."""
    leap: float = 1.02
    """Times by which the lr rises in one row to its peak; what is closer to the highest so far is the peak."""
    planned: float = 0.1
    """Share of the highest lr down to which a schedule decays before a planned restart (Loshchilov and Hutter 2017)."""
    left: float = 0.2
    """Share of the jump that may be left when the loss has come back."""
    recovery: int = 5
    lasting: int = 200
    """Rows after which the finding closes all the same: what comes then has other causes."""

    _first: int = field(default=0, init=False)
    """The row of the seam."""
    _sign: str = field(default="", init=False)
    """Where the run was resumed, and how that shows; empty where there is nothing to weigh."""
    _onset: int = field(default=0, init=False)
    _step: int = field(default=-1, init=False)
    _lr: float = field(default=0.0, init=False)
    _top_lr: float = field(default=0.0, init=False)
    _rose: bool = field(default=False, init=False)
    """Whether the lr rose at the last row, as in a warm-up or a cycle."""
    _climbed: int = field(default=0, init=False)
    """Rows in which the lr has risen; as many as are needed where the steps show the seam."""
    _before: float = field(default=0.0, init=False)
    """The level of the loss that a clean resume would have."""
    _noise: float = field(default=0.0, init=False)
    _sum: float = field(default=0.0, init=False)
    """Of the rows since the seam: how far they are above what was before."""
    _top: tuple[float, int] = field(default=(0.0, 0), init=False)
    _open: bool = field(default=False, init=False)
    _back: Streak = field(default_factory=Streak, init=False)

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        loss, step, last = run.loss, run.step, self._step
        if loss is None:
            return None
        self._step = step
        lr = run.lr or 0.0
        if lr != self._lr or step < last or run.row.resumed is not None:
            self._look_for_sign(run, lr, last)
        if self._open:
            return self._await_recovery(run, loss)
        return self._weigh(loss, run) if self._sign else None

    def _look_for_sign(self, run: RunStatistics, lr: float, last: int) -> None:
        before = self._lr
        goes_on = run.step >= last and run.row.resumed is None and before <= lr * self.fall and lr <= self.leap * before
        is_quiet = goes_on or run.rows - self._first < self.quiet
        sign, climbed = ("", 0) if is_quiet else self._sign_at(run, last)
        if lr > self._top_lr:
            self._top_lr = lr
        self._lr, self._rose = lr, lr > LR_RISE * before > 0
        if sign and not self._open:
            self._sign, self._climbed = sign, climbed
            self._begin(run, goes_back=run.step < last)
        elif self._sign and self._rose:
            self._climbed += 1

    def _sign_at(self, run: RunStatistics, last: int) -> tuple[str, int]:
        """What shows that the run was resumed at this row, empty where nothing does; and as how many rows of a rising
        lr it counts, without which the start of a warm-up may be a step of a decay."""
        before, lr, pause = self._lr, run.lr or 0.0, run.row.resumed
        if run.step < last:
            return f"the steps go back from {last} to {run.step}", self.climb
        if pause is not None:
            words = f"writing goes on after a pause {pause:,.0f}x any before" if pause else "another file begins"
            return words, self.climb
        if lr * self.fall < before:
            return f"the lr falls from {before:.3g} to {lr:.3g} and climbs again", 0
        is_peak = self._top_lr / self.leap <= lr <= self.leap * self._top_lr
        if is_peak and lr > self.leap * before > self.leap * self.planned * self._top_lr and not self._rose:
            return f"the lr leaps back from {before:.3g} to its peak of {lr:.3g}", self.climb
        return "", 0

    def _begin(self, run: RunStatistics, *, goes_back: bool) -> None:
        step, self._first, self._sum = run.step, run.rows, 0.0
        self._onset, self._noise, self._top = step, run.level.noise, (0.0, step)
        self._before = run.level_at(step) if goes_back else run.level.mean

    def _weigh(self, loss: float, run: RunStatistics) -> Detection | None:
        height, rows = loss - self._before, run.rows - self._first + 1
        rise = self.rise * run.unit
        self._sum += min(height, max(self.most * self._noise, self.most_rise * rise))
        self._top = max(self._top, (height, run.step))
        mean = self._sum / rows
        is_jump = mean > max(self.sigmas * self._noise / math.sqrt(rows), rise)
        if rows > 1 and is_jump and self._climbed >= self.climb:
            self._open, self._back = True, Streak()
            return Detection(onset=self._onset, severity="warning", evidence=self.evidence(run))
        if rows >= self.within:
            self._sign = ""
        return None

    def evidence(self, run: RunStatistics) -> str:
        height, step = self._top
        seen = f"loss {self._before + height:.3g} at step {step} against {self._before:.3g} before"
        return f"{seen}, right where {self._sign}"

    def _await_recovery(self, run: RunStatistics, loss: float) -> Recovered | None:
        height, rows = loss - self._before, run.rows - self._first + 1
        self._top = max(self._top, (height, run.step))
        line = max(3 * self._noise, self.left * self._top[0])
        is_back = self._back.count(height <= line, run.step) >= self.recovery
        if not is_back and rows < self.lasting:
            return None
        after = f"back since step {self._back.since}" if is_back else f"not back after {rows} rows"
        seen = f"{self.evidence(run)}; {after}"
        self._open, self._sign = False, ""
        return Recovered(seen)
