"""Experiments with runs that there are: train one again and compare, fork one, prove a fix. The parent is only read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ..formatting import time_left
from ..text import visible
from .options import PROGRAM, RunName, events_as_json, option_at_fault, overrides, runs_option, set_option
from .progress_line import clear_progress, show_progress
from .suggestions import run_path

if TYPE_CHECKING:
    from pathlib import Path

    from ...engine.experiments.replay import ReplayReport


@click.command("replay")
@click.argument("run", type=RunName())
@click.option("--verify", is_flag=True, help="Exit 1 if a loss differs.")
@runs_option
def replay_run(run: str, verify: bool, runs: str | None) -> int:
    """Train a run again, and compare the losses bit for bit. Live changes are made again at their steps.

    The run itself is only read. Ctrl-C says how far the losses were equal.
    """
    import asyncio

    path, is_whole = run_path(runs, run), False
    told: list[ReplayReport] = []
    try:
        asyncio.run(_replay(path, told))
        is_whole = True
    except KeyboardInterrupt:
        pass
    finally:
        clear_progress()
    click.echo(_replay_words(told[-1] if told else None, is_whole=is_whole))
    if not is_whole:
        return 130
    return 1 if verify and told and told[-1].differs_at is not None else 0


async def _replay(run: Path, told: list[ReplayReport]) -> None:
    """`told` gets the reports as they come, so that those before an interruption are known."""
    from contextlib import aclosing

    from ...engine.experiments.replay import replay

    began = time.monotonic()
    async with aclosing(replay(run)) as reports:
        async for report in reports:
            told.append(report)
            left = time_left(time.monotonic() - began, report.equal, report.steps)
            show_progress(f"step {report.equal} of {report.steps}, {left}")


def _replay_words(report: ReplayReport | None, *, is_whole: bool) -> str:
    if report is None:
        return "interrupted before the first step"
    if report.differs_at is not None:
        was, now = report.was, report.now
        return f"step {report.differs_at} differs: loss {now!r}, was {was!r}; {report.equal} steps before it are equal"
    return f"{report.equal} steps equal" + ("" if is_whole else f" of {report.steps}, then interrupted")


@click.command("fork")
@click.argument("run", type=RunName())
@click.option("--at", "step", type=click.IntRange(0), required=True, metavar="STEP", help="The last step they share.")
@click.option("--steps", metavar="N", help="Train up to this step; to where the run was to end without.")
@set_option("Set a key from there on, such as schedule.lr; repeatable.")
@click.option("--name", help="What the fork is called; RUN-fork-1 if it is not given.")
@events_as_json
@runs_option
def fork_run(
    run: str,
    step: int,
    steps: str | None,
    assignments: tuple[str, ...],
    name: str | None,
    as_json: bool,
    runs: str | None,
) -> int:
    """Go on from a step of a run as a new run, with other settings. The run itself is only read.

    Its state is computed again from the nearest checkpoint, so any step will do, and a fork without a change has the
    run's own losses. Ctrl-C stops the fork with a checkpoint.
    """
    from datetime import UTC, datetime

    from ...engine.config import ConfigError
    from ...engine.experiments.forking import fork
    from ...engine.storage.run_store import read_config
    from ...engine.toml_tables import toml_value
    from .follow import host
    from .options import runs_folder

    parent = run_path(runs, run)
    changes = {key: toml_value(text) for key, text in overrides(assignments, steps=steps).items()}
    try:
        path = fork(runs_folder(runs), parent, step, changes, datetime.now(UTC), name=name)
    except ConfigError as error:
        raise ConfigError(option_at_fault(str(error), assignments, steps=steps) + str(error)) from None
    click.echo(f"a fork of {visible(parent.name)} at step {step}", err=as_json)
    status = host(path, read_config(path), as_json=as_json, is_new=True)
    if path.exists():
        beside = f"`{PROGRAM} compare {visible(parent.name)} {visible(path.name)}` shows both"
        click.echo(beside, err=as_json)
    return status


@click.command("prove")
@click.argument("run", type=RunName())
@click.option("--steps", type=click.IntRange(1), metavar="N", help="One verdict, after N steps.")
@click.option("--adopt", is_flag=True, help="Keep the fork with the fix that helps most, without asking.")
@runs_option
def prove(run: str, steps: int | None, adopt: bool, runs: str | None) -> int:
    """Try every fix of a run's finding on forks, and say which helps. The run itself is only read.

    The control and each fix go on from the last checkpoint before the finding began, on the same batches. A fork that
    is not adopted is deleted. Ctrl-C tells what is known so far.

    Exit status: 0 where a fix helps, 1 where none does, 130 after Ctrl-C.
    """
    from .proving import prove_fixes

    return prove_fixes(run_path(runs, run), steps, adopts=adopt)
