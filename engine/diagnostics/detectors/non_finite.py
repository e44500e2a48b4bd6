"""The loss or the gradient norm is no longer a number."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import Streak
from ..run_statistics import RunStatistics


@dataclass
class NonFinite:
    """The loss or val_loss, or the gradient norm row after row, is NaN or infinite.

    Once a weight is NaN, everything computed from it is: the run cannot recover by itself. A gradient norm alone may be
    infinite for a row, when mixed precision overflows and skips the step. A val_loss alone is NaN where the evaluation
    is at fault: an empty set, masked targets, another precision.
    """

    kind: ClassVar[str] = "nan"
    watched: ClassVar[Watched] = "unusual"
    gradient_rows: int = 3
    """Rows in a row of bad gradient norms beside a good loss."""
    skipped_rows: int = 33
    """The same for steps that mixed precision skips: its scale begins at 2**32 at most and is halved each time."""
    lost_rows: int = 2
    """The same where the trainer leaves a loss out of its rows that it had in them before."""
    recovery: int = 10
    """Rows of finite numbers that close the finding; a single finite loss may come from a skipped step."""
    val_recovery: int = 2
    """The same for evaluations, where val_loss alone was bad."""

    _open: bool = field(default=False, init=False)
    _seen: str = field(default="", init=False)
    _only_val: bool = field(default=False, init=False)
    """Whether the open finding is of val_loss alone."""
    _finite: Streak = field(default_factory=Streak, init=False)
    _bad_norms: Streak = field(default_factory=Streak, init=False)

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        values = run.row.values
        loss, norm, val_loss = values.get("loss"), values.get("grad_norm"), values.get("val_loss")
        if loss is None and norm is None and val_loss is None:
            return None
        bad_loss = loss is not None and not math.isfinite(loss)
        bad_norm = norm is not None and not math.isfinite(norm)
        if norm is not None:
            self._bad_norms.count(bad_norm, run.step)
        if self._open:
            return self._await_recovery(run, bad_loss or bad_norm or _is_bad(val_loss))
        if bad_loss or (bad_norm and self._bad_norms.length >= self._patience(run)):
            self._only_val = False
            return self._begin(run, {"loss": loss, "grad_norm": norm})
        if val_loss is not None and not math.isfinite(val_loss):
            self._only_val = True
            return self._begin(run, {"val_loss": val_loss})
        return None

    def is_at_rest(self, run: RunStatistics) -> bool:
        return not self._open and not self._bad_norms.length

    def _patience(self, run: RunStatistics) -> int:
        values = run.row.values
        is_scaled = values.get("skipped", 0) > 0 or values.get("loss_scale", 0) > 1
        if is_scaled:
            return self.skipped_rows
        return self.lost_rows if "grad_norm" in run.last_row.values and "loss" not in values else self.gradient_rows

    def _begin(self, run: RunStatistics, looked_at: Mapping[str, float | None]) -> Detection:
        self._open, self._finite = True, Streak()
        wrong = [
            f"{name} is {'NaN' if math.isnan(value) else 'infinite'}"
            for name, value in looked_at.items()
            if value is not None and not math.isfinite(value)
        ]
        onset = self._bad_norms.since if self._bad_norms.length and not self._only_val else run.step
        self._seen = f"{' and '.join(wrong)} at step {run.step}{self._before(run)}"
        return Detection(onset=onset, severity="failure", evidence=self._seen)

    def evidence(self, run: RunStatistics) -> str:
        return self._seen

    def _before(self, run: RunStatistics) -> str:
        before = run.last_row if run.loss is None else run.row_before
        if (loss := before.finite("loss")) is None:
            return ", from the first row on"
        return f"; the last {'training' if self._only_val else 'finite'} loss was {loss:.4g}"

    def _await_recovery(self, run: RunStatistics, is_bad: bool) -> Recovered | None:
        if self._only_val and run.row.values.get("val_loss") is None and not is_bad:
            return None
        recovery = self.val_recovery if self._only_val else self.recovery
        if self._finite.count(not is_bad, run.step) < recovery:
            return None
        self._open = False
        return Recovered(f"{self._seen}; finite again since step {self._finite.since}")


def _is_bad(value: float | None) -> bool:
    return value is not None and not math.isfinite(value)
