"""`sweep`: short runs over one or two config keys, on a screen or as a printed table."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..text import visible
from .options import (
    PROGRAM,
    OneOf,
    PresetName,
    ascii_option,
    config_words,
    option_at_fault,
    overrides,
    runs_folder,
    runs_option,
    set_option,
)
from .progress_line import clear_progress, show_progress

if TYPE_CHECKING:
    from ...engine.experiments.sweep_runs import Sweep

_TOLD_EVERY_S = 0.2
_HEIGHT = 16


@click.command("sweep")
@click.argument("preset", type=PresetName(), metavar="PRESET|FILE.toml")
@click.argument("keys", nargs=-1, required=True, type=OneOf("key", config_words), metavar="KEY=V1,V2,... [KEY2=...]")
@click.option("--steps", type=click.IntRange(1), default=150, show_default=True, metavar="N", help="Of each run.")
@click.option("--warmup", is_flag=True, help="One key alone: sweep it without and with warm-up.")
@set_option("Set a key of all runs; repeatable.")
@click.option("--text", "as_text", is_flag=True, help="Print a table, also in a terminal.")
@ascii_option
@runs_option
def sweep_preset(
    preset: str,
    keys: tuple[str, ...],
    steps: int,
    warmup: bool,
    assignments: tuple[str, ...],
    as_text: bool,
    is_ascii: bool,
    runs: str | None,
) -> int:
    """Train a preset briefly with every combination of one or two keys' values.

    \b
    tinygpt-tui sweep baseline lr=1e-4,3e-4,1e-3,3e-3,1e-2 batch=2,8
    tinygpt-tui sweep sgd lr=0.01,0.1,1 --warmup

    Each run has a core of its own and is deleted when it has ended. In a terminal a screen opens, on which the best
    cell can be trained in full; left, it prints its table. Where a key is the lr, the loss over the lr is drawn too.

    Exit status: 0, 1 where no run ended with a finite loss, 130 after Ctrl-C.
    """
    from ...engine.config import ConfigError
    from ...engine.experiments.sweep import best_cell, plan_sweep
    from ...engine.experiments.sweep_runs import Sweep
    from ...engine.presets import planned
    from .suggestions import require_preset_or_unknown

    require_preset_or_unknown(preset)
    try:
        id, config = planned(preset, overrides(assignments), Path.cwd())
    except ConfigError as error:
        raise ConfigError(option_at_fault(str(error), assignments) + str(error)) from None
    command = f"{PROGRAM} {id}" + "".join(f" --set {each}" for each in assignments)
    made = Sweep(plan_sweep(config, keys, steps, warmup=warmup))
    if not sys.stdout.isatty() or as_text:
        return _in_text(made, command, is_ascii=is_ascii)

    from ..app import open_app
    from ..navigation import SweepGrid

    status = open_app(runs=runs_folder(runs), place=SweepGrid(made, id), ascii=is_ascii)
    if best_cell(made.losses) is not None:
        _print(made, command, is_ascii=is_ascii)  # what took minutes stays in the terminal
    return status


def _in_text(made: Sweep, command: str, *, is_ascii: bool) -> int:
    import asyncio

    from ...engine.storage.run_reaper import start_reaper

    folder = Path(tempfile.mkdtemp(prefix="tinygpt-tui-"))
    reaper = start_reaper(folder)
    try:
        asyncio.run(_trained(made, folder))
        status = 0
    except KeyboardInterrupt:
        status = 130
    finally:
        reaper.communicate()
    return _print(made, command, is_ascii=is_ascii) or status


async def _trained(made: Sweep, folder: Path) -> None:
    import asyncio

    telling = asyncio.create_task(_tell(made))
    try:
        await made.run(folder)
    finally:
        telling.cancel()
        clear_progress()


async def _tell(made: Sweep) -> None:
    import asyncio

    from ..experiments.sweep_table import sweep_progress

    began = time.monotonic()
    while sys.stderr.isatty():
        show_progress(sweep_progress(made.plan, made.cells, time.monotonic() - began))
        await asyncio.sleep(_TOLD_EVERY_S)


def _print(made: Sweep, command: str, *, is_ascii: bool) -> int:
    from ...engine.experiments.sweep import best_cell
    from ..experiments.sweep_table import sweep_rows
    from .printed_plots import page_width

    for row in sweep_rows(made.plan, made.cells, ascii=is_ascii):
        click.echo(visible(row))
    for why in dict.fromkeys(cell.why for cell in made.cells if cell.state == "failed"):
        click.echo(f"failed: {visible(why)}", err=True)
    for line in _curves(made, page_width(sys.stdout), is_ascii=is_ascii):
        click.echo(line)
    best = best_cell(made.losses)
    if best is None:
        return 1
    keys = " ".join(f"--set {key}={value}" for key, value in made.plan.cells[best].items())
    click.echo(f"best: val_loss {made.losses[best]:.3f}; `{command} {visible(keys)}` trains it in full")
    return 0


def _curves(made: Sweep, width: int, *, is_ascii: bool) -> list[str]:
    """The final loss over the lr, and how sensitive it is to that."""
    import numpy as np

    from ...engine.experiments.sweep import lr_curves
    from ..experiments.sweep_table import sensitivity_words
    from ..plots.printed import PrintedCurve, PrintedPlot, printed

    curves = [curve for curve in lr_curves(made.plan, made.losses) if len(curve[1]) > 1]
    if not curves:
        return []
    plot = PrintedPlot(
        title=f"val_loss after {made.plan.steps} steps",
        curves=[
            PrintedCurve(name=visible(name), x=np.asarray(lrs), y=np.asarray(losses)) for name, lrs, losses in curves
        ],
        x_label="lr",
        log_x=True,
    )
    lines = printed(plot, width=width, height=_HEIGHT, colour=sys.stdout.isatty(), ascii=is_ascii)
    return [*lines, *map(visible, sensitivity_words(curves))] if lines else []
