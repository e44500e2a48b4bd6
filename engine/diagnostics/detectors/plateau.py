"""The loss has levelled out after most of the gain: training may be complete."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..run_statistics import RunStatistics


@dataclass
class Plateau:
    """The loss has levelled out: the last quarter of the run brought next to nothing.

    After most of the gain, or at the end of a decayed schedule, this is completion and not a fault: more steps at this
    rate will not help much.
    """

    kind: ClassVar[str] = "plateau"
    watched: ClassVar[Watched] = "block"
    gain: float = 0.01
    """Share of the whole gain that the last quarter brought at most, beyond doubt of the noise."""
    recovery: float = 0.02
    """Share of the gain by which the loss must fall for the remark to close."""

    _level: float | None = field(default=None, init=False)
    _needed: int = field(default=200, init=False)
    """Rows before the next one: a run that went on falling must be twice as long to be called complete again."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        gain = run.first - run.best
        if self._level is not None:
            if run.level.mean > self._level - self.recovery * gain - run.level.noise:
                return None
            self._level = None
            self._needed = 2 * run.profile.rows
            return Recovered()
        if run.profile.rows < self._needed or gain < 0.1 * run.unit:
            return None
        (before, rows), (last, _) = run.profile.over(0.5, 0.75), run.profile.over(0.75, 1)
        error = 2 * run.level.noise * math.sqrt(2 / rows)
        if abs(before - last) + error > self.gain * gain:
            return None
        self._level = last
        onset = run.profile.step_at(0.75)
        evidence = f"loss {last:.4g} since step {onset}, {before:.4g} before: training may be complete"
        return Detection(onset=onset, severity="info", evidence=evidence)
