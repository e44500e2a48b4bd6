"""The loss or the gradient norm is no longer a number."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from .level import Streak
from .row import Row
from .symptom import Kind, Recovered, Symptom

WATCHED = ("loss", "grad_norm")


@dataclass
class NonFinite:
    """The loss or the gradient norm is NaN or infinite.

    Once a weight is NaN, everything computed from it is: the run cannot recover by itself.
    """

    kind: ClassVar[Kind] = "nan"
    recovery: int = 10
    """Rows of finite numbers that close the finding; a single finite loss may come from a skipped step."""

    _open: bool = field(default=False, init=False)
    _finite: Streak = field(default_factory=Streak, init=False)

    def observe(self, row: Row) -> Symptom | Recovered | None:
        broken = [name for name in WATCHED if not math.isfinite(row.values.get(name, 0.0))]
        if broken and not self._open:
            self._open = True
            evidence = " and ".join(f"{name} is {row.values[name]}" for name in broken)
            return Symptom(onset=row.step, severity="failure", evidence=f"{evidence} at step {row.step}")
        measured = not row.values.keys().isdisjoint(WATCHED)
        if self._open and measured and self._finite.count(not broken, row.step) >= self.recovery:
            self._open = False
            self._finite = Streak()
            return Recovered()
        return None
