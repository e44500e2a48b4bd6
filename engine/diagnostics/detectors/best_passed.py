"""The best validation loss lies behind."""

from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..run_statistics import RunStatistics

MEDIAN_OF = 5
"""Evaluations of which the median must be a new best, for one alone may be luck."""


@dataclass
class BestPassed:
    """val_loss has not improved for several evaluations.

    No alarm: it may go on falling. It is where early stopping with this patience would end the run. A new best alone
    does not end it, because the lowest of many noisy values is lucky; their median must come below the old one.
    """

    kind: ClassVar[str] = "best_passed"
    watched: ClassVar[Watched] = "val_loss"
    patience: int = 5
    """Evaluations without a new best; twice as many every time that val_loss went on falling after all."""

    _best: float | None = field(default=None, init=False)
    _best_step: int = field(default=0, init=False)
    _since: int = field(default=0, init=False)
    _wrong: int = field(default=0, init=False)
    """Times that val_loss went on falling."""
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=MEDIAN_OF), init=False)
    _passed: float | None = field(default=None, init=False)
    """The best val_loss when the finding opened; None while none is open."""
    _passed_step: int = field(default=0, init=False)
    _step: int = field(default=0, init=False)
    """Of the last evaluation."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        val_loss = run.val_loss
        if val_loss is None:
            return None
        self._since, self._step = self._since + 1, run.step
        self._recent.append(val_loss)
        if self._best is None or val_loss < self._best:
            self._best, self._best_step, self._since = val_loss, run.step, 0
        if self._passed is not None:
            if median(self._recent) >= self._passed:
                return None
            before = f"{self._passed:.4g} at step {self._passed_step}"
            self._passed = None
            self._wrong += 1
            return Recovered(f"val_loss fell on after {before}: to {self._best:.4g} at step {self._best_step}")
        if self._since < self.patience * 2**self._wrong:
            return None
        self._passed, self._passed_step = self._best, self._best_step
        return Detection(onset=self._best_step, severity="info", evidence=self.evidence(run))

    def evidence(self, run: RunStatistics) -> str:
        best = f"{self._best:.4g} at step {self._best_step}"
        if self._best_step == self._passed_step or self._since >= self.patience:
            return f"the best val_loss, {best}, is {self._since} evaluations ago at step {self._step}"
        before = f"{self._passed:.4g} at step {self._passed_step}"
        return f"the best val_loss, {best}, is one low value: the median of {MEDIAN_OF} is not below the {before}"
