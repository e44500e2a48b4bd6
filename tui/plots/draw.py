"""Draw a figure of curves on a canvas of terminal cells, with its axes."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .axes import Scale, label
from .canvas import Canvas, ColorRole, Dots
from .figure import Band, Curve, Figure, Markers, fitted, reduced
from .letters import draw_letters
from .plotext_curves import Stroke, draw_strokes
from .series import Floats

_GUTTER = 7
"""Cells left of the plot for labels."""
_ROOM_FOR_GUTTER = 28
_ROOM_FOR_LABELS = 5
_FEWEST_LETTERS = 3
_POINT_SPACING = 3
"""Columns that a visible point needs for itself."""


class PlotArea(NamedTuple):
    """Where the parts of a plot lie on its sheet."""

    left: int
    width: int
    height: int
    """Of the plot proper, in cells."""
    labels: bool

    @classmethod
    def of(cls, width: int, height: int) -> "PlotArea":
        left = _GUTTER if width >= _ROOM_FOR_GUTTER else 0
        labels = height >= _ROOM_FOR_LABELS
        return cls(left, width - left, max(height - (2 if labels else 1), 0) if height > 1 else height, labels)


def draw_figure(figure: Figure, width: int, height: int, *, ascii_only: bool = False) -> Canvas:
    sheet = Canvas.blank(width, height)
    frame = PlotArea.of(width, height)
    if frame.width < 1 or frame.height < 1:
        return sheet
    across, up = (1, 1) if ascii_only else (2, 4)
    bands = [reduced(curve, figure.x, frame.width * across) for curve in figure.curves]
    scale = fitted(bands, figure)
    plot = sheet.window(frame.left, 0, frame.width, frame.height)
    drawn = [
        (curve, _rows(high, scale, plot.height * up), _rows(low, scale, plot.height * up))
        for curve, (low, high) in (
            (curve, band if ascii_only else _dashed(curve, band))
            for curve, band in zip(figure.curves, bands, strict=True)
        )
        if not _is_points(curve, figure.x, plot.width)
    ]
    lines = [each for each in drawn if each[0].style != "band"]
    for curve, top, bottom in drawn:
        if curve.style == "band":
            _draw_curve(plot, curve, top, bottom, ascii_only)
    strokes = [Stroke(top, bottom, curve.role, curve.style == "dotted") for curve, top, bottom in lines]
    if ascii_only or not (figure.by_plotext and draw_strokes(plot, strokes)):
        for curve, top, bottom in lines:
            _draw_curve(plot, curve, top, bottom, ascii_only)
    named = _draw_cut(plot, figure.curves, bands, scale, across, ascii_only)
    for curve in figure.curves:
        if _is_points(curve, figure.x, plot.width):
            _draw_points(plot, curve, figure.x, scale, ascii_only)
    draw_letters(plot, figure.curves, bands, scale, named)
    _draw_lines(plot, figure, scale, ascii_only)
    _draw_axes(sheet, frame, figure, scale, ascii_only)
    return sheet


def _draw_curve(plot: Canvas, curve: Curve, top: Floats, bottom: Floats, ascii_only: bool) -> None:
    """`top` and `bottom` are rows of dots, one for each column of dots."""
    rows = plot.height * (1 if ascii_only else 4)
    if curve.style == "line":
        top, bottom = _joined(top, bottom)
    grid = np.arange(rows)[:, None]
    dots = (grid >= top) & (grid <= bottom)
    columns = np.arange(len(top))
    match curve.style:
        case "band" if not ascii_only:
            dots &= ((grid + columns) % 2 == 0) | (top == bottom)
        case "dotted":
            dots &= columns % (2 if ascii_only else 4) == 0
        case _:
            pass
    if ascii_only:
        line = curve.letter.lower() or ("o" if curve.points else "*")
        plot.fill(dots, {"band": ":", "dotted": ".", "line": line}[curve.style], curve.role)
    else:
        plot.braille(dots, curve.role)


def _dashed(curve: Curve, band: Band) -> Band:
    """The band with gaps where the curve's dashes have them."""
    period, drawn = curve.dash
    is_drawn = np.arange(len(band.low)) % period < drawn
    return Band(np.where(is_drawn, band.low, np.nan), np.where(is_drawn, band.high, np.nan))


