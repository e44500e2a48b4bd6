"""Which steps the plots of a screen show, and how: one frozen value that all of them share.

`VIEWPORT_ACTIONS` are the changes that a key or the mouse makes to it. Positions are steps whatever the x axis shows,
so the cursor and the window stay where they are when the axis changes. An `extent` is the first and the last step that
a run has, as `Curves.extent` gives it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

Extent = tuple[float, float]
XAxis = Literal["step", "epoch", "tokens", "time"]

SPANS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
"""Steps that each strength of smoothing averages over; the first leaves the curve as it is."""

_COLUMNS = 100
"""Presses of a key that take the cursor from one side of the window to the other."""
_NARROWEST = 8.0
"""Steps; nothing is left to be seen in a narrower window."""


@dataclass(frozen=True, kw_only=True)
class Viewport:
    x_axis: XAxis = "step"
    x_log: bool = False
    y_log: bool = False
    x_range: Extent | None = None
    """The window in steps; None shows the whole run."""
    follow: bool = True
    """The window keeps its width and moves with the last step."""
    cursor: float | None = None
    """The step being read; None reads the latest."""
    smoothing: int = 3
    """An index into SPANS."""
    perplexity: bool = False
    """Show exp(loss) instead of the loss."""

    @property
    def span(self) -> int:
        return SPANS[self.smoothing]

    def visible(self, extent: Extent) -> Extent:
        """The first and the last step on the plot; never empty."""
        first, last = extent
        if self.x_range is not None:
            low, high = self.x_range
            first, last = (last - (high - low), last) if self.follow else (low, high)
        return first, max(last, first + 1)

    def look(self, columns: int, extent: Extent) -> Self:
        """Move the cursor by hundredths of the window, one step at least; past the end it reads the latest."""
        if columns == 0:
            return self
        low, high = (self._scaled(x) for x in self.visible(extent))
        here = self._cursor(extent)
        there = round(self._unscaled(self._scaled(here) + columns * (high - low) / _COLUMNS))
        there = max(there, here + columns) if columns > 0 else min(there, here + columns)
        if there > extent[1]:
            return replace(self, cursor=None)
        return self.look_at(there, extent)

    def look_at(self, step: float, extent: Extent) -> Self:
        """Put the cursor on a step; the window moves just enough to show it."""
        step = float(min(max(round(step), extent[0]), extent[1]))
        low, high = self.visible(extent)
        if low <= step <= high:
            return replace(self, cursor=step)
        shift = step - (low if step < low else high)
        return replace(self._window(low + shift, high + shift, extent), cursor=step)

    def zoom(self, direction: int, extent: Extent, around: float | None = None) -> Self:
        """Half the window for direction 1, twice the window for -1: around a step, or the cursor, or the end."""
        factor = 0.5 if direction > 0 else 2.0
        low, high = self.visible(extent)
        centre = min(max(around if around is not None else self._cursor(extent), low), high)
        middle = self._scaled(centre)
        low, high = (self._unscaled(middle + factor * (self._scaled(end) - middle)) for end in (low, high))
        return self._window(low, high, extent)

    def pan(self, columns: int, extent: Extent) -> Self:
        """Move the window by so many hundredths of itself; at the end of the run it follows again."""
        if self.x_range is None:
            return self
        low, high = self.visible(extent)
        shift = columns * (high - low) / _COLUMNS
        return self._window(low + shift, high + shift, extent)

    def show_all(self) -> Self:
        """The whole run."""
        return replace(self, x_range=None, follow=True)

    def _window(self, low: float, high: float, extent: Extent) -> Self:
        """The window, moved inside the extent; all of it when it is as wide."""
        first, last = extent
        width = max(high - low, min(_NARROWEST, last - first))
        if width >= (last - first) * (1 - 1e-9):  # in and out again is all of it, whatever was rounded
            return self.show_all()
        low = min(max(low, first), last - width)
        return replace(self, x_range=(low, low + width), follow=low + width >= last)

    def _cursor(self, extent: Extent) -> float:
        return extent[1] if self.cursor is None else min(max(self.cursor, extent[0]), extent[1])

    def _scaled(self, step: float) -> float:
        return math.log(max(step, 1.0)) if self.x_log else step

    def _unscaled(self, position: float) -> float:
        return math.exp(position) if self.x_log else position


def _next_x_axis(viewport: Viewport) -> Viewport:
    axes = get_args(XAxis)
    return replace(viewport, x_axis=axes[(axes.index(viewport.x_axis) + 1) % len(axes)])


def _smoother(viewport: Viewport, strengths: int) -> Viewport:
    return replace(viewport, smoothing=min(max(viewport.smoothing + strengths, 0), len(SPANS) - 1))


VIEWPORT_ACTIONS: Mapping[str, Callable[..., Viewport]] = {
    "look": lambda viewport, extent, columns: viewport.look(columns, extent),
    "look_at": lambda viewport, extent, step: viewport.look_at(step, extent),
    "zoom": lambda viewport, extent, direction, around=None: viewport.zoom(direction, extent, around),
    "pan": lambda viewport, extent, columns: viewport.pan(columns, extent),
    "follow_end": lambda viewport, extent: replace(viewport, cursor=None, follow=True),
    "show_all": lambda viewport, extent: viewport.show_all(),
    "x_axis": lambda viewport, extent: _next_x_axis(viewport),
    "log_x": lambda viewport, extent: replace(viewport, x_log=not viewport.x_log),
    "log_y": lambda viewport, extent: replace(viewport, y_log=not viewport.y_log),
    "perplexity": lambda viewport, extent: replace(viewport, perplexity=not viewport.perplexity),
    "smoother": lambda viewport, extent: _smoother(viewport, 1),
    "rougher": lambda viewport, extent: _smoother(viewport, -1),
}
"""By name: a function of the viewport, the run's extent and the action's own arguments."""
