"""Curves drawn by plotext, the one module that calls it. Axes, marks and colours are ours.

plotext 6.1 has a C++ part that ends the whole process where a NaN, an infinity or a huge value lies between connected
points, and that takes seconds where a value lies far outside the axis. So everything that is handed over is finite and
within the plot: a curve comes as dots of the plot's own grid, and a gap in it begins another signal.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .canvas import Canvas, ColorRole
from .series import Floats

_SGR = re.compile("\x1b\\[([0-9;]*)m")
_FIRST_COLOR = 16
"""256-colour numbers from here on stand for our colour roles; no terminal is ever sent one."""
_ACROSS, _UP = 2, 4
"""Dots of a cell."""

_plotext: Any = None
"""The library, once it is loaded: that takes 0.1 s, which the first frame does not wait for."""


class Stroke(NamedTuple):
    """A line on the grid of dots: in each column of dots the first and the last row, from the top; NaN is a gap."""

    top: Floats
    bottom: Floats
    role: ColorRole
    is_dotted: bool = False


def is_loaded() -> bool:
    return _plotext is not None


def load_plotext() -> bool:
    """Load plotext, unless that was done; False where it is missing or its C++ part does not fit this system."""
    global _plotext
    if _plotext is None:
        try:
            import plotext

            plotext.terminal.limit(False, False)  # a plot has the size of its panel, whatever the terminal's is
            _plotext = plotext
        except Exception:  # whatever keeps it from loading, curves are drawn all the same
            return False
    return True


def draw_strokes(plot: Canvas, strokes: Sequence[Stroke]) -> bool:
    """Draw lines in their order, over what is there; False, and nothing is drawn, where plotext is not loaded."""
    if _plotext is None or not plot.width or not plot.height:
        return False
    sheet = _sheet(plot.width, plot.height)
    sheet.clear.data()
    for stroke in strokes:
        marker = _marker(stroke.role)
        rows = plot.height * _UP
        for column, row in _dotted(stroke, rows) if stroke.is_dotted else _parts(stroke, rows):
            x, y = (column + 0.5) / (plot.width * _ACROSS), 1 - (row + 0.5) / rows
            signal = sheet.signal(x.tolist(), y.tolist(), marker=marker)
            # private: `figure.draw` does the same and then walks over every point for its colour, which takes longer
            sheet._signals._add(signal if stroke.is_dotted else signal.lines())
    _copy(sheet.build().string(), plot)
    return True


def _parts(stroke: Stroke, rows: int) -> Iterable[tuple[Floats, Floats]]:
    """Columns and rows of the corners of a line, a pair for each part between two gaps."""
    top, bottom = (np.clip(edge, 0, rows - 1) for edge in (stroke.top, stroke.bottom))
    known = np.flatnonzero(np.isfinite(top) & np.isfinite(bottom))
    for part in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        if len(part):
            yield _corners(np.repeat(part, 2).astype(float), np.column_stack((bottom[part], top[part])).ravel())


def _corners(column: Floats, row: Floats) -> tuple[Floats, Floats]:
    """Without what lies on the straight line between its neighbours: plotext takes 2 microseconds for each point."""
    is_new = np.r_[True, (np.diff(column) != 0) | (np.diff(row) != 0)]
    column, row = column[is_new], row[is_new]
    turns = np.diff(column)[1:] * np.diff(row)[:-1] != np.diff(column)[:-1] * np.diff(row)[1:]
    kept = np.r_[True, turns, True][: len(column)]
    return column[kept], row[kept]


def _dotted(stroke: Stroke, rows: int) -> Iterable[tuple[Floats, Floats]]:
    """Every fourth column."""
    known = np.flatnonzero(np.isfinite(stroke.top))
    every = known[known % 4 == 0]
    if len(every):
        yield every.astype(float), np.clip(stroke.top[every], 0, rows - 1)


@lru_cache(maxsize=16)
def _sheet(width: int, height: int) -> Any:
    plotext = _plotext
    figure = type(plotext.figure)(plotext.terminal)  # one of our own; plotext.figure is the whole process's
    figure.plot_size(width, height).canvas("default").axes(False).legend(False)
    figure.ruler("both", "both").ticks([])
    figure.ruler("both").lim(0, 1).alignment(lim="edge")  # 0 and 1 are the outer edges, not the middle of a cell
    return figure


@lru_cache(maxsize=len(ColorRole))
def _marker(role: ColorRole) -> Any:
    return _plotext.marker("braille", _plotext.pixel(_FIRST_COLOR + int(role)))


def _copy(text: str, plot: Canvas) -> None:
    """From plotext's coloured lines to the canvas; what it left empty stays as it is."""
    for row, line in enumerate(text.split("\n")[: plot.height]):
        column, role = 0, 0
        for place, piece in enumerate(_SGR.split(line)):
            if place % 2:
                role = int(piece[5:]) - _FIRST_COLOR if piece.startswith("38;5;") else 0
                continue
            if role and piece:
                cells = slice(column, column + len(piece))
                plot.characters[row, cells] = np.frombuffer(piece.encode("utf-32-le"), np.uint32)
                plot.roles[row, cells] = role
            column += len(piece)
