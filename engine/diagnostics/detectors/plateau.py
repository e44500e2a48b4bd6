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
    _seen: str = field(default="", init=False)
    """Of the open finding, while it was flat."""
    _needed: int = field(default=200, init=False)
    """Rows before the next one: a run that went on falling must be twice as long to be called complete again."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        gain = run.first - run.best
        if self._level is not None:
            if run.level.mean > self._level - self.recovery * gain - run.level.noise:
                self._seen = self._flat(run, gain) or self._seen
                return None
            before = self._level
            self._level = None
            self._needed = 2 * run.profile.rows
            return Recovered(f"mean loss {before:.4g}, until it fell on: to {run.level.mean:.4g} by step {run.step}")
        if run.profile.rows < self._needed or gain < 0.1 * run.unit:
            return None
        if not (seen := self._flat(run, gain)):
            return None
        self._seen = seen
        self._level, _ = run.profile.over(0.75, 1)
        return Detection(onset=run.profile.step_at(0.75), severity="info", evidence=seen)

    def evidence(self, run: RunStatistics) -> str:
        return self._seen

    def _flat(self, run: RunStatistics, gain: float) -> str:
        """What is seen where the last quarter brought next to nothing; empty where it brought more, or less."""
        (before, rows), (last, _) = run.profile.over(0.5, 0.75), run.profile.over(0.75, 1)
        error = 2 * run.level.noise * math.sqrt(2 / rows)
        if abs(before - last) + error > self.gain * gain:
            return ""
        middle, since, end = (run.profile.step_at(share) for share in (0.5, 0.75, 1))
        seen = f"mean loss {before:.4g} from step {middle} to {since}, {last:.4g} from there to step {end}"
        if run.chance is None or last < self.more_to_learn * run.chance:
            return f"{seen}: training may be complete"
        return f"{seen}: more than half of the {run.chance:.3g} of guessing is left, so more can be learned"