def _rows(values: Floats, scale: Scale, rows: int) -> Floats:
    """Rows of dots from the top; what lies outside is drawn at the edge. NaN stays NaN and draws nothing."""
    return np.clip(np.floor((1 - scale.position(values)) * rows), 0, rows - 1)


def _joined(top: Floats, bottom: Floats) -> tuple[Floats, Floats]:
    """Every column reaches out to its left neighbour, so that a steep line has no holes."""
    before_top, before_bottom = np.r_[np.nan, top[:-1]], np.r_[np.nan, bottom[:-1]]
    return np.fmin(top, before_bottom + 1), np.fmax(bottom, before_top - 1)


def _draw_cut(
    plot: Canvas, curves: tuple[Curve, ...], bands: list[Band], scale: Scale, across: int, ascii_only: bool
) -> set[tuple[int, int]]:
    """An arrow where a curve goes on above the plot, and how far; the cells of the heights that are written."""
    cut: list[tuple[Curve, Band, Dots]] = []
    for curve, band in zip(curves, bands, strict=True):
        beyond = (np.nan_to_num(band.high, nan=-np.inf) > scale.high).reshape(plot.width, across).any(axis=1)
        cells = np.zeros((plot.height, plot.width), np.bool_)
        cells[0] = beyond
        plot.fill(cells, "^" if ascii_only else "▲", curve.role)
        if beyond.any():
            cut.append((curve, band, cells[0]))
    taken = np.zeros(plot.width + 1, np.bool_)
    for curve, band, beyond in cut:
        height = label(float(f"{np.nanmax(band.high):.3g}"))
        text = f"{curve.letter}{' ' * bool(curve.letter)}{height}"
        starts = (int(column) + 1 for column in np.flatnonzero(beyond))
        free = (start for start in starts if not taken[max(start - 1, 0) : start + len(text) + 1].any())
        start = next(free, None)
        if start is not None and plot.put(start, 0, text, curve.role):
            taken[start : start + len(text)] = True
    return {(0, int(column)) for column in np.flatnonzero(taken)}


def _is_points(curve: Curve, x: Scale, width: int) -> bool:
    return curve.points and len(_inside(curve, x)) * _POINT_SPACING <= width


def _inside(curve: Curve, x: Scale) -> NDArray[np.int_]:
    return np.flatnonzero((curve.x >= x.low) & (curve.x <= x.high) & np.isfinite(curve.y))


def _draw_points(plot: Canvas, curve: Curve, x: Scale, scale: Scale, ascii_only: bool) -> None:
    inside = _inside(curve, x)
    y = curve.y[inside] if curve.transform is None else curve.transform(curve.y[inside])
    rows = _rows(y, scale, plot.height)
    for column, row in zip(columns_of(curve.x[inside], x, plot.width), rows, strict=True):
        if math.isfinite(row):
            plot.put(int(column), int(row), "O" if ascii_only else "●", curve.role)


def _draw_lines(plot: Canvas, figure: Figure, scale: Scale, ascii_only: bool) -> None:
    """Vertical lines, horizontal lines and the cursor, behind the curves."""
    _draw_vlines(plot, figure, ascii_only)
    for line in figure.hlines:
        if scale.low <= line.y <= scale.high:
            row = int(_rows(np.array([line.y]), scale, plot.height)[0])
            text = f" {line.text} "
            for column in (plot.width - len(text) - 1, 1):
                if plot.put(column, row, text, ColorRole.CURVE_LEVEL, only_if_empty=True):
                    break
            free = plot.empty & (np.arange(plot.height)[:, None] == row)
            plot.fill(free, "-" if ascii_only else "┄", ColorRole.CURVE_LEVEL)
    if figure.cursor is not None:
        for column in columns_of(np.array([figure.cursor]), figure.x, plot.width):
            free = plot.empty | np.isin(plot.roles, [ColorRole.CURVE_RAW, ColorRole.CURVE_PHASE, ColorRole.CURVE_LEVEL])
            plot.fill(_only(free, column), "|" if ascii_only else "│", ColorRole.CURVE_CURSOR)


