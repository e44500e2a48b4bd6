"""The best validation loss lies behind."""

from dataclasses import dataclass, field
from typing import ClassVar

from ...kinds import Topic
from ..history import History
from ..symptom import Recovered, Symptom, Watched


@dataclass
class BestPassed:
    """val_loss has not improved for several evaluations.

    No alarm: it may go on falling. It is where early stopping with this patience would end the run.
    """

    kind: ClassVar[Topic] = "best_passed"
    watched: ClassVar[Watched] = "val_loss"
    patience: int = 5
    """Evaluations without a new best."""

    _best: float | None = field(default=None, init=False)
    _best_step: int = field(default=0, init=False)
    _since: int = field(default=0, init=False)
    _open: bool = field(default=False, init=False)

    def observe(self, run: History) -> Symptom | Recovered | None:
        val_loss = run.val_loss
        if val_loss is None:
            return None
        if self._best is None or val_loss < self._best:
            self._best, self._best_step, self._since = val_loss, run.step, 0
            was_open, self._open = self._open, False
            return Recovered() if was_open else None
        self._since += 1
        if self._open or self._since < self.patience:
            return None
        self._open = True
        evidence = f"the best val_loss, {self._best:.4g} at step {self._best_step}, is {self._since} evaluations ago"
        return Symptom(onset=self._best_step, severity="info", evidence=evidence)
