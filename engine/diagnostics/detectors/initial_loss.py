"""The first loss is not that of a model that knows nothing."""

from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..run_statistics import RunStatistics


@dataclass
class InitialLoss:
    """The first loss is far from ln V, the loss of guessing evenly among V tokens.

    An untrained model should be sure of nothing. A higher first loss means that the initial weights are too large; a
    lower one that the model was trained before, or that the targets can be seen.
    """

    kind: ClassVar[str] = "initial_loss"
    watched: ClassVar[Watched] = "loss"
    share: float = 0.1
    """Of ln V; the usual initial weights come within a few percent."""

    _has_looked: bool = field(default=False, init=False)
    _seen: str = field(default="", init=False)

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        if self._has_looked:
            return None
        self._has_looked = True
        chance = run.facts.chance
        if chance is None or run.first_step > 1 or abs(run.first - chance) <= self.share * chance:
            return None
        why = "initial weights too large" if run.first > chance else "trained before, or the targets can be seen"
        self._seen = f"the first loss is {run.first:.3g}, and guessing costs ln V = {chance:.3g}: {why}"
        return Detection(onset=run.step, severity="info", evidence=self._seen)

    def evidence(self, run: RunStatistics) -> str:
        return self._seen
