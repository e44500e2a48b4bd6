"""What the names given to `compare` stand for, and the comparison as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from ...engine.following.log_runs import runs_in
from ...engine.storage.run_folder import EVENTS
from ..comparison.compared_runs import ComparedRuns
from ..comparison.table import comparison_text
from ..navigation import OpenLog
from ..text import visible
from ..view.comparison import MOST_RUNS, all_metrics
from .log_arguments import log_origin
from .progress_line import ReadingProgress, clear_progress


def compared_in(
    names: Sequence[str], runs: Path, given: Mapping[str, str], progress: ReadingProgress
) -> tuple[Path | OpenLog, ...]:
    """The runs that these names stand for, each once. ReadError where one cannot be read."""
    found: list[Path | OpenLog] = []
    for name in names:
        found += [run for run in _runs_of(name, runs, given, progress) if run not in found]
    if not 2 <= len(found) <= MOST_RUNS:
        held = ", ".join(dict.fromkeys(run.run for run in found if isinstance(run, OpenLog) and run.run))
        hint = f": {visible(held)}" if len(found) > MOST_RUNS and held else ""
        raise click.UsageError(f"compare takes 2 to {MOST_RUNS} different runs; these are {len(found)}{hint}")
    return tuple(found)


def comparison_lines(
    wanted: Sequence[Path | OpenLog], metric: str, progress: ReadingProgress
) -> tuple[list[str], list[str]]:
    """The table, and why runs are missing in it."""
    compared = ComparedRuns(wanted)
    progress.begin("reading")
    compared.read(progress.tell)
    clear_progress()
    found, trouble = compared.runs(), compared.new_trouble()
    compared.close()
    if metric and found and metric not in (there := all_metrics(found)):
        raise click.UsageError(f"--metric {metric}: was not measured; there are {', '.join(there[:20])}")
    return comparison_text(found, found[0], metric).splitlines() if found else [], trouble


def _runs_of(name: str, runs: Path, given: Mapping[str, str], progress: ReadingProgress) -> Iterator[Path | OpenLog]:
    path = log_origin(name, runs)
    if (path / EVENTS).is_file():
        yield path
        return
    progress.begin(f"looking for runs in {name}")
    held = runs_in(name, path, given, progress.tell)
    clear_progress()
    for run in held if len(held) > 1 else [None]:
        yield OpenLog(path, name, run=run, columns=given)
