"""Where a person can go: home, out, to a run, to the course, to an exercise.

`RunScreen` is a `Screen[Destination]`: what it is dismissed with is carried out by the app. The screen has already
stopped the run where that was asked for; it never starts one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what only begins to read does not need them
    from ..engine.config import RunConfig
    from ..engine.events import ChangeSettings
    from ..engine.experiments.sweep_runs import Sweep
    from ..engine.following.child_program import ChildProgram
    from ..engine.following.piped_input import PipedInput
    from ..engine.reading_apart.process import ReadingProcess
    from ..engine.storage.relation import Relation


@dataclass(frozen=True)
class ToHome:
    """Back to the presets and runs."""


@dataclass(frozen=True)
class QuitApp:
    """Out of the program; a run that was left running goes on."""


@dataclass(frozen=True)
class StartRun:
    """A new run of this configuration."""

    config: RunConfig
    name: str | None = None
    """Of its folder; a number and the title make one where none is given."""
    numbered: bool = False
    """Give the name a number even where there is no run of that name."""
    relation: Relation | None = None
    """To the run that this one was started from; its `runs` are paths."""


@dataclass(frozen=True)
class ResumeRun:
    """The same run, from its last checkpoint, or back from the one that is named and on with a change."""

    path: Path
    checkpoint: str = ""
    change: ChangeSettings | None = None
    steps: int | None = None
    """The step at which it is to end now, where that is later than it was to."""


@dataclass(frozen=True)
class ForkRun:
    """A new run that goes on from a step of another one, which stays as it is."""

    parent: Path
    step: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Config keys and their values."""
    change: ChangeSettings | None = None
    """Or a change as it is made live."""
    fix: str = ""
    """The title of the fix that the changes are."""


@dataclass(frozen=True)
class OpenRun:
    """Attach to the run's worker, or read the run where it has none."""

    path: Path
    reading: ReadingProcess | None = None
    """Where it is being read already."""


@dataclass(frozen=True)
class OpenLog:
    """Follow the log of another program."""

    path: Path
    name: str
    """As it was given."""
    run: str | None = None
    """One of the runs that it holds; the latest without."""
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    """Canonical names of metrics and the columns that were chosen for them."""
    piped: PipedInput | None = None
    program: ChildProgram | None = None
    """That was started to be watched; its output is followed."""
    reading: ReadingProcess | None = None
    """Where it is being read already."""


@dataclass(frozen=True)
class Course:
    """The course, at the page that was open last."""


@dataclass(frozen=True)
class CurveExercise:
    """Read a curve, chosen by the seed."""

    seed: int


@dataclass(frozen=True)
class FaultExercise:
    """Name the fault, chosen by the seed."""

    seed: int


@dataclass(frozen=True)
class LogFolder:
    """The logs below a folder."""

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    """Canonical names of metrics and the columns that were chosen for them, in each log."""


@dataclass(frozen=True)
class CompareRuns:
    """Several runs over each other: folders of runs, and logs of other programs."""

    runs: tuple[Path | OpenLog, ...]


@dataclass(frozen=True)
class SweepGrid:
    """A sweep, and what the run is called that a cell is trained in full as."""

    sweep: Sweep
    name: str


Destination = ToHome | QuitApp | StartRun | ResumeRun | ForkRun | OpenLog
"""Where the run screen is left for."""
RunDestination = StartRun | ResumeRun | ForkRun | OpenRun | OpenLog
Place = Course | CurveExercise | FaultExercise | CompareRuns | LogFolder | SweepGrid


def new_seed() -> int:
    """Of the next exercise; short enough to be typed again."""
    import secrets

    return secrets.randbelow(10_000)
