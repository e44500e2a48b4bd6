"""What made a run's past besides its configuration: live changes, and up to which step it was to train at each time."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..config import LiveSettings
from ..events import RunStarted, SettingsChanged, StepFinished
from ..schedule import planned_lr
from ..storage.event_log import drop_superseded, marked_events, restart_steps, surviving_events
from ..storage.run_folder import EVENTS
from ..storage.run_store import read_config


@dataclass(frozen=True)
class Journal:
    """Only what counts: a run that went back has taken the rest back."""

    changes: list[SettingsChanged]
    planned_steps: list[tuple[int, int]]
    """From which step on, and up to which step the run was to train from there: a schedule's shape depends on it."""
    processes: list[tuple[int, int, int]]
    """From which step on, in how many processes, and of how many threads each: the last bits of a sum depend on it."""


def read_journal(run: Path) -> Journal:
    marked = [*marked_events(run, "changed", "started")] if has_log(run) else []
    surviving = [*drop_superseded(marked, restart_steps(marked))]
    return Journal(
        changes=[event for event in surviving if isinstance(event, SettingsChanged) and event.settings is not None],
        planned_steps=[
            (event.step, event.steps) for event in surviving if isinstance(event, RunStarted) and event.steps
        ],
        processes=[
            (event.step, event.processes or 1, event.threads)
            for event in surviving
            if isinstance(event, RunStarted) and event.threads
        ],
    )


def has_log(run: Path) -> bool:
    """Which a run has from its start on."""
    return os.path.lexists(run / EVENTS)


def stored_losses(run: Path) -> Iterator[tuple[int, float]]:
    """The step and the loss of every step that counts, in order."""
    for event in surviving_events(run, 2**53):
        if isinstance(event, StepFinished) and event.loss is not None:
            yield event.step, event.loss


def used_and_planned_lrs(run: Path) -> Iterator[tuple[int, float, float]]:
    """Of every step that counts: its number, its lr in the log, and the one that the schedule of that time gives."""
    config = read_config(run)
    settings, steps = LiveSettings.from_config(config), config.training.steps
    for event in surviving_events(run, 2**53) if has_log(run) else ():
        match event:
            case RunStarted():
                settings, steps = event.settings or settings, event.steps or steps
            case SettingsChanged(settings=LiveSettings() as changed):
                settings = changed
            case StepFinished(lr=float() as lr):
                yield event.step, lr, planned_lr(settings, event.step, steps)
            case _:
                pass


def first_non_finite_step(run: Path) -> int | None:
    """The first that counts whose loss or gradient norm is not finite."""
    for event in surviving_events(run, 2**53) if has_log(run) else ():
        if isinstance(event, StepFinished) and not all(
            math.isfinite(value) for value in (event.loss, event.grad_norm) if value is not None
        ):
            return event.step
    return None
