"""The loss or the gradient norm is no longer a number."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import Streak
from ..run_statistics import RunStatistics


@dataclass
class NonFinite:
    """The loss, or the gradient norm row after row, is NaN or infinite.

    Once a weight is NaN, everything computed from it is: the run cannot recover by itself. A gradient norm alone may be
    infinite for a row, when mixed precision overflows and skips the step.
    """

    kind: ClassVar[str] = "nan"
    watched: ClassVar[Watched] = "row"
    gradient_rows: int = 3
    """Rows in a row of bad gradient norms beside a good loss."""
    recovery: int = 10
    """Rows of finite numbers that close the finding; a single finite loss may come from a skipped step."""

    _open: bool = field(default=False, init=False)
    _finite: Streak = field(default_factory=Streak, init=False)
    _bad_norms: Streak = field(default_factory=Streak, init=False)

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        row = run.row
        loss, norm = row.values.get("loss"), row.values.get("grad_norm")
        if loss is None and norm is None:
            return None
        bad_loss = loss is not None and not math.isfinite(loss)
        bad_norm = norm is not None and not math.isfinite(norm)
        bad_norms = self._bad_norms.count(bad_norm, row.step) if norm is not None else self._bad_norms.length
        broken = bad_loss or bad_norms >= self.gradient_rows
        if self._open:
            if self._finite.count(not (bad_loss or bad_norm), row.step) < self.recovery:
                return None
            self._open, self._finite = False, Streak()
            return Recovered()
        if not broken:
            return None
        self._open = True
        onset = self._bad_norms.since if bad_norms else row.step
        wrong = [
            f"{name} is {'NaN' if math.isnan(value) else 'infinite'}"
            for name, value in (("loss", loss), ("grad_norm", norm))
            if value is not None and not math.isfinite(value)
        ]
        before = f"; the last finite loss was {run.level.mean:.4g}" if run.rows else ", from the first row on"
        return Detection(onset=onset, severity="failure", evidence=f"{' and '.join(wrong)} at step {row.step}{before}")
