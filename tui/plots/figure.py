"""A plot as data: curves, lines and markers; curves reduced to columns of dots, and the y axis that fits them.

A curve is given whole. It is reduced to the lowest and the highest value in every column of dots, exactly, so that a
spike of one step stands out whatever the length of the run.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from .axes import Scale
from .canvas import ColorRole
from .series import Floats, interpolated, quantile

CurveStyle = Literal["band", "line", "dotted"]

_BODY = 0.9
"""Share of the columns that a cut axis shows in full."""
_HEADROOM = 4.0
"""Times the height of the body; what is higher is cut off and said so."""
_MARGIN = 0.04
_ROUND_STEPS = 16
"""At least so many, and at most twice as many, are on an axis."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    x: Floats
    y: Floats
    role: ColorRole
    style: CurveStyle = "line"
    transform: Callable[[Floats], Floats] | None = None
    """Rising, applied to what is drawn."""
    points: bool = False
    """Points without a line while they are few: what is measured seldom did not move straight from one to the next."""
    letter: str = ""
    """Stands on the line and at its end, and draws the line where there is no braille."""
    dash: tuple[int, int] = (1, 1)
    """Of so many columns of dots, how many are drawn."""
    stretch_below: float = math.inf
    """Higher values do not stretch the y axis, unless there are no others."""


class HLine(NamedTuple):
    """A horizontal line with a name."""

    y: float
    text: str


class VLine(NamedTuple):
    """A vertical line; its name stands at the top, right of it."""

    x: float
    text: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Markers:
    """Glyphs on the x axis."""

    x: Floats
    glyph: str
    ascii_glyph: str
    role: ColorRole


@dataclass(frozen=True, kw_only=True, eq=False)
class Figure:
    x: Scale
    curves: tuple[Curve, ...] = ()
    hlines: tuple[HLine, ...] = ()
    vlines: tuple[VLine, ...] = ()
    markers: tuple[Markers, ...] = ()
    """Later ones cover earlier ones."""
    cursor: float | None = None
    y_log: bool = False
    by_plotext: bool = False
    """Lines are drawn by plotext, where it is loaded."""
    cuts_spikes: bool = False
    """Let a linear y axis end below a value that would flatten all the others."""


class Band(NamedTuple):
    """The lowest and the highest value in every column; NaN where there is none."""

    low: Floats
    high: Floats


def reduced(curve: Curve, x: Scale, columns: int) -> Band:
    """The curve's lowest and highest value in each of so many columns; columns between two points are interpolated."""
    edges = x.value(np.linspace(0, 1, columns + 1))
    starts = np.searchsorted(curve.x, edges, side="left")
    starts[-1] = np.searchsorted(curve.x, edges[-1] * (1 + 1e-12), side="right")
    filled = np.diff(starts) > 0
    low, high = np.full(columns, np.nan), np.full(columns, np.nan)
    if filled.any():
        window = curve.y[starts[0] : starts[-1]]
        first = starts[:-1][filled] - starts[0]
        low[filled], high[filled] = np.fmin.reduceat(window, first), np.fmax.reduceat(window, first)
    if len(curve.x) and not filled.all():
        centres = x.value((np.flatnonzero(~filled) + 0.5) / columns)
        inside = (centres >= curve.x[0]) & (centres <= curve.x[-1])
        low[~filled] = high[~filled] = np.where(inside, interpolated(centres, curve.x, curve.y), np.nan)
    if curve.transform is not None:
        low, high = curve.transform(low), curve.transform(high)
    return Band(low, high)


def _empty(figure: Figure) -> Scale:
    """The y axis before there is a value: the horizontal lines fit on it."""
    hlines = [line.y for line in figure.hlines if line.y > 0]
    high = 1.1 * max(hlines, default=1.0)
    return Scale.around(min(hlines, default=1.0) / 10 if figure.y_log else 0.0, high, log=figure.y_log)


def fitted(bands: list[Band], figure: Figure) -> Scale:
    """A y axis on which the curves fill the plot."""
    values = _stretching(bands, figure.curves)
    if figure.y_log:
        values = values[values > 0]
    if not len(values):
        return _empty(figure)
    low, high = float(values.min()), float(values.max())
    if figure.y_log:
        low, high = math.log10(low), math.log10(high)
        margin = max((high - low) * _MARGIN, 0.02)
        low, high = _apart(low - margin, high + margin)
        return Scale.around(10.0 ** max(low, -300.0), 10.0 ** min(high, 300.0), log=True)
    if figure.cuts_spikes:
        body = quantile(values, _BODY)
        high = min(high, low + _HEADROOM * (body - low)) if body > low else high
    margin = (high - low) * _MARGIN or max(abs(high) * _MARGIN, 1e-9)
    low, high = _apart(low - margin if low > margin or low < 0 else 0.0, high + margin)
    return Scale.around(low, high)


def _stretching(bands: list[Band], curves: tuple[Curve, ...]) -> Floats:
    """The finite values that the y axis has to show."""
    if not bands:
        return np.empty(0)
    values = np.concatenate([np.concatenate(band) for band in bands])
    limits = np.concatenate(
        [np.full(2 * len(band.low), curve.stretch_below) for band, curve in zip(bands, curves, strict=True)]
    )
    finite = np.isfinite(values)
    within = finite & (values <= limits)
    return values[within if within.any() else finite]


def _apart(low: float, high: float) -> tuple[float, float]:
    """Both ends moved out to round values, so that an axis stands still while its curves creep on."""
    if not high > low:
        return low, high
    step = 2.0 ** math.floor(math.log2(min(high - low, 1e300))) / _ROUND_STEPS
    return (math.floor(low / step) * step, math.ceil(high / step) * step) if step else (low, high)
