"""A run's events or rows in, findings out, with causes, remedies and how sure we are."""

import math

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
    live_settings,
)
from ..kinds import Topic
from .causes import causes
from .circumstances import FAR, USUAL_LR, Witness, peak_lr
from .confidence import confidence
from .examiner import Closed, Examiner, Opened
from .facts import RunFacts
from .fixes import fixes
from .row import Row
from .titles import TITLES

CHANCE = math.log(259)
"""The loss of guessing evenly among 256 bytes and 3 specials."""


def facts_of(config: RunConfig) -> RunFacts:
    settings = LiveSettings.from_config(config)
    return RunFacts(
        steps=config.training.steps,
        warmup_steps=config.schedule.warmup_steps,
        chance=CHANCE,
        lr_is_high=peak_lr(settings) > FAR * USUAL_LR[config.optimizer.kind],
    )


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
                self._witness.settings = live_settings(event.settings)
            case SettingsChanged():
                self._witness.change, self._witness.before_change = event, self._witness.settings
                self._witness.settings = live_settings(event.settings)
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
    values = {
        "loss": event.loss,
        "lr": event.lr,
        "grad_norm": event.grad_norm,
        "tokens_per_s": event.tokens_per_s,
        "tokens": float(event.tokens),
        "clipped": float(event.clipped),
    }
    if event.update_ratio is not None:
        values["update_ratio"] = event.update_ratio
    return Row(event.step, values)


def time_row(event: TimeSpent) -> Row:
    """Seconds a step, as other logs have them; waiting is no part of them."""
    spent = {name: seconds / max(event.steps, 1) for name, seconds in event.seconds.items() if name != "waiting"}
    return Row(event.step, {"step_time": sum(spent.values()), **{f"{name}_time": part for name, part in spent.items()}})
