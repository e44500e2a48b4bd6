"""The gradient norm grows far beyond its own usual level, and the loss suffers."""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import Streak
from ..run_statistics import RunStatistics


@dataclass
class ExplodingGradients:
    """The gradient norm grows far beyond its own usual level, and the loss suffers.

    Healthy norms differ from run to run by orders of magnitude and single ones stand out without effect: what counts
    is the run's own level, two rows of three, and a loss that rises with them.
    """

    kind: ClassVar[str] = "exploding_gradients"
    watched: ClassVar[Watched] = "large_norm"
    suffering: float = 0.05
    """Units by which the loss must be above its own level."""
    recovery: int = 10

    _loss: float = field(default=0.0, init=False)
    """The level of the loss while the norm was usual."""
    _high: deque[int] = field(default_factory=lambda: deque(maxlen=3), init=False)
    _open: bool = field(default=False, init=False)
    _top: tuple[float, int] = field(default=(0.0, 0), init=False)
    """The largest norm of the open finding, and its step."""
    _last: tuple[float, int] = field(default=(0.0, 0), init=False)
    _calm: Streak = field(default_factory=Streak, init=False)

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        norm = run.row.values.get("grad_norm")
        if norm is None or norm <= 0:
            return None
        is_large = not norm <= run.norm.large
        if self._open:
            return self._await_recovery(run, norm, is_large)
        if is_large:
            return self._weigh(run, norm)
        if self._high:
            self._high.append(-1)
            if max(self._high) < 0:
                self._high.clear()
        return None

    def is_at_rest(self, run: RunStatistics) -> bool:
        return not (self._open or self._high)

    def _weigh(self, run: RunStatistics, norm: float) -> Detection | None:
        loss = run.loss
        if not (math.isfinite(norm) or self._high):
            return None  # NonFinite's
        if not self._high:
            self._loss = run.level.mean
        suffers = loss is not None and loss > self._loss + max(3 * run.level.noise, self.suffering * run.unit)
        self._high.append(run.step if suffers else -1)
        steps = [step for step in self._high if step >= 0]
        if len(steps) < 2:
            return None
        self._open = True
        self._top = self._last = norm, run.step
        return Detection(onset=steps[0], severity="warning", evidence=self.evidence(run))

    def evidence(self, run: RunStatistics) -> str:
        norm, step = self._last
        now = f"{norm:.3g} at step {step}, " if self._last != self._top else ""
        return f"{self._highest(run)}; {now}with the loss at {run.last_loss:.3g} at step {run.last_step}"

    def _highest(self, run: RunStatistics) -> str:
        norm, step = self._top
        usual = run.norm.level
        return f"gradient norm {norm:.3g} at step {step}, {norm / usual:.0f}x its usual {usual:.3g}"

    def _await_recovery(self, run: RunStatistics, norm: float, large: bool) -> Recovered | None:
        self._last = norm, run.step
        if norm > self._top[0]:
            self._top = self._last
        if self._calm.count(not large, run.step) < self.recovery:
            return None
        seen = f"{self._highest(run)}; usual again since step {self._calm.since}"
        self._open = False
        self._calm = Streak()
        self._high.clear()
        return Recovered(seen)
