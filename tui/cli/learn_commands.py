"""`tinygpt-tui course` and `tinygpt-tui exercise`: to learn with, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import ascii_option, runs_folder, runs_option
from .streams import can_show_screen

if TYPE_CHECKING:
    from ..navigation import Place

_seed_option = click.option("--seed", type=click.IntRange(0), help="The same exercise again; another one without it.")


@click.command()
@ascii_option
@runs_option
def course(is_ascii: bool, runs: str | None) -> int:
    """Learn how training behaves, page by page. With live runs, from the loss to when to stop.

    Where you are, and what you answered, is remembered beside the settings.
    """
    from ..navigation import Course

    return _shown(Course(), runs, is_ascii)


@click.group()
def exercise() -> None:
    """Read a curve, or name the fault. Each trains a run that is deleted afterwards."""


@exercise.command()
@_seed_option
@ascii_option
@runs_option
def curve(seed: int | None, is_ascii: bool, runs: str | None) -> int:
    """Say from a loss curve what its schedule was and whether training on is worth it."""
    from ..navigation import CurveExercise, new_seed

    return _shown(CurveExercise(new_seed() if seed is None else seed), runs, is_ascii)


@exercise.command()
@_seed_option
@ascii_option
@runs_option
def fault(seed: int | None, is_ascii: bool, runs: str | None) -> int:
    """Watch a hidden preset train, ask for instruments, and say what is wrong with it."""
    from ..navigation import FaultExercise, new_seed

    return _shown(FaultExercise(new_seed() if seed is None else seed), runs, is_ascii)


def _shown(place: Place, runs: str | None, is_ascii: bool) -> int:
    if not can_show_screen():
        raise click.UsageError("this needs a terminal; start it in one, and not through a pipe")
    from ..app import open_app

    return open_app(runs=runs_folder(runs), place=place, ascii=is_ascii)
