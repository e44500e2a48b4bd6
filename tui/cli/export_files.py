"""The kinds of files that runs are exported to, by suffix."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...engine.export.event_file import event_file
from ...engine.export.reports import html_report, markdown_report
from ...engine.export.run_series import RunSeries
from ...engine.export.suffixes import suffix_of
from ...engine.export.svg_chart import svg_chart
from ...engine.export.tables import ExportError, csv_table, json_lines, parquet
from .printed_plots import plot_lines
from .progress_line import ReadingProgress, clear_progress

Exporter = Callable[[Sequence[RunSeries], str], bytes]
"""Of runs and the metric that a picture shows."""


def _picture(runs: Sequence[RunSeries], metric: str) -> str:
    if not any(name in run.series for run in runs for name in (metric, f"val_{metric}")):
        there = ", ".join(sorted({name for run in runs for name in run.series}))
        raise ExportError(f"--metric {metric}: was not measured; there are {there}")
    return svg_chart(runs, metric=metric)


def _png(runs: Sequence[RunSeries], metric: str) -> bytes:
    try:
        resvg: Any = importlib.import_module("resvg_py")
    except ImportError:
        raise ExportError("PNG needs resvg-py: pip install 'tinygpt-tui[export]'; .svg needs nothing") from None
    return bytes(resvg.svg_to_bytes(svg_string=_picture(runs, metric), zoom=2))


def _markdown(runs: Sequence[RunSeries], metric: str) -> bytes:
    return markdown_report(runs, ["\n".join(plot_lines([run], metric=metric, width=78, height=14)) for run in runs])


EXPORTERS: Mapping[str, Exporter] = {
    ".csv": lambda runs, metric: csv_table(runs),
    ".jsonl": lambda runs, metric: json_lines(runs),
    ".parquet": lambda runs, metric: parquet(runs),
    ".html": lambda runs, metric: html_report(runs),
    ".md": _markdown,
    ".svg": lambda runs, metric: _picture(runs, metric).encode(),
    ".png": _png,
    ".tfevents": lambda runs, metric: event_file(runs),
}


def write_export(
    runs: Sequence[RunSeries],
    target: Path,
    *,
    metric: str = "loss",
    force: bool = False,
    progress: ReadingProgress | None = None,
) -> int:
    """Write a file, whole or not at all; its size in bytes. ExportError where it cannot be."""
    exporter = EXPORTERS.get(suffix_of(target.name))
    if exporter is None:
        raise ExportError(f"--to {target}: the suffix must be one of {', '.join(EXPORTERS)}")
    if target.exists() and not force:
        raise ExportError(f"--to {target}: is there already; --force replaces it")
    data = exporter(_told(runs, target.name, progress) if progress else runs, metric)
    clear_progress()
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:40]}-", delete=False) as file:
            file.write(data)
        Path(file.name).chmod(0o666 & ~_umask())
        Path(file.name).replace(target)
    except OSError as error:
        raise ExportError(f"--to {target}: cannot be written: {error.strerror}") from None
    return len(data)


def _told(runs: Sequence[RunSeries], name: str, progress: ReadingProgress) -> list[RunSeries]:
    """The same runs, which show how many of their rows are in the file."""
    progress.begin(f"writing {name}")
    return [
        replace(run, tell=lambda done, of, place=place: progress.tell((place + done / of) / len(runs)))
        for place, run in enumerate(runs)
    ]


def _umask() -> int:
    """What the person's other files are created with; it cannot be read without being set."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
