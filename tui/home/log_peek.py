"""A bounded look at a run's log: its loss curve, its last values and its findings, however long the log is.

A short log is read whole. Of a long one even windows are read, the first and the last bytes among them, which is
enough for a curve of a few dozen characters.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ...engine.events import AnyEvent, Evaluated, FindingClosed, FindingOpened, RunEnded, RunStarted, StepFinished
from ...engine.storage.event_log import Transcript
from ...engine.storage.run_folder import EVENTS, open_file

WHOLE = 1 << 20
WINDOWS = 128
LOG_WINDOW = 1 << 13


@dataclass(frozen=True, kw_only=True)
class LogSummary:
    """A run as a few hundred of its events show it."""

    losses: tuple[tuple[int, float], ...] = ()
    """Step and loss, the steps rising."""
    last: StepFinished | None = None
    tokens_per_s: float | None = None
    """The median of the steps that were read."""
    evaluated: Evaluated | None = None
    started: RunStarted | None = None
    findings: tuple[FindingOpened, ...] = ()
    """The open ones among those that were read."""
    ended: RunEnded | None = None


def log_summary(run: Path) -> LogSummary:
    """StoreError where the log cannot be opened, OSError where it cannot be read."""
    return gathered(_events(run / EVENTS))


def gathered(events: Iterable[AnyEvent]) -> LogSummary:
    """Fold events, dropping what a worker that started further back has superseded."""
    steps: list[StepFinished] = []
    findings: dict[int, FindingOpened] = {}
    started = evaluated = ended = None
    for event in events:
        match event:
            case StepFinished():
                while steps and steps[-1].step >= event.step:
                    steps.pop()
                steps.append(event)
            case Evaluated():
                evaluated = event
            case FindingOpened(is_alarm=True):
                findings[event.id] = event
            case FindingClosed():
                findings.pop(event.id, None)
            case RunStarted():
                started, ended = event, None
                findings = {id: finding for id, finding in findings.items() if finding.step <= event.step}
                if evaluated and evaluated.step > event.step:
                    evaluated = None
                while steps and steps[-1].step > event.step:
                    steps.pop()
            case RunEnded():
                ended = event
            case _:
                pass
    speeds = [step.tokens_per_s for step in steps if step.tokens_per_s is not None]
    return LogSummary(
        losses=tuple((step.step, step.loss) for step in steps if step.loss is not None),
        last=steps[-1] if steps else None,
        tokens_per_s=median(speeds) if speeds else None,
        evaluated=evaluated,
        started=started,
        findings=tuple(findings.values()),
        ended=ended,
    )


def _events(log: Path) -> list[AnyEvent]:
    transcript = Transcript()
    with os.fdopen(open_file(log, os.O_RDONLY), "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= WHOLE:
            return transcript.feed(file.read(WHOLE))
        events: list[AnyEvent] = []
        for window in range(WINDOWS):
            start = window * (size - LOG_WINDOW) // (WINDOWS - 1)
            events += _whole_lines(os.pread(file.fileno(), LOG_WINDOW, start), first=window == 0)
        return events


def _whole_lines(data: bytes, *, first: bool) -> list[AnyEvent]:
    """The events of a piece that was cut out anywhere."""
    start = 0 if first else data.find(b"\n") + 1
    return Transcript().feed(data[start : data.rfind(b"\n") + 1])
