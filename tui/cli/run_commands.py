"""What can be done with runs that there are: look at, stop, let write, list and delete them."""

from __future__ import annotations

import shutil
import sys

import click

from ...engine.vocabulary import VOCABULARY
from ..text import visible
from .checkpoint_commands import from_option
from .options import (
    PROGRAM,
    LogName,
    RunName,
    ascii_option,
    events_as_json,
    map_option,
    runs_folder,
    runs_option,
)
from .progress_line import ReadingProgress
from .streams import can_show_screen
from .suggestions import latest_run_path, run_path


@click.command("attach")
@click.argument("run", type=RunName())
@click.option("--text", "as_text", is_flag=True, help="Follow in text, even on a terminal.")
@events_as_json
@ascii_option
@runs_option
def attach_run(run: str, as_text: bool, as_json: bool, is_ascii: bool, runs: str | None) -> int:
    """Look at a run that trains, or at a past one. Ctrl-C leaves it as it is.

    A name without its number stands for the latest run of that name.
    """
    path = latest_run_path(runs, run)
    if can_show_screen() and not (as_text or as_json):
        from ..navigation import OpenRun
        from .watch_command import open_read

        return open_read(OpenRun(path), runs, is_ascii=is_ascii)
    from .follow import look

    return look(path, as_json=as_json)


@click.command()
@click.argument("run", type=RunName())
@runs_option
def stop(run: str, runs: str | None) -> int:
    """End a run with a checkpoint, from which it can be resumed; a loop of your own ends as it does by itself."""
    from .requests import stop_run

    path = run_path(runs, run)
    end = stop_run(path)
    name = visible(path.name)
    click.echo(f"{name}: {end.reason} at step {end.step}" if end else f"{name}: the worker is gone")
    return 0 if end and end.reason in ("stopped", "finished") else 1


@click.command()
@click.argument("run", type=RunName())
@click.option("--prompt", default=None, help="What the text begins with.")
@click.option("--tokens", type=click.IntRange(1, 65_536), default=200, show_default=True, help="Bytes to write.")
@click.option("--temperature", type=click.FloatRange(0, 100), help="0 always takes the likeliest byte.")
@click.option("--top-k", type=click.IntRange(1, VOCABULARY), help="How many of the likeliest bytes may come next.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="For a run that is not training.")
@from_option
@runs_option
def sample(
    run: str,
    prompt: str | None,
    tokens: int,
    temperature: float | None,
    top_k: int | None,
    seed: int,
    wanted: str | None,
    runs: str | None,
) -> int:
    """Let a run's model write. As it is now, or as a checkpoint has it: the latest, or one that --from names."""
    from ...engine.events import Sample
    from ...engine.storage.run_folder import find_worker
    from ...engine.storage.run_store import read_config
    from .requests import live_sample, stored_sample

    path = run_path(runs, run)
    usual = read_config(path).instruments
    asked = Sample(
        prompt=usual.sample_prompt if prompt is None else prompt,
        tokens=tokens,
        temperature=usual.temperature if temperature is None else temperature,
        top_k=top_k or usual.top_k,
    )
    is_now = wanted is None and find_worker(path)
    text = live_sample(path, asked) if is_now else stored_sample(path, asked, seed, wanted or "latest")
    click.echo(visible(f"{asked.prompt}{text}", keep_lines=True))
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@runs_option
def runs(as_json: bool, runs: str | None) -> int:
    """List the runs, and how they stand. State, step, loss, findings and size of each.

    On a narrow terminal the last columns are left out.
    """
    from ...engine.storage.run_summary import list_runs
    from .run_table import json_row, run_table

    folder = runs_folder(runs)
    found = list_runs(folder)
    if as_json:
        for summary in found:
            click.echo(json_row(summary))
    elif found:
        click.echo(run_table(found, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
    else:
        click.echo(f"no runs in {visible(str(folder))} yet; `{PROGRAM} train` makes one")
    return 0


@click.command()
@click.argument("names", nargs=-1, required=True, type=LogName(), metavar="RUN|LOG...")
@click.option("--metric", default="", help="What the table is about; the losses without.")
@click.option("--text", "as_text", is_flag=True, help="Print the table alone, even on a terminal.")
@map_option
@ascii_option
@runs_option
def compare(
    names: tuple[str, ...],
    metric: str,
    as_text: bool,
    assignments: tuple[str, ...],
    is_ascii: bool,
    runs: str | None,
) -> int:
    """Two to eight runs over each other, and a table. What each reached, against the first, and which settings differ.

    Runs of ours and logs of other programs, also mixed; of a log that holds several runs all of them.
    On a terminal the curves are shown first; the table is printed when they are left.
    """
    from ..navigation import CompareRuns
    from .compared_names import compared_in, comparison_lines
    from .log_arguments import parsed_map

    progress = ReadingProgress(keeps=False)
    wanted = compared_in(names, runs_folder(runs), parsed_map(assignments), progress)
    if can_show_screen() and not as_text:
        from ..app import open_app

        open_app(runs=runs_folder(runs), place=CompareRuns(wanted), ascii=is_ascii)
    lines, trouble = comparison_lines(wanted, metric, progress)
    for why in trouble:
        click.echo(f"{PROGRAM}: {visible(why)}", err=True)
    click.echo("\n".join(lines))
    return 2 if trouble else 0


@click.command()
@click.argument("names", nargs=-1, required=True, type=RunName(), metavar="RUN...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@runs_option
def rm(names: tuple[str, ...], yes: bool, runs: str | None) -> int:
    """Delete runs, with their checkpoints."""
    from ...engine.storage.run_store import remove, require_in

    paths = [run_path(runs, name).absolute() for name in names]
    for path in paths:
        require_in(runs_folder(runs), path)
        if yes or _agreed(f"Delete {visible(str(path))}?"):
            for left in remove(path):
                click.echo(f"{PROGRAM}: {visible(str(left))} is left, for this program did not make it", err=True)
    return 0


def _agreed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort as abort:
        if isinstance(abort.__context__, EOFError):
            click.echo(err=True)  # the question has no end of line yet
            raise click.UsageError("nobody answers, so nothing more is deleted; --yes deletes without asking") from None
        raise
