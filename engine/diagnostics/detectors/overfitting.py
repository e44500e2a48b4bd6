"""The validation loss rises while the training loss goes on falling."""

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..run_statistics import RunStatistics

AROUND = 2
"""Evaluations on either side of the best one whose median replaces it: a minimum alone is biased low."""
AROUND_BEST = 2 * AROUND + 1
BENDS = 0.5117
"""The standard deviation of independent normal values over the mean size of their second differences, sqrt(pi / 12)."""
BEND_MEMORY = 10
"""Evaluations over which the noise forgets."""


@dataclass
class Overfitting:
    """The validation loss rises from its minimum while the training loss goes on falling.

    The model learns its training text by heart. The last evaluations together must lie above those around the best one
    by more than evaluations differ anyway, and the training loss must be below what it was then, or the run is in other
    trouble. Their noise is estimated from second differences, which a straight fall or rise does not change.
    """

    kind: ClassVar[str] = "overfitting"
    watched: ClassVar[Watched] = "val_loss"
    rise: float = 0.015
    """Share of the best validation loss: a smaller rise does not matter."""
    chance: float = 1.75
    """Times what the largest of as many normal values reaches by chance, sqrt(2 ln n) standard errors."""
    evaluations: int = 3
    """The last ones, whose mean is compared."""
    share: float = 0.15
    """Of the rise, that the training loss must have fallen by; a learning rate that goes up lifts both."""
    remaining: float = 0.3
    """Share of the training loss whose fall is enough whatever the rise, for it cannot fall below 0."""

    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=AROUND_BEST), init=False)
    _bends: float = field(default=0.0, init=False)
    """Mean size of the second differences."""
    _seen: int = field(default=0, init=False)
    _best: float = field(default=math.inf, init=False)
    _best_step: int = field(default=0, init=False)
    _train_at_best: float = field(default=0.0, init=False)
    _since: int = field(default=0, init=False)
    """Evaluations since the best one."""
    _worth: float = field(default=math.inf, init=False)
    """Median of the evaluations around the best one."""
    _open: bool = field(default=False, init=False)
    _last: tuple[float, int] = field(default=(0.0, 0), init=False)
    """The latest validation loss, and its step."""
    _rose_from: tuple[float, int] = field(default=(0.0, 0), init=False)
    """The best validation loss when the finding opened."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        val_loss = run.val_loss
        if val_loss is None or run.rows == 0 or val_loss == self._last[0]:
            return None  # a value that comes again, to the last digit, is the same evaluation still shown
        self._learn(val_loss, run)
        if self._since < AROUND + 1:
            return self._recover(val_loss, run.step) if self._open and self._since == 0 else None
        last = fmean(list(self._recent)[-self.evaluations :])
        if self._open and last - self._worth < self.rise * abs(self._best):
            return self._recover(last, run.step)
        error = BENDS * self._bends * math.sqrt(1 / self.evaluations + 1 / AROUND_BEST)
        rise = last - self._worth
        by_chance = math.sqrt(2 * math.log(self._seen)) * error
        if self._open or rise < max(self.rise * abs(self._best), self.chance * by_chance):
            return None
        fallen = self._train_at_best - run.level.mean
        if fallen < max(
            2 * run.level.noise / math.sqrt(run.level.memory),
            min(self.share * rise, self.remaining * abs(self._train_at_best)),
        ):
            return None
        self._open, self._rose_from = True, (self._best, self._best_step)
        return Detection(onset=self._best_step, severity="warning", evidence=self.evidence(run))

    def evidence(self, run: RunStatistics) -> str:
        val_loss, step = self._last
        seen = f"val_loss {val_loss:.3g} at step {step} after a best of {self._best:.3g} at step {self._best_step}"
        went = "fell" if run.level.mean < self._train_at_best else "rose"
        return f"{seen}, while the mean training loss {went} from {self._train_at_best:.3g} to {run.level.mean:.3g}"

    def _learn(self, val_loss: float, run: RunStatistics) -> None:
        if len(self._recent) >= 2:
            self._seen += 1
            bend = abs(val_loss - 2 * self._recent[-1] + self._recent[-2])
            self._bends += (bend - self._bends) / min(self._seen, BEND_MEMORY)
        self._recent.append(val_loss)
        self._last = val_loss, run.step
        self._since += 1
        if val_loss < self._best:
            self._best, self._best_step, self._train_at_best = val_loss, run.step, run.level.mean
            self._since = 0
        if self._since <= AROUND:
            self._worth = median(self._recent)

    def _recover(self, now: float, step: int) -> Recovered:
        """There is a new best, or the last evaluations are as good as those around the best one."""
        self._open = False
        before, at = self._rose_from
        rose = f"val_loss rose after {before:.3g} at step {at}; at step {step}"
        if now < before:
            return Recovered(f"{rose} it is lower, at {now:.3g}")
        near = f"near the {self._worth:.3g} around the best"
        return Recovered(f"{rose} the mean of the last {self.evaluations} is {now:.3g}, {near}")
