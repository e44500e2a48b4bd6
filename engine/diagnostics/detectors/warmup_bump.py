"""A short rise of the loss at the start, which is normal."""

from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import Streak
from ..run_statistics import START_ROWS, RunStatistics


@dataclass
class WarmupBump:
    """The loss rises above its first value while the learning rate warms up.

    The first updates go in rough directions. It is normal when it is over within some hundred steps, which is when this
    remark closes.
    """

    kind: ClassVar[str] = "warmup_bump"
    watched: ClassVar[Watched] = "start"
    rise: float = 0.01
    """Units above the first loss."""
    sigmas: float = 2.0
    rows: int = 3
    until: int = START_ROWS
    """Rows after which a rise is no matter of the warm-up."""

    _high: Streak = field(default_factory=Streak, init=False)
    _open: bool = field(default=False, init=False)

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        if run.rows > self.until and not self._open:
            return None
        if run.loss is None or run.rows < self.rows or not run.is_fresh or run.facts.rows_are_epochs:
            return None
        if self._open:
            if run.level.mean > run.first:
                return None
            self._open = False
            return Recovered(f"the mean loss is back at the {run.first:.3g} of the start by step {run.step}")
        line = run.first + max(self.rise * run.unit, self.sigmas * run.level.noise)
        if self._high.count(run.loss > line, run.step) < self.rows:
            return None
        self._open = True
        return Detection(onset=self._high.since, severity="info", evidence=self.evidence(run))

    def evidence(self, run: RunStatistics) -> str:
        seen = f"loss {run.last_loss:.3g} at step {run.last_step} after {run.first:.3g} at the start"
        if run.rows > self.until:
            return f"{seen}; a bump of the warm-up would be over by now"
        return f"{seen}; it should be back within some hundred steps"
