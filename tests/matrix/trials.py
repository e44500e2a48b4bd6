"""Presets trained to their end on one thread, many beside each other."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import Evaluated, Event, FindingOpened, LayersMeasured, StepFinished
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


def judge(cases: Iterable[Case]) -> Iterator[Verdict]:
    """Train every case and its fixes; verdicts come in the order of the cases."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_judge, cases)


def _judge(case: Case) -> Verdict:
    config = find_preset(case.id)[1]
    lesson = config.lesson
    before = train(config, case.seed)
    complaints = [*broken(lesson, before), *misjudged(case.id, lesson, before)]
    complaints += before.unhealthy if case.id == "baseline" else ()
    fixed = []
    for fix in lesson.fixes:
        fixed.append(train(config.with_changes(fix.changes), case.seed))
        complaints += [f"{fix.title}: {each}" for each in broken_by_fix(lesson, fix, before, fixed[-1])]
    return Verdict(case=case, trial=before, fixed=tuple(fixed), broken=tuple(complaints))


def train(config: RunConfig, seed: int) -> Trial:
    """One run, on one thread and in fp32, so that it is the same wherever it runs."""
    from tinygpt_tui.engine.corpus import load_corpus
    from tinygpt_tui.engine.diagnostics.diagnosis import Diagnosis

    from ..texts import training_events

    training = replace(config.training, seed=seed, device="cpu", precision="fp32", threads=1, compile=False)
    instruments = replace(config.instruments, sample_every=0)
    config = replace(config, training=training, instruments=instruments)
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
    columns = {
        name: _values([getattr(row, name) for row in rows])
        for name in ("step", "loss", "lr", "grad_norm", "update_ratio", "clipped")
    }
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
