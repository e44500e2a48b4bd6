"""What a run that is followed hands out besides events: its steps as columns, and what is known of its log."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .events import AnyEvent, RunDescribed
from .finished_steps import FinishedSteps
from .readers.step_columns import StepColumns

_NUMBER = re.compile(r"(^|\s)\d+$")


@dataclass(frozen=True, kw_only=True)
class StartedOver:
    """Everything that was handed out is taken back: the log is read from its beginning, or another run begins in it."""

    why: str = ""
    """Empty where the log itself has not changed but is only read better."""


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """Something happened to the log that a person should know."""

    words: str


@dataclass(frozen=True, kw_only=True)
class LinesPrinted:
    """What another program has printed, as it came."""

    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LogRead:
    """How a log is read and how far, where its reader stands."""

    format: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Canonical name -> the column's name in the file."""
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    steps: int | None = None
    """How many were planned, where the log states it."""
    runs: tuple[str, ...] = ()
    """The runs that it holds, in the order in which they began."""
    folder: str = ""
    """In which it lies."""
    written_at: float = 0.0
    """When it was last written, in seconds since 1970."""
    blind: tuple[str, ...] = ()
    """What cannot be diagnosed, and why."""
    diagnosed: int = 0
    """Rows that the diagnosis has looked at."""
    rows: int = 0
    is_over: bool = False
    """Whether what writes it is known to have ended, as a program that was piped in."""
    waiting: str = ""
    """Why there is nothing to read yet."""

    @property
    def holds_named_runs(self) -> bool:
        """Whether its runs have names of their own, and are not one that was begun again and again."""
        return len({stem_of(run) for run in self.runs}) > 1


def described_log(name: str, run: str | None, commands: Sequence[str] = ()) -> RunDescribed:
    """As a log's run describes itself; `run` is the name that the log has for it."""
    return RunDescribed(title=f"{name} · {run}" if run else name, kind="log", commands=[*commands])


def stem_of(run: str) -> str:
    """Runs that follow each other in one log have names that differ in a number at the end."""
    return _NUMBER.sub("", run)


Arrival = AnyEvent | FinishedSteps | StepColumns | StartedOver | Noticed | LinesPrinted | LogRead
