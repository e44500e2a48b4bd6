"""Compared runs as one figure: a mean line a run, on the same axes, each with its letter and its dashes. Pure."""

import math
from collections.abc import Sequence

import numpy as np

from ..plots.axes import Scale
from ..plots.figure import Curve, Figure, HLine
from ..plots.viewport import Extent, Viewport, XAxis
from .comparison import LETTERS, ComparedRun, having
from .figures import LARGEST_EXPONENT, to_perplexity

_ABOVE_START = 1.2
"""A run that diverged must not flatten the others: its line is cut so many times above its beginning."""
_DASHES = ((1, 1), (9, 7), (6, 4), (12, 10), (4, 2), (16, 13), (8, 4), (20, 18))
"""A run's dashes by its letter; the first is whole."""


def compared_curves(runs: Sequence[ComparedRun], viewport: Viewport, metric: str = "loss") -> tuple[Curve, ...]:
    return tuple(_curve(run, viewport, metric) for run in runs)


def joint_extent(runs: Sequence[ComparedRun]) -> Extent:
    """The first and the last step that any of them has."""
    extents = [run.curves.extent for run in runs if len(run.curves)] or [(1.0, 1.0)]
    return min(first for first, _ in extents), max(last for _, last in extents)


def longest_run(runs: Sequence[ComparedRun]) -> ComparedRun:
    """The one by whose pace steps beyond a run's end are placed on the x axis."""
    return max(runs, key=lambda run: run.curves.extent[1])


def joint_scale(runs: Sequence[ComparedRun], viewport: Viewport) -> Scale:
    """The x axis of the visible steps; in time or tokens it reaches as far as the slowest run does."""
    low, high = viewport.visible(joint_extent(runs))
    with_rows = [run.curves for run in runs if len(run.curves)]
    if viewport.x_axis != "step" and with_rows:
        ends = [curves.x_of(np.array([low, min(high, curves.extent[1])]), viewport.x_axis) for curves in with_rows]
        low, high = min(float(end[0]) for end in ends), max(float(end[1]) for end in ends)
        high = high if math.isfinite(high) and high > low else low + 1
    unit = "seconds" if viewport.x_axis == "time" and not viewport.x_log else "whole"
    return Scale.around(low, high, log=viewport.x_log, unit=unit)


def is_common_axis(runs: Sequence[ComparedRun], axis: XAxis) -> bool:
    """Whether each of the runs, as far as they have begun, has the numbers for an x axis."""
    return axis == "step" or all(run.curves.has(axis) for run in runs if len(run.curves))


def comparison_figure(runs: Sequence[ComparedRun], viewport: Viewport, metric: str) -> Figure:
    """With the loss of guessing, where it is the same for all of them. Runs without the metric stretch no axis."""
    runs = having(runs, metric)
    cursor = None
    if viewport.cursor is not None:
        x = longest_run(runs).curves.x_of(np.array([viewport.cursor]), viewport.x_axis)
        cursor = float(x[0])
    return Figure(
        x=joint_scale(runs, viewport),
        curves=compared_curves(runs, viewport, metric),
        hlines=_guessing(runs, viewport) if metric in ("loss", "val_loss") else (),
        cursor=cursor,
        y_log=viewport.y_log,
        cuts_spikes=True,
        by_plotext=True,
    )


def _guessing(runs: Sequence[ComparedRun], viewport: Viewport) -> tuple[HLine, ...]:
    levels = {run.chance_loss for run in runs}
    level = levels.pop() if len(levels) == 1 else None
    if level is None:
        return ()
    return (HLine(math.exp(min(level, LARGEST_EXPONENT)) if viewport.perplexity else level, "guessing"),)


def _curve(run: ComparedRun, viewport: Viewport, metric: str) -> Curve:
    x, y = run.course(metric, viewport.x_axis, viewport.span)
    is_loss = metric in ("loss", "val_loss")
    transform = to_perplexity if viewport.perplexity and is_loss else None
    beginning = y[np.isfinite(y)][:1]
    shown = transform(beginning) if transform else beginning
    return Curve(
        x=x,
        y=y,
        role=run.role,
        transform=transform,
        stretch_below=float(shown[0]) * _ABOVE_START if len(shown) and is_loss else math.inf,
        letter=run.letter,
        dash=_DASHES[LETTERS.index(run.letter)],
    )
