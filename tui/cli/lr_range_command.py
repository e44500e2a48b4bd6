"""`lr-range`: the LR range test of a run or a preset as a printed plot, with what each rule suggests."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..text import visible
from .options import PROGRAM, RunName, ascii_option, option_at_fault, overrides, runs_folder, runs_option, set_option
from .progress_line import clear_progress, show_progress

if TYPE_CHECKING:
    from ...engine.experiments.lr_range_process import LrRangeStart

_HEIGHT = 18


@click.command("lr-range")
@click.argument("source", type=RunName(), metavar="RUN|PRESET")
@click.option("--at", "step", type=click.IntRange(0), metavar="STEP", help="From a run's last checkpoint by then.")
@set_option("Set a key of a preset, such as optimizer.kind; repeatable.")
@ascii_option
@runs_option
def lr_range(source: str, step: int | None, assignments: tuple[str, ...], is_ascii: bool, runs: str | None) -> int:
    """Find a learning rate: raise it with every step until the loss diverges (Smith 2015).

    A copy is trained in memory, from a run's last checkpoint or from the start. Nothing is written. Ctrl-C ends the
    test, and what is known so far is shown.

    Exit status: 0, 1 where nothing can be suggested, 2 for bad input, 130 after Ctrl-C.
    """
    import asyncio

    start, adopt = _start(source, step, assignments, runs)
    lrs: list[float] = []
    losses: list[float] = []
    try:
        asyncio.run(_measure(start, lrs, losses))
        status = 0
    except KeyboardInterrupt:
        status = 130
    return _print(start, lrs, losses, adopt, is_ascii=is_ascii) or status


def _start(source: str, step: int | None, assignments: tuple[str, ...], runs: str | None) -> tuple[LrRangeStart, str]:
    """Where to begin, and the command that goes on with an lr."""
    from ...engine.config import ConfigError
    from ...engine.experiments.lr_range_process import LrRangeStart, range_start
    from ...engine.presets import planned
    from ...engine.storage.run_folder import StoreError
    from ...engine.storage.run_store import find_run
    from .suggestions import is_preset, require_preset_or_unknown

    try:
        run = find_run(runs_folder(runs), source)
    except StoreError:
        if not is_preset(source):
            require_preset_or_unknown(source)
            raise
        if step is not None:
            raise click.UsageError(f"--at {step}: {source} is a preset, which begins at its first step") from None
        try:
            id, config = planned(source, overrides(assignments), Path.cwd())
        except ConfigError as error:
            raise ConfigError(option_at_fault(str(error), assignments) + str(error)) from None
        typed = "".join(f" --set {each}" for each in assignments)
        return LrRangeStart(config), f"{PROGRAM} {id}{typed}"
    if assignments:
        raise click.UsageError(f"--set {assignments[0]}: a run is tested as it is; a preset can be tested with changes")
    start = range_start(run, step)
    return start, f"{PROGRAM} fork {visible(run.name)} --at {start.step}"


async def _measure(start: LrRangeStart, lrs: list[float], losses: list[float]) -> None:
    """The lists get what is measured as it comes, so that it is known after an interruption."""
    from contextlib import aclosing

    from ...engine.experiments.lr_range_process import lr_range_reports
    from ..experiments.lr_range_text import lr_range_progress

    began = time.monotonic()
    try:
        async with aclosing(lr_range_reports(start)) as reports:
            show_progress(lr_range_progress(lrs, 0.0))
            async for report in reports:
                lrs += report.lrs
                losses += report.losses
                show_progress(lr_range_progress(lrs, time.monotonic() - began))
    finally:
        clear_progress()


def _print(start: LrRangeStart, lrs: list[float], losses: list[float], adopt: str, *, is_ascii: bool) -> int:
    import numpy as np

    from ...engine.experiments.lr_range import SUGGESTED, highest_shown, lr_suggestions, smoothed_losses, with_peak_lr
    from ..plots.printed import PrintedCurve, PrintedPlot, printed
    from .printed_plots import page_width

    found, shown = lr_suggestions(lrs, losses), np.minimum(smoothed_losses(losses), highest_shown(losses))
    place = f"from step {start.step}" if start.checkpoint else "from the start"
    plot = PrintedPlot(
        title=visible(f"{start.config.title}: val_loss in a range test {place}"),
        curves=[PrintedCurve(name="val_loss, smoothed", x=np.asarray(lrs), y=shown)],
        x_label="lr",
        log_x=True,
    )
    size = {"width": page_width(sys.stdout), "height": _HEIGHT}
    for line in printed(plot, **size, colour=sys.stdout.isatty(), ascii=is_ascii) if lrs else []:
        click.echo(line)
    if not found:
        click.echo("no lr could be told from another before the test ended", err=True)
        return 1
    for each in found:
        keys = " ".join(f"--set {key}={value:g}" for key, value in with_peak_lr(start.config.schedule, each.lr).items())
        mark = "*" if each.rule == SUGGESTED else " "
        click.echo(f"{mark} {each.rule:<17}{each.lr:<10.3g}{adopt} {keys}")
    return 0
