"""The list of runs: a row for each folder, from its configuration and the end of its events."""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from ..config import ConfigError
from ..events import (
    Accepted,
    Evaluated,
    FindingClosed,
    FindingOpened,
    PreparationBegan,
    Refused,
    RunDescribed,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    StepFinished,
    StorageBlocked,
    StoredEvent,
)
from .event_log import Transcript, drop_superseded, first_events, marked_events, restart_steps, tail_events
from .origin import read_origin
from .own_files import created, own_files
from .relation import read_relation
from .run_folder import EVENTS, StoreError, find_worker, is_watched, printable, run_folders
from .run_store import read_config, run_description

StoredState = Literal["starting", "running", "paused", "finished", "stopped", "failed", "interrupted", "damaged"]

_ENDS: dict[str, StoredState] = {
    "finished": "finished",
    "stopped": "stopped",
    "nan": "failed",
    "failed": "failed",
    "died": "failed",
}


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One row of the list of runs."""

    name: str
    path: Path
    state: StoredState
    why: str = ""
    """What is damaged."""
    title: str = ""
    created: datetime
    step: int = 0
    steps: int = 0
    loss: float | None = None
    val_loss: float | None = None
    findings: int = 0
    """Opened in the course of the run."""
    is_failing: bool = False
    """Whether a failure is open."""
    bytes: int = 0
    pid: int | None = None
    """Of the worker, while there is one."""
    parent: str = ""
    """The run that this one is a fork of; empty where it is none."""
    forked_at: int = 0
    """The last step that a fork shares with its parent."""
    fix: str = ""
    """The title of the fix that a fork has and its parent has not."""
    watched: bool = False
    """Whether anything follows it: a screen, a `train` or an `attach`."""


def list_runs(runs: Path, most: int | None = None) -> list[RunSummary]:
    """The runs in a folder, the newest first, damaged ones too; quick however long the runs are."""
    return [summarise(run) for run in sorted(run_folders(runs), key=created, reverse=True)[:most]]


def summarise(run: Path) -> RunSummary:
    """A run's row, from its configuration and the end of its events."""
    empty = RunSummary(name=run.name, path=run, state="damaged", created=created(run), bytes=_bytes(run))
    try:
        title, steps = _title_and_steps(run)
        worker, latest, findings, origin = find_worker(run), _latest(run), _alarms(run), read_origin(run)
    except (ConfigError, StoreError, OSError) as error:
        return replace(empty, why=printable(str(error)))
    return replace(
        empty,
        state=_state(latest, worker is not None),
        title=title,
        step=next((event.step for event in reversed(latest) if not isinstance(event, RunDescribed)), 0),
        steps=steps,
        loss=next((event.loss for event in reversed(latest) if isinstance(event, StepFinished)), None),
        val_loss=next((event.val_loss for event in reversed(latest) if isinstance(event, Evaluated)), None),
        findings=len(findings),
        is_failing=any(finding.severity == "failure" for finding, is_open in findings if is_open),
        pid=worker.pid if worker else None,
        parent=printable(origin.parent) if origin else "",
        forked_at=origin.step if origin else 0,
        fix=read_relation(run).fix if origin else "",
        watched=worker is not None and is_watched(run),
    )


def planned_steps(run: Path) -> int:
    """ConfigError or StoreError as for `read_config`; 0 where a run has no planned number."""
    return _title_and_steps(run)[1]


def _title_and_steps(run: Path) -> tuple[str, int]:
    """The steps are 0 where a run has no planned number."""
    described = run_description(run)
    if described is None:
        config = read_config(run)
        return config.title, config.training.steps
    started = next((event for event in first_events(run) if isinstance(event, RunStarted)), None)
    return described.title, (started.steps or 0) if started else 0


def _state(latest: list[StoredEvent], at_work: bool) -> StoredState:
    for event in reversed(latest):
        match event:
            case RunEnded():
                return "starting" if at_work else _ENDS[event.reason]
            case RunPaused() if at_work:
                return "paused"
            case StepFinished() | RunResumed() | RunStarted() if at_work:
                return "running"
            case _:
                continue
    return "starting" if at_work else "interrupted"


def require_readable(run: Path) -> None:
    """StoreError where the log cannot be opened, or where none of the lines at its end is an event."""
    _latest(run)


def _latest(run: Path) -> list[StoredEvent]:
    """The last stored events, without superseded ones."""
    transcript = Transcript()
    tail = tail_events(run, transcript) if os.path.lexists(run / EVENTS) else []
    stored = [event for event in tail if not isinstance(event, PreparationBegan | StorageBlocked | Accepted | Refused)]
    if transcript.problems and not stored:
        raise StoreError(f"{run / EVENTS}: nothing at its end can be read; {transcript.problems[0].split(' ', 2)[2]}")
    return [*drop_superseded(stored, restart_steps(stored))]


def _alarms(run: Path) -> list[tuple[FindingOpened, bool]]:
    """Every alarm and whether it is open, without superseded ones."""
    marked = [*marked_events(run, "finding", "finding_closed", "started")] if os.path.lexists(run / EVENTS) else []
    remaining = [*drop_superseded(marked, restart_steps(marked))]
    closed = {event.id for event in remaining if isinstance(event, FindingClosed)}
    opened = [event for event in remaining if isinstance(event, FindingOpened) and event.is_alarm]
    return [(finding, finding.id not in closed) for finding in opened]


def _bytes(run: Path) -> int:
    size = 0
    with suppress(OSError):  # a worker thins its checkpoints meanwhile
        for file in own_files(run):
            with suppress(OSError):
                size += file.stat(follow_symlinks=False).st_size
    return size
