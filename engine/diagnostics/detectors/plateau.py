"""The loss has levelled out: training may be complete, or has stopped early."""

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

    more_to_learn: float = 0.5
    """Share of the loss of guessing above which a plateau is not the end: a model that knows how often each byte comes
    and nothing else is at 0.57 of it (3.15 of 5.56)."""

    _level: float | None = field(default=None, init=False)
    _needed: int = field(default=200, init=False)
    """Rows before the next one: a run that went on falling must be twice as long to be called complete again."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        gain = run.first - run.best
        if self._level is not None:
            if run.level.mean > self._level - self.recovery * gain - run.level.noise:
                return None
            before = self._level
            self._level = None
            self._needed = 2 * run.profile.rows
            return Recovered(f"mean loss {before:.4g}, until it fell on: to {run.level.mean:.4g} by step {run.step}")
        if run.profile.rows < self._needed or gain < 0.1 * run.unit:
            return None
        (before, rows), (last, _) = run.profile.over(0.5, 0.75), run.profile.over(0.75, 1)
        error = 2 * run.level.noise * math.sqrt(2 / rows)
        if abs(before - last) + error > self.gain * gain:
            return None
        self._level = last
        return Detection(onset=run.profile.step_at(0.75), severity="info", evidence=self.evidence(run))

    def evidence(self, run: RunStatistics) -> str:
        (before, _), (last, _) = run.profile.over(0.5, 0.75), run.profile.over(0.75, 1)
        since, end = run.profile.step_at(0.75), run.profile.ends[-1]
        seen = f"mean loss {last:.4g} from step {since} to {end}, {before:.4g} in as many steps before"
        if run.chance is None or last < self.more_to_learn * run.chance:
            return f"{seen}: training may be complete"
        return f"{seen}: a model that knows only how often each token comes is there, and more can be learned"
