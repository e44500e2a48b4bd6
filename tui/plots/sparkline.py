"""A small curve in text: a few hundred values as lines of braille, or of ASCII, without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of a braille character for each of its 4 rows and 2 columns."""


@dataclass(frozen=True, kw_only=True)
class SmallCurve:
    """The curve's lines, and the values at its upper and lower edge."""

    lines: tuple[str, ...]
    high: float
    low: float


def small_curve(values: Sequence[float], width: int, height: int, *, ascii: bool = False) -> SmallCurve | None:
    """Values at even distances as a curve of width x height characters; what is not finite leaves a gap.

    Where several values share a column, the column reaches from the lowest to the highest: a spike stays visible.
    None where there is nothing to draw.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite or width < 1 or height < 1:
        return None
    low, high = min(finite), max(finite)
    across, down = (1, 1) if ascii else (2, 4)
    columns = _columns(values, min(width * across, max(len(values), 2)))
    rows = height * down
    grid = [[False] * (width * across) for _ in range(rows)]
    previous: tuple[int, int] | None = None
    for x in range(width * across):
        span = columns[x * len(columns) // (width * across)]
        if span is None:
            previous = None
            continue
        top, bottom = (_row(value, low, high, rows) for value in (span[1], span[0]))
        joined = _joined(top, bottom, previous)
        for y in range(joined[0], joined[1] + 1):
            grid[y][x] = True
        previous = top, bottom
    draw = _ascii_line if ascii else _braille_line
    lines = tuple(draw(grid[y * down : (y + 1) * down]) for y in range(height))
    return SmallCurve(lines=lines, high=high, low=low)


def _columns(values: Sequence[float], count: int) -> list[tuple[float, float] | None]:
    """Lowest and highest of each of `count` even shares of the values."""
    columns: list[tuple[float, float] | None] = []
    for x in range(count):
        start = x * len(values) // count
        share = [v for v in values[start : max((x + 1) * len(values) // count, start + 1)] if math.isfinite(v)]
        columns.append((min(share), max(share)) if share else None)
    return columns


def _row(value: float, low: float, high: float, rows: int) -> int:
    """0 is the top; a flat curve runs through the middle."""
    if high == low:
        return rows // 2
    # halves, because the difference of two large floats may not be finite
    share = (value / 2 - low / 2) / (high / 2 - low / 2)
    return round((1 - share) * (rows - 1))


def _joined(top: int, bottom: int, previous: tuple[int, int] | None) -> tuple[int, int]:
    """The column's rows, made longer until they touch those of the column before."""
    if previous is None:
        return top, bottom
    before_top, before_bottom = previous
    if top > before_bottom + 1:
        return before_bottom + 1, bottom
    if bottom < before_top - 1:
        return top, before_top - 1
    return top, bottom


def _braille_line(rows: Sequence[Sequence[bool]]) -> str:
    return "".join(
        chr(0x2800 + sum(_DOTS[y][dx] for y in range(4) for dx in range(2) if rows[y][x + dx]))
        for x in range(0, len(rows[0]), 2)
    ).replace("\u2800", " ")


def _ascii_line(rows: Sequence[Sequence[bool]]) -> str:
    return "".join("*" if dot else " " for dot in rows[0])
