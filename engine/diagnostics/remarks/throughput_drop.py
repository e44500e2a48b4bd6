"""Steps take much longer than they did."""

from dataclasses import dataclass, field
from typing import ClassVar

from ...kinds import Topic
from ..history import History
from ..level import Level, Streak
from ..symptom import Recovered, Symptom, Watched


@dataclass
class ThroughputDrop:
    """Fewer tokens a second than half of what this run has shown it can do.

    The machine is doing something else, is hot, or waits for data; or a larger batch or context costs its price.
    """

    kind: ClassVar[Topic] = "throughput_drop"
    watched: ClassVar[Watched] = "row"
    share: float = 0.5
    rows: int = 30

    _speed: Level = field(default_factory=lambda: Level(memory=20), init=False)
    _top: float = field(default=0.0, init=False)
    _low: Streak = field(default_factory=Streak, init=False)
    _open: bool = field(default=False, init=False)

    def observe(self, run: History) -> Symptom | Recovered | None:
        tokens_per_s = run.row.values.get("tokens_per_s")
        if tokens_per_s is None or not 0 < tokens_per_s < 1e150:
            return None
        self._speed.learn(tokens_per_s)
        mean = self._speed.mean
        if self._speed.seen >= self.rows and mean > self._top:
            self._top = mean
        low = self._low.count(mean < self.share * self._top, run.step)
        if self._open:
            if low:
                return None
            self._open = False
            return Recovered()
        if low < self.rows:
            return None
        self._open = True
        evidence = f"{mean:,.0f} tokens a second, where it was {self._top:,.0f}"
        return Symptom(onset=self._low.since, severity="info", evidence=evidence)
