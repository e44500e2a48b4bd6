"""The command `log`: rows of a loop that is no Python program, such as a shell script."""

from __future__ import annotations

import math

import click

from ..text import visible
from .options import runs_folder, runs_option


@click.command("log")
@click.argument("name")
@click.argument("numbers", nargs=-1, metavar="[METRIC=NUMBER]...")
@click.option("--steps", type=click.IntRange(1), help="Planned number of steps; counts in the first call.")
@click.option("--end", "is_last", is_flag=True, help="The run is over; the next call begins another.")
@runs_option
def log_row(name: str, numbers: tuple[str, ...], steps: int | None, is_last: bool, runs: str | None) -> int:
    """Record a step of any loop in a run, which the screen, `diagnose` and `export` show.

    \b
    tinygpt-tui log my-run loss=1.2 step=3
    tinygpt-tui log my-run val_loss=1.3
    tinygpt-tui log my-run --end

    Without step= the steps count from 1. The first call begins the run NAME-1, or the next number.
    """
    from ...engine.attached.shell_log import append_row

    if "/" in name or not name.strip(". "):
        raise click.UsageError(f"{name}: is a path; a run has a name, and --runs DIR says where it is kept")
    values = dict(_parsed(assignment) for assignment in numbers)
    step = values.pop("step", None)
    if step is not None and not (step.is_integer() and 0 <= step <= 2**53):
        raise click.UsageError(f"step={step:g}: must be a whole number from 0 on")
    if not (values or is_last):
        raise click.UsageError("there is nothing to record; give a number such as loss=1.2, or --end")
    whole = None if step is None else int(step)
    run, is_new = append_row(runs_folder(runs), name, values, step=whole, steps=steps, is_last=is_last)
    if is_new or is_last:
        click.echo(f"run {visible(str(run))}", err=True)
    return 0


def _parsed(assignment: str) -> tuple[str, float]:
    name, equals, value = assignment.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
        equals = ""
    if not (equals and name.strip()):
        raise click.UsageError(f"{assignment}: write METRIC=NUMBER, such as loss=1.2")
    return name.strip(), number
