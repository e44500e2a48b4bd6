"""Curves of runs as lines of text, as `plot` and reports show them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TextIO

import numpy as np

from ...engine.export.run_series import RunSeries
from ...engine.export.tables import ExportError
from ..plots.printed import PrintedCurve, PrintedPlot, printed
from ..text import visible

MOST_PLOTTED = 16
"""Runs whose lines can be told apart in one plot."""
_WIDEST = 160
_PLAIN_WIDTH = 100
"""Where the output is no terminal."""


def page_width(out: TextIO) -> int:
    return min(shutil.get_terminal_size().columns, _WIDEST) if out.isatty() else _PLAIN_WIDTH


def plot_lines(
    runs: Sequence[RunSeries],
    *,
    metric: str = "loss",
    log_y: bool = False,
    smooth: int = 1,
    width: int = _PLAIN_WIDTH,
    height: int = 20,
    colour: bool = False,
    ascii: bool = False,
) -> list[str]:
    """ExportError where no run has the metric."""
    several = len(runs) > 1
    curves = [
        PrintedCurve(
            name=visible(f"{run.name} {name}" if several else name),
            x=run.series[name].steps.astype("f8"),
            y=smoothed(run.series[name].values, 1 if name.startswith("val_") else smooth),
        )
        for run in runs
        for name in (metric, f"val_{metric}")
        if name in run.series
    ]
    if not curves:
        there = sorted({name for run in runs for name in run.series})
        raise ExportError(f"--metric {visible(metric)}: was not measured; there are {', '.join(map(visible, there))}")
    levels = {run.chance_loss for run in runs}
    level = levels.pop() if metric == "loss" and len(levels) == 1 else None
    marks = [
        (float(finding.onset), visible(f"{run.name}: {finding.title}" if several else finding.title or finding.kind))
        for run in runs
        for finding in run.report.findings
        if finding.severity != "info"
    ]
    drawn = [metric, *([f"mean of {smooth}"] if smooth > 1 else []), *(["log y"] if log_y else [])]
    plot = PrintedPlot(
        title=visible(f"{', '.join(run.title or run.name for run in runs)}: {', '.join(drawn)}"),
        curves=curves,
        level=("guessing", level) if level is not None else None,
        marks=marks,
        log_y=log_y,
    )
    lines = printed(plot, width=width, height=height, colour=colour, ascii=ascii)
    return lines or [f"{plot.title}: no finite value"]


def smoothed(values: np.ndarray, rows: int) -> np.ndarray:
    """The mean of so many rows up to each; of fewer at the beginning, and without those that are not finite."""
    if rows == 1:
        return values
    known = np.isfinite(values)
    sums, counts = np.cumsum(np.where(known, values, 0.0)), np.cumsum(known)
    earlier = np.maximum(np.arange(len(values)) - rows, -1)
    sums = sums - np.where(earlier >= 0, sums[earlier], 0.0)
    counts = counts - np.where(earlier >= 0, counts[earlier], 0)
    return np.where(known & (counts > 0), sums / np.maximum(counts, 1), np.nan)
