"""A plot for a page of text, drawn whole by plotext: axes, legend, the level of guessing and marks.

What is said in plotext_curves about values that end the process holds here too: curves come reduced to the plot's
columns, split at gaps, and clipped to the axis.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from .axes import Scale
from .series import Floats

_SGR = re.compile("\x1b\\[[0-9;]*m")
_COLORS = ("blue+", "yellow+", "green+", "magenta+", "red+", "cyan+", "gray", "white")
_LEGEND = (
    "bright_blue",
    "bright_yellow",
    "bright_green",
    "bright_magenta",
    "bright_red",
    "bright_cyan",
    "bright_black",
    "white",
)
_ASCII_MARKERS = "*o+x#@%&"
_PLAIN_AXES = str.maketrans("│─┤┬└├┼┴┌┐┘", "|-++++++++" + "+")
_MARGIN = 0.05
_ROOM = 12
"""Columns left of the plot for labels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PrintedCurve:
    name: str
    x: Floats
    y: Floats


@dataclass(frozen=True, kw_only=True)
class PrintedPlot:
    title: str
    curves: Sequence[PrintedCurve]
    x_label: str = "step"
    level: tuple[str, float] | None = None
    """A horizontal line with a name, drawn where it is on the axis."""
    marks: Sequence[tuple[float, str]] = ()
    """Positions on the x axis, such as where a finding began, and their names."""
    log_x: bool = False
    log_y: bool = False


def printed(plot: PrintedPlot, *, width: int, height: int, colour: bool, ascii: bool) -> list[str]:
    """The plot's lines; empty where no curve has a value that can be drawn. ImportError where plotext cannot load."""
    plotext: Any = importlib.import_module("plotext")
    columns = 2 * max(width - _ROOM, 4)
    curves = [
        _reduced(_scaled(curve.x, log=plot.log_x), _scaled(curve.y, log=plot.log_y), columns) for curve in plot.curves
    ]
    drawn = np.concatenate([y for _, y in curves] or [np.empty(0)])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return []
    low, high = _limits(drawn)
    figure = _figure(plotext, plot, (low, high), width, height, colour=colour)
    for index, (x, y) in enumerate(curves):
        pixel = plotext.pixel(_COLORS[index % len(_COLORS)]) if colour else plotext.pixel()
        marker = plotext.marker(_shape(index, colour=colour, ascii=ascii), pixel)
        for part_x, part_y in _parts(x, np.clip(y, low, high)):
            figure.draw(figure.signal(part_x.tolist(), part_y.tolist(), marker=marker).lines())
    title = plot.title
    if plot.level is not None:
        name, value = plot.level
        place = float(_scaled(np.array([value]), log=plot.log_y)[0])
        if low <= place <= high:
            figure.line(place, pixel=plotext.pixel("gray") if colour else plotext.pixel())
            title += f"   - {name} {value:.3g}"
    text = figure.build().string().translate(_PLAIN_AXES if ascii else {})
    names = [_legend(index, curve.name, colour=colour, ascii=ascii) for index, curve in enumerate(plot.curves)]
    marks = [f"  ^ {name}, {plot.x_label} {place:g}" for place, name in plot.marks if math.isfinite(place)]
    return [title, "   ".join(names), *(text if colour else _SGR.sub("", text)).rstrip("\n").split("\n"), *marks]


def _figure(
    plotext: Any, plot: PrintedPlot, limits: tuple[float, float], width: int, height: int, *, colour: bool
) -> Any:
    """A figure with its axes; one of our own, because plotext.figure is the whole process's."""
    plotext.terminal.limit(False, False)
    figure = type(plotext.figure)(plotext.terminal)
    figure.plot_size(width, height).theme("default" if colour else "colorless").canvas("default")
    figure.axes(False, side=1)
    figure.ruler("y").lim(*limits).ticks(*_ticks(*limits, height // 4, log=plot.log_y))
    first, last = _extent(plot.curves)
    axis = Scale.around(first, last, log=plot.log_x, unit="number" if plot.log_x else "whole")
    ticks = axis.ticks(max(width // 14, 2))
    places = _scaled(np.array([place for place, _ in ticks]), log=plot.log_x).tolist()
    limits_x = _scaled(np.array([first, last]), log=plot.log_x).tolist()
    figure.ruler("x").lim(*limits_x).ticks(places, [text for _, text in ticks])
    figure.label(plot.x_label, "x")
    return figure


def _shape(index: int, *, colour: bool, ascii: bool) -> str:
    """Curves that no colour tells apart have dots of different shapes."""
    if ascii:
        return _ASCII_MARKERS[index % len(_ASCII_MARKERS)]
    return "braille" if colour or index == 0 else _ASCII_MARKERS[index % len(_ASCII_MARKERS)]


def _legend(index: int, name: str, *, colour: bool, ascii: bool) -> str:
    shape = _shape(index, colour=colour, ascii=ascii).replace("braille", "⣿")
    return f"  {click.style(shape, fg=_LEGEND[index % len(_LEGEND)]) if colour else shape} {name}"


def _scaled(y: Floats, *, log: bool) -> Floats:
    """What cannot be drawn is NaN."""
    y = np.where(np.isfinite(y) & (np.abs(y) < 1e300), y, np.nan)
    if not log:
        return y
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y > 0, np.log10(y), np.nan)


def _reduced(x: Floats, y: Floats, columns: int) -> tuple[Floats, Floats]:
    """The lowest and the highest value of each column; a gap stays where a whole column has no value."""
    if len(x) <= 2 * columns:
        return x, y
    kept: list[int] = []
    for part in np.array_split(np.arange(len(x)), columns):
        known = part[np.isfinite(y[part])]
        if len(known):
            kept += sorted({int(known[np.argmin(y[known])]), int(known[np.argmax(y[known])])})
        else:
            kept.append(int(part[0]))
    return x[kept], y[kept]


def _limits(drawn: Floats) -> tuple[float, float]:
    low, high = float(drawn.min()), float(drawn.max())
    margin = (high / 2 - low / 2) * 2 * _MARGIN or max(abs(high) * _MARGIN, 1e-9)
    return low - margin, high + margin


def _extent(curves: Sequence[PrintedCurve]) -> tuple[float, float]:
    steps = np.concatenate([curve.x for curve in curves])
    first = float(steps.min())
    last = float(steps.max())
    return first, last if last > first else first + 1


def _ticks(low: float, high: float, most: int, *, log: bool) -> tuple[list[float], list[str]]:
    places = np.linspace(low, high, max(most, 2)).tolist()
    return places, [f"{10.0**place if log else place:.3g}" for place in places]


def _parts(x: Floats, y: Floats) -> Iterator[tuple[Floats, Floats]]:
    known = np.flatnonzero(np.isfinite(y))
    for part in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        if len(part):
            yield x[part], y[part]
