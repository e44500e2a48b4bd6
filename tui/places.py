"""The screens that can be gone to besides home and the runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .navigation import CompareRuns, Course, CurveExercise, FaultExercise, LogFolder, Place, SweepGrid, new_seed

if TYPE_CHECKING:
    from textual.screen import Screen

    from .open_run import Opener


def screen_of(place: Place, *, open: Opener, progress: Path, ascii: bool) -> Screen[None]:
    """What a place needs is imported when it is gone to. ConfigError where the course is damaged."""
    match place:
        case Course():
            from .course.screen import CourseScreen

            return CourseScreen(progress, open=open, ascii=ascii, new_seed=new_seed)
        case CurveExercise(seed=seed):
            from .exercises.curve_screen import CurveExerciseScreen

            return CurveExerciseScreen(seed, open=open, ascii=ascii)
        case FaultExercise(seed=seed):
            from .exercises.fault_screen import FaultExerciseScreen

            return FaultExerciseScreen(seed, open=open, ascii=ascii)
        case LogFolder(path=path, columns=columns):
            from .watch.log_list_screen import LogListScreen

            return LogListScreen(path, columns=columns, ascii=ascii)
        case CompareRuns(runs=runs):
            from .comparison.screen import ComparisonScreen

            return ComparisonScreen(runs, ascii=ascii)
        case SweepGrid(sweep=sweep, name=name):
            from .experiments.sweep_screen import SweepScreen

            return SweepScreen(sweep, name, ascii=ascii)