def _draw_vlines(plot: Canvas, figure: Figure, ascii_only: bool) -> None:
    """Each with its name, cut where the next one stands."""
    end = plot.width
    for line in reversed(figure.vlines):
        for column in columns_of(np.array([line.x]), figure.x, plot.width).tolist():
            if column > 0:  # the axis is line enough
                plot.fill(_only(plot.empty, column), ":" if ascii_only else "┊", ColorRole.CURVE_PHASE)
            name = _cut(line.text, end - column - 3, ascii_only)
            plot.put(column + 2, 0, name, ColorRole.CURVE_AXIS, only_if_empty=True)
            end = column


def _cut(text: str, room: int, ascii_only: bool) -> str:
    """As much of a text as there is room for; nothing where too few letters would be left."""
    if len(text) <= room:
        return text
    ellipsis = "..." if ascii_only else "…"
    kept = room - len(ellipsis)
    return text[:kept] + ellipsis if kept >= _FEWEST_LETTERS else ""


def _only(cells: Dots, column: int) -> Dots:
    return cells & (np.arange(cells.shape[1]) == column)


def _draw_axes(sheet: Canvas, frame: PlotArea, figure: Figure, scale: Scale, ascii_only: bool) -> None:
    if sheet.height < 2:
        return
    corner, tick, side = "++|" if ascii_only else "└┤│"
    if frame.left:
        for row in range(frame.height):
            sheet.put(frame.left - 1, row, side, ColorRole.CURVE_AXIS)
        for value, text in scale.ticks(max(frame.height // 2, 2)):
            row = int(_rows(np.array([value]), scale, frame.height)[0])
            sheet.put(frame.left - 1, row, tick, ColorRole.CURVE_AXIS)
            sheet.put(frame.left - 1 - len(text), row, text, ColorRole.CURVE_AXIS, only_if_empty=True)
        sheet.put(frame.left - 1, frame.height, corner, ColorRole.CURVE_AXIS)
    draw_foot(sheet, frame.left, frame.height, figure.x, figure.markers, ascii_only=ascii_only)


def draw_foot(
    sheet: Canvas, left: int, row: int, x: Scale, markers: tuple[Markers, ...], *, ascii_only: bool = False
) -> None:
    """The x axis with what happened along it, and its labels where the sheet goes on below."""
    line, tick = "-+" if ascii_only else "─┬"
    width = sheet.width - left
    sheet.put(left, row, line * width, ColorRole.CURVE_AXIS)
    for value, text in x.ticks(max(width // 12, 1)):
        for column in left + columns_of(np.array([value]), x, width):
            sheet.put(int(column), row, tick, ColorRole.CURVE_AXIS)
            start = min(max(int(column) - len(text) // 2, 0), max(sheet.width - len(text), 0))
            sheet.put(start, row + 1, text, ColorRole.CURVE_AXIS, only_if_empty=True)
    for marker in markers:
        for column in np.flatnonzero(np.bincount(columns_of(marker.x, x, width))):
            sheet.put(left + int(column), row, marker.ascii_glyph if ascii_only else marker.glyph, marker.role)


def columns_of(x: Floats, scale: Scale, width: int) -> NDArray[np.int_]:
    """The columns of cells in which those positions lie that are on the axis."""
    positions = scale.position(x)
    positions = positions[(positions >= -1e-9) & (positions <= 1 + 1e-9)]
    return np.clip(np.floor(positions * width), 0, width - 1).astype(int)
