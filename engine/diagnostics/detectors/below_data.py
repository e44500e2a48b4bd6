"""The loss is below what the data allow."""

from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import Streak
from ..run_statistics import RunStatistics


@dataclass
class BelowData:
    """The loss is lower than any honest model's could be.

    Text cannot be predicted beyond its entropy: Shannon (1951) puts English at 0.6 to 1.3 bits a letter, so 0.4 nats a
    byte are out of reach of a small model. Below that it knows its text by heart, or it can see its targets.
    """

    kind: ClassVar[str] = "below_data"
    watched: ClassVar[Watched] = "low_loss"
    share: float = 0.075
    """Of ln V; for bytes this is Shannon's lower estimate of 0.6 bits, 0.42 nats."""
    rows: int = 20

    _low: Streak = field(default_factory=Streak, init=False)
    _open: bool = field(default=False, init=False)
    _since: int = field(default=0, init=False)

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        chance, loss = run.chance, run.loss
        if chance is None or loss is None:
            return None
        line = self.share * chance
        if loss >= line and not self._open:
            self._low.length = 0
            return None
        low = self._low.count(loss < line, run.step)
        if self._open:
            if run.level.mean < line:
                return None
            self._open = False
            return Recovered(f"loss below {line:.2g} from step {self._since} to step {run.step}")
        if low < self.rows:
            return None
        self._open, self._since = True, self._low.since
        return Detection(onset=self._since, severity="info", evidence=self.evidence(run))

    def is_at_rest(self, run: RunStatistics) -> bool:
        return not (self._open or self._low.length)

    def evidence(self, run: RunStatistics) -> str:
        least = self.share * (run.chance or 0.0)
        seen = f"loss {run.last_loss:.3g} at step {run.last_step}"
        return f"{seen}, and text allows no less than about {least:.2g}: known by heart, or seen"
