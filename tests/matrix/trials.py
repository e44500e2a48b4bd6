"""Presets trained to their end on one thread, many beside each other."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from tinygpt_tui.engine.conditions import STEP_METRICS
from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import Evaluated, Event, FindingOpened, LayersMeasured, StepFinished
from tinygpt_tui.engine.lesson import Lesson
from tinygpt_tui.engine.measured import MeasuredRun, Values, at_steps
from tinygpt_tui.engine.presets import find_preset

from .promises import Case, Raised, Trial, broken, broken_by_fix, misjudged, unhealthy

PROCESSES = 2


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A case, its run, the run of each fix, and every promise that was not kept."""

    case: Case
    trial: Trial
    fixed: tuple[Trial, ...]
    broken: tuple[str, ...]


def judge(cases: Sequence[Case]) -> Iterator[Verdict]:
    """Train the run of every case and of its fixes; verdicts come in the order of the cases.

    A third of the fixes are what another preset trains: a configuration that comes again is trained once.
    """
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        trials: dict[RunConfig, Future[Trial]] = {}
        for config in dict.fromkeys(each for case in cases for each in _trained(case)):
            trials[config] = pool.submit(train, config)
        for case in cases:
            before, *fixed = (trials[config].result() for config in _trained(case))
            yield _verdict(case, before, fixed)


def _trained(case: Case) -> list[RunConfig]:
    """The configuration of a case and of each of its fixes."""
    config = find_preset(case.id)[1]
    fixes = [config.with_changes(fix.changes) for fix in config.lesson.fixes]
    return [_reproducible(each, case.seed) for each in (config, *fixes)]


def _reproducible(config: RunConfig, seed: int) -> RunConfig:
    """On one thread and in fp32, so that it is the same wherever it runs; without what changes no number."""
    training = replace(config.training, seed=seed, device="cpu", precision="fp32", threads=1, compile=False)
    instruments = replace(config.instruments, sample_every=0)
    return replace(config, title="", lesson=Lesson(), training=training, instruments=instruments)


def _verdict(case: Case, before: Trial, fixed: Sequence[Trial]) -> Verdict:
    lesson = find_preset(case.id)[1].lesson
    complaints = [*broken(lesson, before), *misjudged(case.id, lesson, before)]
    complaints += before.unhealthy if case.id == "baseline" else ()
    for fix, after in zip(lesson.fixes, fixed, strict=True):
        complaints += [f"{fix.title}: {each}" for each in broken_by_fix(lesson, fix, before, after)]
    return Verdict(case=case, trial=before, fixed=tuple(fixed), broken=tuple(complaints))


def train(config: RunConfig) -> Trial:
    from tinygpt_tui.engine.corpus import load_corpus
    from tinygpt_tui.engine.diagnostics.diagnosis import Diagnosis

    from ..texts import training_events

    corpus = load_corpus(config.data, context=config.model.context)
    diagnosis, events, began = Diagnosis(config), [], time.process_time()
    for event in training_events(config, corpus):
        events += [event, *diagnosis.observe(event)]
    return _trial(events, time.process_time() - began)


def _trial(events: list[Event], seconds: float) -> Trial:
    raised = [
        Raised(kind=event.kind, step=event.step, causes=tuple(event.causes), fixes=tuple(event.fixes))
        for event in events
        if isinstance(event, FindingOpened) and event.severity != "info"
    ]
    held_out = [event.val_loss for event in events if isinstance(event, Evaluated)]
    losses = [event.loss for event in events if isinstance(event, StepFinished) and event.loss is not None]
    last = losses[-max(len(losses) // 10, 1) :]
    val_loss = held_out[-1] if held_out else sum(last) / len(last)
    return Trial(
        raised=tuple(raised), val_loss=val_loss, record=recorded(events), seconds=seconds, unhealthy=unhealthy(events)
    )


def recorded(events: list[Event]) -> MeasuredRun:
    """The columns that conditions read."""
    rows = [event for event in events if isinstance(event, StepFinished)]
    columns = {name: _values([getattr(row, name) for row in rows]) for name in STEP_METRICS}
    held_out = [event for event in events if isinstance(event, Evaluated)]
    layers = [event for event in events if isinstance(event, LayersMeasured)]
    looks = {
        "val_loss": [(event.step, event.val_loss) for event in held_out],
        "max_attention_logit": [(event.step, event.max_attention_logit) for event in layers],
    }
    for name, pairs in looks.items():
        at, values = _values(pairs).reshape(-1, 2).T
        columns[name] = at_steps(columns["step"], at, values)
    findings: dict[str, int] = {}
    for event in events:
        if isinstance(event, FindingOpened):
            findings.setdefault(event.kind, event.step)
    return MeasuredRun(columns=columns, findings=findings)


def _values(of: object) -> Values:
    return np.asarray(of, "f8")
