"""The loss falls, but so slowly that the run will end far from where it could be."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..run_statistics import RunStatistics


@dataclass
class Slow:
    """The loss falls steadily, but at this rate the run will end far from where it could be.

    The rate of the last half is carried on in a straight line to the last step. Learning slows down, so a straight
    line is the kindest forecast there is. Only a model that still guesses is meant: it finds every batch equally hard,
    so its noise is next to nothing, which a fine-tuned model's never is.
    """

    kind: ClassVar[str] = "slow"
    watched: ClassVar[Watched] = "block"
    rows: int = 60
    """Rows after the warm-up before a verdict."""
    budget: float = 0.1
    """Share of the run before a verdict."""
    little: float = 0.15
    """Units: a run that has gained more than this is not slow."""
    leap: float = 0.1
    """Units above the first loss: a run that was thrown so far up has another trouble than slowness."""
    guessing: float = 0.01
    """Share of the level that the noise is at most while a model guesses, where its loss of guessing is not known."""
    far: float = 0.5
    """Share of the first loss above which the forecast is far from where a run could be."""
    steady: float = 0.4
    """Share of the fall of the run's first third that its last must bring: others have learned the easy part."""

    _open: bool = field(default=False, init=False)

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        if self._open:
            return self._await_recovery(run)
        if run.settled < self.rows or not run.is_fresh or not run.facts.has_used(self.budget, run.step):
            return None
        if run.first - run.best > self.little * run.unit or not self._still_guesses(run):
            return None
        if max(run.profile.means) > run.first + self.leap * run.unit:
            return None
        if not self._falls_steadily(run):
            return None
        forecast, _ = self._forecast(run)
        if forecast < self.far * abs(run.first):
            return None
        self._open = True
        return Detection(onset=run.first_step, severity="warning", evidence=self.evidence(run))

    def evidence(self, run: RunStatistics) -> str:
        seen = f"loss {run.last_loss:.3g} at step {run.last_step} after {run.first:.3g} at the start"
        forecast, horizon = self._forecast(run)
        is_slow = horizon > run.step and self.far * abs(run.first) <= forecast < run.level.mean
        return f"{seen}; at this rate it is {forecast:.3g} at step {horizon}" if is_slow else seen

    def _still_guesses(self, run: RunStatistics) -> bool:
        if run.chance is not None:
            return run.level.mean > (1 - self.little) * run.chance
        return run.level.noise <= self.guessing * abs(run.level.mean)

    def _falls_steadily(self, run: RunStatistics) -> bool:
        (first, rows), (middle, _), (last, _) = (run.profile.over(share, share + 0.33) for share in (0, 0.33, 0.67))
        error = run.level.noise * math.sqrt(2 / rows)
        return first - last > 3 * error and middle - last > max(self.steady * (first - middle), error)

    def _forecast(self, run: RunStatistics) -> tuple[float, int]:
        """Where a straight line through the last half ends, at the run's last step or after as many steps again."""
        (before, _), (last, _) = run.profile.over(0.5, 0.75), run.profile.over(0.75, 1)
        seen = max(run.step - run.first_step, 1)
        horizon = run.facts.steps or run.step + seen
        return last - (before - last) / (seen / 4) * max(horizon - run.step, 0), horizon

    def _await_recovery(self, run: RunStatistics) -> Recovered | None:
        if run.first - run.best < self.little * run.unit:
            return None
        self._open = False
        return Recovered(f"loss {run.first:.3g} at the start, and {run.last_loss:.3g} at step {run.last_step}")
