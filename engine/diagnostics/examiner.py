"""Rows in, findings out: every detector sees every row that concerns it, and one episode is one finding."""

from dataclasses import dataclass

from ..kinds import Topic
from .detectors.divergence import Divergence
from .detectors.exploding_gradients import ExplodingGradients
from .detectors.non_finite import NonFinite
from .detectors.oscillation import Oscillation
from .detectors.overfitting import Overfitting
from .detectors.slow import Slow
from .detectors.spike import Spike
from .detectors.stall import Stall
from .detectors.vanishing_gradients import VanishingGradients
from .facts import RunFacts
from .history import History
from .remarks.below_data import BelowData
from .remarks.best_passed import BestPassed
from .remarks.initial_loss import InitialLoss
from .remarks.plateau import Plateau
from .remarks.throughput_drop import ThroughputDrop
from .remarks.warmup_bump import WarmupBump
from .row import Row
from .symptom import Detector, Recovered, Symptom

EXPLAINED_BY: dict[Topic, set[Topic]] = {
    "spike": {"divergence", "nan"},
    "oscillation": {"divergence", "nan"},
    "stall": {"divergence", "slow", "vanishing_gradients", "oscillation"},
    "slow": {"divergence", "stall", "vanishing_gradients"},
    "overfitting": {"vanishing_gradients"},
    "warmup_bump": {"divergence", "spike", "nan", "oscillation"},
    "plateau": {"stall", "slow", "divergence", "vanishing_gradients", "nan", "overfitting"},
    "best_passed": {"overfitting", "divergence", "nan", "stall", "vanishing_gradients"},
}
"""Kinds that are not news while one of those is open."""


@dataclass(frozen=True, slots=True)
class Opened:
    kind: Topic
    step: int
    """When it was known."""
    symptom: Symptom


@dataclass(frozen=True, slots=True)
class Closed:
    kind: Topic
    step: int


def detectors() -> list[Detector]:
    return [
        NonFinite(), Divergence(), ExplodingGradients(), VanishingGradients(), Spike(), Oscillation(), Stall(), Slow(),
        Overfitting(), InitialLoss(), WarmupBump(), Plateau(), BestPassed(), BelowData(), ThroughputDrop(),
    ]  # fmt: skip


class Examiner:
    def __init__(self, facts: RunFacts) -> None:
        self.history = History(facts)
        self.open: set[Topic] = set()
        watching = detectors()
        self._on_row = [each for each in watching if each.watched == "row"]
        self._on_loss = [each for each in watching if each.watched == "loss"]
        self._on_gradients = [each for each in watching if each.watched == "gradients"]
        self._on_val_loss = [each for each in watching if each.watched == "val_loss"]
        self._on_block = [each for each in watching if each.watched == "block"]

    def examine(self, row: Row) -> list[Opened | Closed]:
        said: list[Opened | Closed] = []
        run = self.history
        run.look(row)
        for detector in self._on_row:
            if (word := detector.observe(run)) is not None:
                self._take(detector.kind, word, said)
        if run.loss is not None:
            for detector in self._on_loss:
                if (word := detector.observe(run)) is not None:
                    self._take(detector.kind, word, said)
        if run.grad_norm is not None:
            for detector in self._on_gradients:
                if (word := detector.observe(run)) is not None:
                    self._take(detector.kind, word, said)
        if run.learn():
            for detector in self._on_block:
                if (word := detector.observe(run)) is not None:
                    self._take(detector.kind, word, said)
        if run.val_loss is not None:
            for detector in self._on_val_loss:
                if (word := detector.observe(run)) is not None:
                    self._take(detector.kind, word, said)
        return said

    def _take(self, kind: Topic, word: Symptom | Recovered, said: list[Opened | Closed]) -> None:
        match word:
            case Symptom() if not EXPLAINED_BY.get(kind, set()) & self.open:
                self.open.add(kind)
                said.append(Opened(kind, self.history.step, word))
            case Recovered() if kind in self.open:
                self.open.remove(kind)
                said.append(Closed(kind, self.history.step))
            case _:
                pass
