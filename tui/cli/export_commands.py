"""`plot` and `export`: a run's curves on a page of text, or in a file for other programs and people."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..text import visible
from .options import PROGRAM, LogName, chosen_runs_option, map_option, runs_folder, runs_option
from .progress_line import ReadingProgress, clear_progress


@click.command()
@click.argument("logs", nargs=-1, required=True, type=LogName(), metavar="RUN|LOG...")
@click.option("--metric", default="loss", help="What to plot; with loss, val_loss stands beside it.")
@click.option("--log-y", is_flag=True, help="A logarithmic y axis.")
@click.option("--smooth", type=click.IntRange(1), default=1, metavar="N", help="Draw the mean of N rows.")
@click.option("--width", type=click.IntRange(30, 400), help="Columns; the terminal's by default.")
@click.option("--height", type=click.IntRange(8, 100), default=20, help="Rows.")
@click.option("--ascii", "is_ascii", is_flag=True, help="Draw without braille.")
@chosen_runs_option
@map_option
@runs_option
def plot(
    logs: tuple[str, ...],
    metric: str,
    log_y: bool,
    smooth: int,
    width: int | None,
    height: int,
    is_ascii: bool,
    chosen: tuple[str, ...],
    assignments: tuple[str, ...],
    runs: str | None,
) -> int:
    """Print the curves of runs and logs, one plot for all of them.

    Of a log that holds several runs all are drawn, or those that --run names. Ctrl-C ends the reading, and what was
    read by then is drawn.
    """
    from .log_arguments import parsed_map
    from .printed_plots import MOST_PLOTTED, page_width, plot_lines
    from .run_data import collected

    progress = ReadingProgress(keeps=True)
    found = collected(logs, runs_folder(runs), parsed_map(assignments), chosen, progress)
    if len(found) > MOST_PLOTTED:
        raise click.UsageError(
            f"one plot shows at most {MOST_PLOTTED} runs, and these are {len(found)}; --run names those to be drawn: "
            + visible(", ".join(run.name for run in found))
        )
    lines = plot_lines(
        found,
        metric=metric,
        log_y=log_y,
        smooth=smooth,
        width=width or page_width(sys.stdout),
        height=height,
        colour=sys.stdout.isatty(),
        ascii=is_ascii,
    )
    click.echo("\n".join(lines))
    for words in progress.ended_early:
        click.echo(f"{PROGRAM}: {words}", err=True)
    return 130 if progress.ended_early else 0


@click.command()
@click.argument("logs", nargs=-1, required=True, type=LogName(), metavar="RUN|LOG...")
@click.option("--to", "target", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--metric", default="loss", help="What a picture shows.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--progress", "in_lines", is_flag=True, hidden=True)
@chosen_runs_option
@map_option
@runs_option
def export(
    logs: tuple[str, ...],
    target: Path,
    metric: str,
    force: bool,
    in_lines: bool,
    chosen: tuple[str, ...],
    assignments: tuple[str, ...],
    runs: str | None,
) -> int:
    """Write runs and logs to a file; its suffix decides what kind.

    \b
    .csv .jsonl .parquet     a row a step, every metric
    .html .md                a report: verdict, curves, findings, settings
    .svg .png                a picture of the curves
    .tfevents                an event file of TensorBoard

    Parquet and PNG need `pip install 'tinygpt-tui[export]'`. After Ctrl-C there is no file, or the one that was there.
    """
    from .export_files import write_export
    from .log_arguments import parsed_map
    from .run_data import collected

    progress = ReadingProgress(keeps=False, in_lines=in_lines)
    try:
        found = collected(logs, runs_folder(runs), parsed_map(assignments), chosen, progress)
        size = write_export(found, target, metric=metric, force=force, progress=progress)
    except KeyboardInterrupt:
        clear_progress()
        click.echo(visible(f"{PROGRAM}: interrupted; {target} was not written"), err=True)
        return 130
    names = ", ".join(run.name for run in found)
    click.echo(visible(f"{target}: {size:,} bytes, {names}"), err=True)
    return 0
