"""The validation loss rises while the training loss goes on falling."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ...kinds import Topic
from ..history import History
from ..level import Level
from ..symptom import Recovered, Symptom, Watched


@dataclass
class Overfitting:
    """The validation loss rises from its minimum while the training loss goes on falling.

    The model learns its training text by heart. Several evaluations must agree, because one can be bad luck, and the
    training loss must be below what it was at the best evaluation, or the run is in other trouble.
    """

    kind: ClassVar[Topic] = "overfitting"
    watched: ClassVar[Watched] = "val_loss"
    rise: float = 0.015
    """Share of the best validation loss: a smaller rise is the noise of evaluations."""
    sigmas: float = 2.0
    """The same in deviations between neighbouring evaluations."""
    share: float = 0.5
    """Share of the rise that the training loss must have fallen by; a learning rate that goes up lifts both."""
    evaluations: int = 3
    """High ones more than low ones since the best."""

    _val: Level = field(default_factory=lambda: Level(memory=5, noise_memory=10), init=False)
    _best: float | None = field(default=None, init=False)
    _best_step: int = field(default=0, init=False)
    _train_at_best: float = field(default=0.0, init=False)
    _high: int = field(default=0, init=False)
    _open: bool = field(default=False, init=False)

    def observe(self, run: History) -> Symptom | Recovered | None:
        val_loss = run.val_loss
        if val_loss is None or run.rows == 0:
            return None
        margin = self._margin(val_loss)
        train = run.level
        if self._best is None or val_loss < self._best:
            self._best, self._best_step, self._train_at_best = val_loss, run.step, train.mean
            self._high = 0
        is_high = val_loss > self._best + margin
        self._high = self._high + 1 if is_high else max(self._high - 1, 0)
        if self._open:
            return self._recover() if self._high == 0 else None
        fallen = self._train_at_best - train.mean
        surely = 2 * train.noise / math.sqrt(train.memory)
        if not is_high or self._high < self.evaluations or fallen < max(surely, self.share * (val_loss - self._best)):
            return None
        self._open = True
        evidence = (
            f"val_loss {val_loss:.3g} after a best of {self._best:.3g} at step {self._best_step}, "
            f"while the training loss fell from {self._train_at_best:.3g} to {train.mean:.3g}"
        )
        return Symptom(onset=self._best_step, severity="warning", evidence=evidence)

    def _margin(self, val_loss: float) -> float:
        """How far above the best is more than noise, as known before this evaluation."""
        margin = self.rise * abs(self._best or 0.0)
        if self._high == 0 and self._val.seen > 5:
            # the noise is learned while nothing is wrong, or the rise itself would count as noise
            margin = max(margin, self.sigmas * self._val.noise)
        self._val.learn(val_loss)
        return margin

    def _recover(self) -> Recovered:
        self._open = False
        return Recovered()
