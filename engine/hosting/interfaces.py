"""Interfaces that a Host depends on: training loop, checkpointer, diagnosis, event log, command requests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol

from ..events import (
    Accepted,
    ChangeSettings,
    CheckpointSaved,
    Command,
    Evaluated,
    Event,
    FindingEvent,
    Refused,
    RunEnded,
    RunStarted,
    Sample,
    SampleGenerated,
    SettingsChanged,
)
from ..lesson import Lesson
from ..long_work import LongWork
from ..stopwatch import Stopwatch
from ..storage.stored_checkpoints import Reason
from .loss_watch import NanPolicy
from .patience import Patience

ReportProgress = Callable[[str], None]
"""Called with a short description of the current activity while a run is prepared."""


class LoopBroken(Exception):
    """A loop cannot go on, for the reason that the message gives in one line; it is as its last whole step left it."""


class Loop(Protocol):
    """A training loop; every method returns between two steps."""

    @property
    def step(self) -> int: ...
    @property
    def finished(self) -> bool: ...
    def started(self) -> RunStarted: ...
    def advance(self) -> list[Event]: ...
    def change(self, command: ChangeSettings) -> SettingsChanged: ...
    def evaluate(self) -> Evaluated: ...
    def sample(self, command: Sample) -> SampleGenerated: ...


class Saver(Protocol):
    """Saves the state of a loop; OSError when it cannot be written."""

    def due(self, events: Sequence[Event], *, ending: bool = False) -> Sequence[Reason]: ...
    def save(self, reason: Reason) -> CheckpointSaved: ...


class Observer(Protocol):
    """A diagnosis: returns the findings that an event opens, changes or closes."""

    def observe(self, event: Event) -> list[FindingEvent]: ...


class EventSink(Protocol):
    """Stores events; OSError when one cannot be written, and then nothing of all is."""

    def append(self, *events: Event) -> None: ...


@dataclass(frozen=True)
class Request:
    """A command and the function that sends its answer to the client."""

    command: Command
    answer: Callable[[Accepted | Refused], None] = lambda answer: None


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """The finished parts of a run."""

    loop: Loop
    saver: Saver
    diagnosis: Observer
    on_nan: NanPolicy = "continue"
    patience: Patience = field(default_factory=lambda: Patience(0))
    """When val_loss has stood still for too long."""
    lesson: Lesson = field(default_factory=Lesson)
    """Where the run may be asked to pause by itself."""
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    """Shared with the loop, which may time the parts of a step separately."""
    long_work: LongWork = field(default_factory=LongWork)
    """Shared with the loop, which may cut its steps into pieces."""
    opening: Sequence[Event] = ()
    """Events to be stored after the start, such as the return to a checkpoint."""
    upkeep: Callable[[], None] = lambda: None
    """Called with every report of the time, between two steps, and before the end."""


def with_findings(event: Event, diagnosis: Observer) -> list[Event]:
    """The event and the findings it leads to; those of the end come before it, so that it stays the last event."""
    findings = diagnosis.observe(event)
    return [*findings, event] if isinstance(event, RunEnded) else [event, *findings]


def refuse_all(requests: SimpleQueue[Request], why: str) -> None:
    while not requests.empty():
        request = requests.get()
        request.answer(Refused(id=request.command.id, why=why))
