"""What a host is given: a loop to pull, somebody to save its state, a diagnosis, a log, and requests to answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Literal, Protocol

from ..events import (
    Accepted,
    ChangeSettings,
    CheckpointSaved,
    Command,
    Evaluated,
    Event,
    FindingClosed,
    FindingOpened,
    Refused,
    RunStarted,
    Sample,
    SampleGenerated,
    SettingsChanged,
)
from ..stopwatch import Stopwatch
from .loss_watch import NanPolicy

ReportProgress = Callable[[str], None]
"""Called with what is being done while a run is prepared, in a few words."""
Reason = Literal["series", "best", "change", "asked", "stop"]


class Loop(Protocol):
    """What is trained; every method leaves it between two steps."""

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
    """Tells what is wrong from what happens."""

    def observe(self, event: Event) -> list[FindingOpened | FindingClosed]: ...


class EventSink(Protocol):
    """Keeps events; OSError when one cannot be written, and then nothing of it is."""

    def append(self, event: Event) -> None: ...


@dataclass(frozen=True)
class Request:
    """A command and the way back to who gave it."""

    command: Command
    answer: Callable[[Accepted | Refused], None] = lambda answer: None


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """The finished parts of a run."""

    loop: Loop
    saver: Saver
    diagnosis: Observer
    on_nan: NanPolicy = "continue"
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    """Shared with the loop, which may tell the parts of a step apart."""


def refuse_all(requests: SimpleQueue[Request], why: str) -> None:
    while not requests.empty():
        request = requests.get()
        request.answer(Refused(id=request.command.id, why=why))
