"""A run's events or rows in, findings out, with causes, remedies and how sure we are."""

from dataclasses import dataclass

from ..config import LiveSettings, RunConfig
from ..events import (
    Evaluated,
    Event,
    FindingClosed,
    FindingOpened,
    LayersMeasured,
    RunStarted,
    SettingsChanged,
    StepFinished,
    TimeSpent,
)
from ..finding_kinds import Topic
from ..metrics import step_values
from ..optimizers import OPTIMIZERS
from ..vocabulary import CHANCE_LOSS
from .catalogue import TITLES
from .causes import causes
from .confidence import confidence
from .context import FAR, Witness, peak_lr
from .detector import Detector, Recovered, Symptom
from .detectors.below_data import BelowData
from .detectors.best_passed import BestPassed
from .detectors.divergence import Divergence
from .detectors.exploding_gradients import ExplodingGradients
from .detectors.initial_loss import InitialLoss
from .detectors.non_finite import NonFinite
from .detectors.oscillation import Oscillation
from .detectors.overfitting import Overfitting
from .detectors.plateau import Plateau
from .detectors.slow import Slow
from .detectors.spike import Spike
from .detectors.stall import Stall
from .detectors.throughput_drop import ThroughputDrop
from .detectors.vanishing_gradients import VanishingGradients
from .detectors.warmup_bump import WarmupBump
from .fixes import fixes
from .row import Row
from .run_statistics import History, RunFacts


def facts_of(config: RunConfig) -> RunFacts:
    settings = LiveSettings.from_config(config)
    return RunFacts(
        steps=config.training.steps,
        warmup_steps=config.schedule.warmup_steps,
        chance=CHANCE_LOSS,
        lr_is_high=peak_lr(settings) > FAR * OPTIMIZERS[config.optimizer.kind].usual_lr,
    )


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


class Diagnosis:
    """Deterministic: a new one that is shown a run's stored events again is where the old one was.

    Stored findings are among those events. They are not repeated but adopted, so that an open finding keeps its id and
    a new one never takes an id that was used before.
    """

    def __init__(self, config: RunConfig | None = None, facts: RunFacts | None = None) -> None:
        settings = LiveSettings.from_config(config) if config else None
        self._examiner = Examiner(facts or (facts_of(config) if config else RunFacts()))
        self._witness = Witness(config=config, settings=settings)
        self._open: dict[Topic, int] = {}
        self._next_id = 0

    def observe(self, event: Event) -> list[FindingOpened | FindingClosed]:
        match event:
            case StepFinished():
                return self.examine(row_of(event))
            case Evaluated():
                return self.examine(Row(event.step, {"val_loss": event.val_loss}))
            case TimeSpent():
                return self.examine(time_row(event))
            case LayersMeasured():
                self._witness.layers = event
            case RunStarted():
                self._witness.started = event
                self._witness.settings = event.settings
            case SettingsChanged():
                self._witness.change, self._witness.before_change = event, self._witness.settings
                self._witness.settings = event.settings
            case FindingOpened():
                self._adopt(event)
            case _:
                pass
        return []

    def examine(self, row: Row) -> list[FindingOpened | FindingClosed]:
        self._witness.recent.append(row)
        return [self._tell(word) for word in self._examiner.examine(row)]

    def _tell(self, word: Opened | Closed) -> FindingOpened | FindingClosed:
        if isinstance(word, Closed):
            return FindingClosed(id=self._open.pop(word.kind), step=word.step)
        id = self._open[word.kind] = self._next_id
        self._next_id += 1
        now = self._witness.circumstances(word.symptom, self._examiner.history)
        return FindingOpened(
            id=id,
            step=word.step,
            onset=word.symptom.onset,
            kind=word.kind,
            severity=word.symptom.severity,
            title=TITLES[word.kind],
            evidence=word.symptom.evidence,
            causes=causes(word.kind, now),
            fixes=fixes(word.kind, now),
            confidence=confidence(word.kind),
        )

    def _adopt(self, stored: FindingOpened) -> None:
        self._next_id = max(self._next_id, stored.id + 1)
        self._open.update({kind: stored.id for kind in self._open if kind == stored.kind})


def row_of(event: StepFinished) -> Row:
    return Row(event.step, step_values(event))


def time_row(event: TimeSpent) -> Row:
    """Seconds a step, as other logs have them; waiting is no part of them."""
    spent = {name: seconds / max(event.steps, 1) for name, seconds in event.seconds.items() if name != "waiting"}
    return Row(event.step, {"step_time": sum(spent.values()), **{f"{name}_time": part for name, part in spent.items()}})
