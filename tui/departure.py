"""What a person wants next, when the run screen is left: its result, which the app carries out.

`RunScreen` is a `Screen[Departure]`: the app pushes it with a callback and matches on what comes back. The screen has
already stopped the run where that was asked for; it never starts one.
"""

from dataclasses import dataclass
from pathlib import Path

from ..engine.config import RunConfig


@dataclass(frozen=True)
class ToHome:
    """Back to the presets and runs."""


@dataclass(frozen=True)
class QuitApp:
    """Out of the program; a run that was left running goes on."""


@dataclass(frozen=True)
class StartAgain:
    """A new run of this configuration."""

    config: RunConfig


@dataclass(frozen=True)
class ResumeRun:
    """The same run, from its last checkpoint."""

    path: Path


Departure = ToHome | QuitApp | StartAgain | ResumeRun
