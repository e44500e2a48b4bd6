"""Where a person can go besides runs: the course and the exercises; and the message that asks to be taken somewhere."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message
from textual.screen import Screen

from .opening import Destination, Opener


@dataclass(frozen=True)
class Course:
    """The course, at the page that was open last."""


@dataclass(frozen=True)
class CurveExercise:
    """Read a curve; the seed says which."""

    seed: int


@dataclass(frozen=True)
class FaultExercise:
    """Name the fault; the seed says which."""

    seed: int


def new_seed() -> int:
    """Of the next exercise; short enough to be typed again."""
    return secrets.randbelow(10_000)


Place = Course | CurveExercise | FaultExercise


class GoTo(Message):
    """A person wants to go there; the app takes them."""

    def __init__(self, where: Destination | Place) -> None:
        super().__init__()
        self.where = where


def progress_path(settings_file: Path) -> Path:
    """What is remembered of the course lies beside the settings."""
    return settings_file.with_name("course.toml")


def screen_of(place: Place, *, open: Opener, progress: Path, ascii: bool) -> Screen[None]:
    """The screen of a place; what it needs is imported when it is gone to. ConfigError where the course is damaged."""
    match place:
        case Course():
            from .screens.course import CourseScreen

            return CourseScreen(progress, open=open, ascii=ascii, new_seed=new_seed)
        case CurveExercise(seed=seed):
            from .screens.curve_exercise import CurveExerciseScreen

            return CurveExerciseScreen(seed, open=open, ascii=ascii)
        case FaultExercise(seed=seed):
            from .screens.fault_exercise import FaultExerciseScreen

            return FaultExerciseScreen(seed, open=open, ascii=ascii)
