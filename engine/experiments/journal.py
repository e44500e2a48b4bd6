"""What made a run's past besides its configuration: live changes, and up to which step it was to train at each time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..events import RunStarted, SettingsChanged, StepFinished
from ..storage.event_log import drop_superseded, marked_events, restart_steps, surviving_events


@dataclass(frozen=True)
class Journal:
    """Only what counts: a run that went back has taken the rest back."""

    changes: list[SettingsChanged]
    planned_steps: list[tuple[int, int]]
    """From which step on, and up to which step the run was to train from there: a schedule's shape depends on it."""


def read_journal(run: Path) -> Journal:
    marked = [*marked_events(run, "changed", "started")]
    surviving = [*drop_superseded(marked, restart_steps(marked))]
    return Journal(
        changes=[event for event in surviving if isinstance(event, SettingsChanged) and event.settings is not None],
        planned_steps=[
            (event.step, event.steps) for event in surviving if isinstance(event, RunStarted) and event.steps
        ],
    )


def stored_losses(run: Path) -> Iterator[tuple[int, float]]:
    """The step and the loss of every step that counts, in order."""
    for event in surviving_events(run, 2**53):
        if isinstance(event, StepFinished) and event.loss is not None:
            yield event.step, event.loss
