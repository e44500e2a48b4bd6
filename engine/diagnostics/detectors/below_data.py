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
    watched: ClassVar[Watched] = "loss"
    share: float = 0.075
    """Of ln V; for bytes this is Shannon's lower estimate of 0.6 bits, 0.42 nats."""
    rows: int = 20

    _low: Streak = field(default_factory=Streak, init=False)
    _open: bool = field(default=False, init=False)

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        chance, loss = run.chance, run.loss
        if chance is None or loss is None:
            return None
        low = self._low.count(loss < self.share * chance, run.step)
        if self._open:
            if run.level.mean < self.share * chance:
                return None
            self._open = False
            return Recovered()
        if low < self.rows:
            return None
        self._open = True
        evidence = (
            f"loss {loss:.3g}, and text allows no less than about {self.share * chance:.2g}: known by heart, or seen"
        )
        return Detection(onset=self._low.since, severity="info", evidence=evidence)
