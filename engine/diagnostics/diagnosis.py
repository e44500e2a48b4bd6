"""A run's events in, findings out: every detector sees every row, and one episode is one finding."""

import math
from dataclasses import replace

from ..config import LiveSettings, RunConfig
from ..events import (
    Evaluated,
    Event,
    FindingClosed,
    FindingOpened,
    RunStarted,
    SettingsChanged,
    StepFinished,
    live_settings,
)
from .advice import Circumstances, advise
from .divergence import Divergence
from .exploding_gradients import ExplodingGradients
from .non_finite import NonFinite
from .oscillation import Oscillation
from .overfitting import Overfitting
from .row import Row
from .slow import Slow
from .spike import Spike
from .stall import Stall
from .symptom import Detector, Kind, Recovered, Symptom
from .vanishing_gradients import VanishingGradients

CHANCE = math.log(259)
"""The loss of guessing evenly among 256 bytes and 3 specials."""


EXPLAINED_BY: dict[Kind, set[Kind]] = {
    "spike": {"divergence", "nan"},
    "oscillation": {"divergence", "nan"},
    "stall": {"divergence", "slow", "vanishing_gradients"},
    "slow": {"divergence", "stall", "vanishing_gradients"},
}
"""Kinds that are not news while one of those is open."""


def detectors(config: RunConfig) -> list[Detector]:
    steps, warmup = config.training.steps, config.schedule.warmup_steps
    stall = Stall(chance=CHANCE, steps=steps, warmup=warmup)
    if Circumstances.of(config).lr_too_high:
        # a rate that is known to be too high explains a plateau which might otherwise be slow refinement
        stall = replace(stall, far=0.5, flat_share=0.03)
    return [
        NonFinite(),
        Divergence(warmup=warmup),
        ExplodingGradients(),
        VanishingGradients(chance=CHANCE),
        Spike(),
        Oscillation(),
        stall,
        Slow(chance=CHANCE, steps=steps, warmup=warmup),
        Overfitting(),
    ]


class Diagnosis:
    """Deterministic: a new one that is shown a run's stored events again is where the old one was.

    Stored findings are among those events. They are not repeated but adopted, so that an open finding keeps its id and
    a new one never takes an id that was used before.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._settings = LiveSettings.from_config(config)
        self._detectors = detectors(config)
        self._open: dict[Kind, int] = {}
        self._next_id = 0

    def observe(self, event: Event) -> list[FindingOpened | FindingClosed]:
        match event:
            case StepFinished():
                return self._examine(
                    Row(event.step, {"loss": event.loss, "lr": event.lr, "grad_norm": event.grad_norm})
                )
            case Evaluated():
                return self._examine(Row(event.step, {"val_loss": event.val_loss}))
            case SettingsChanged() | RunStarted():
                self._settings = live_settings(event.settings)
            case FindingOpened():
                self._adopt(event)
            case _:
                pass
        return []

    def _examine(self, row: Row) -> list[FindingOpened | FindingClosed]:
        said: list[FindingOpened | FindingClosed] = []
        for detector in self._detectors:
            match detector.observe(row):
                case Symptom() as symptom if not EXPLAINED_BY.get(detector.kind, set()) & self._open.keys():
                    said.append(self._opened(detector.kind, symptom, row.step))
                case Recovered() if detector.kind in self._open:
                    said.append(FindingClosed(id=self._open.pop(detector.kind), step=row.step))
                case _:
                    pass
        return said

    def _opened(self, kind: Kind, symptom: Symptom, step: int) -> FindingOpened:
        id = self._open[kind] = self._next_id
        self._next_id += 1
        advice = advise(kind, Circumstances(config=self._config, settings=self._settings))
        return FindingOpened(
            id=id,
            step=step,
            onset=symptom.onset,
            kind=kind,
            severity=symptom.severity,
            evidence=symptom.evidence,
            causes=advice.causes,
            fixes=advice.fixes,
        )

    def _adopt(self, stored: FindingOpened) -> None:
        self._next_id = max(self._next_id, stored.id + 1)
        self._open.update({kind: stored.id for kind in self._open if kind == stored.kind})
