"""The letters of lines: at the end of each and now and then along it, so that no line is known by its colour alone."""

import numpy as np

from .axes import Scale
from .canvas import Canvas
from .figure import Band, Curve
from .series import Floats

_EVERY = 24
"""Columns of cells between two letters of a line."""


def draw_letters(
    plot: Canvas, curves: tuple[Curve, ...], bands: list[Band], scale: Scale, named: set[tuple[int, int]]
) -> None:
    """A letter that another would cover moves to the left; those along a line stand where the others' do not.

    `named` are cells, each a row and a column, of words that have to stay.
    """
    lettered = [(curve, band) for curve, band in zip(curves, bands, strict=True) if curve.letter]
    taken = {(row, column + by) for row, column in named for by in (-1, 0, 1)}
    for place, (curve, band) in enumerate(lettered):
        rows = _rows_of_cells(band, scale, plot.width, plot.height)
        columns = np.flatnonzero(np.isfinite(rows))
        if not len(columns):
            continue
        cells = [(int(rows[column]), int(column)) for column in columns]
        end = next((cell for cell in reversed(cells) if cell not in taken), None)
        if end is None:
            continue
        first = _EVERY * (place + 1) // (len(lettered) + 1)
        along = [cell for cell in cells if cell[1] % _EVERY == first % _EVERY and end[1] - cell[1] > _EVERY // 2]
        for row, column in (end, *(cell for cell in along if cell not in taken)):
            plot.put(column, row, curve.letter, curve.role)
            taken |= {(row, column - 1), (row, column), (row, column + 1)}


def _rows_of_cells(band: Band, scale: Scale, width: int, height: int) -> Floats:
    """The row of cells in which the middle of a line lies, in every column of cells; NaN where there is no line."""
    middle = ((band.low + band.high) / 2).reshape(width, -1)
    # the last dot of a cell, so that the letter of a line that ends there is at its end
    last = np.where(np.isfinite(middle[:, -1]), middle[:, -1], middle[:, 0])
    return np.clip(np.floor((1 - scale.position(last)) * height), 0, height - 1)
