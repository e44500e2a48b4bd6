"""Early stopping: a run whose val_loss has not become better for so many evaluations ends (Prechelt 1998)."""

import math
from collections.abc import Iterable

from ..events import Evaluated, Event, RunStarted, SettingsChanged


class Patience:
    """Counts evaluations since the best one; `evaluations` of 0 waits for ever."""

    def __init__(self, evaluations: int, past: Iterable[Event] = ()) -> None:
        """`past` are the events of a run that goes on, so that it ends where it would have without the pause."""
        self._evaluations = evaluations
        self._best, self._best_step = math.inf, 0
        self._since_best = 0
        self.observe(past)

    def observe(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case Evaluated(step=0):
                    pass  # random weights are no state to go back to
                case Evaluated() if event.val_loss < self._best:
                    self._best, self._best_step, self._since_best = event.val_loss, event.step, 0
                case Evaluated():
                    self._since_best += 1
                case RunStarted() | SettingsChanged() if event.settings and event.settings.patience is not None:
                    self._evaluations = event.settings.patience
                case _:
                    pass

    @property
    def is_over(self) -> bool:
        return 0 < self._evaluations <= self._since_best

    @property
    def reason(self) -> str:
        best = f"the best is {self._best:.4g} of step {self._best_step}"
        return f"val_loss has not become better for {self._since_best} evaluations; {best}"
