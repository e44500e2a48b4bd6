"""Compared runs as one figure: a mean line a run, on the same axes, each with its letter and its dashes. Pure."""

import math
from collections.abc import Sequence

import numpy as np

from ...engine.vocabulary import CHANCE_LOSS
from ..plots.axes import Scale
from ..plots.figure import Curve, Figure, HLine
from ..plots.series import Floats
from ..plots.viewport import Extent, Viewport
from .comparison import LETTERS, ComparedMetric, ComparedRun
from .figures import to_perplexity

_ABOVE_START = 1.2
"""A run that diverged must not flatten the others: its line is cut so many times above its beginning."""
_DASHES = ((1, 1), (9, 7), (6, 4), (12, 10), (4, 2), (16, 13), (8, 4), (20, 18))
"""A run's dashes by its letter; the first is whole."""


def compared_curves(
    runs: Sequence[ComparedRun], viewport: Viewport, metric: ComparedMetric = "loss"
) -> tuple[Curve, ...]:
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


def comparison_figure(runs: Sequence[ComparedRun], viewport: Viewport, metric: ComparedMetric, chance: bool) -> Figure:
    """`chance` draws the loss of guessing, which is known for runs of ours alone."""
    level = math.exp(CHANCE_LOSS) if viewport.perplexity else CHANCE_LOSS
    cursor = None
    if viewport.cursor is not None:
        x = longest_run(runs).curves.x_of(np.array([viewport.cursor]), viewport.x_axis)
        cursor = float(x[0])
    return Figure(
        x=joint_scale(runs, viewport),
        curves=compared_curves(runs, viewport, metric),
        hlines=(HLine(level, "guessing"),) if chance else (),
        cursor=cursor,
        y_log=viewport.y_log,
        cuts_spikes=True,
        by_plotext=True,
    )


def _curve(run: ComparedRun, viewport: Viewport, metric: ComparedMetric) -> Curve:
    if metric == "val_loss":
        x: Floats = run.curves.x_of(run.evaluations["step"], viewport.x_axis)
        y = run.evaluations["val_loss"]
    else:
        x, y = run.curves[viewport.x_axis], run.curves.smoothed("loss", viewport.span)
    transform = to_perplexity if viewport.perplexity else None
    beginning = y[np.isfinite(y)][:1]
    shown = transform(beginning) if transform else beginning
    return Curve(
        x=x,
        y=y,
        role=run.role,
        transform=transform,
        stretch_below=float(shown[0]) * _ABOVE_START if len(shown) else math.inf,
        letter=run.letter,
        dash=_DASHES[LETTERS.index(run.letter)],
    )
