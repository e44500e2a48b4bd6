"""What each panel shows of a run: a view and a viewport become a figure. Pure; nothing is drawn here."""

import math
from typing import Literal, get_args

import numpy as np

from ...engine.config import LiveSettings
from ...engine.healthy import EXPLODING, HEALTHY, VANISHING
from ...engine.metrics import METRICS
from ...engine.schedule import planned_lr
from ...engine.vocabulary import CHANCE_LOSS, VOCABULARY
from ..plots.axes import Scale
from ..plots.canvas import ColorRole
from ..plots.figure import Curve, Figure, HLine, Markers, VLine
from ..plots.series import Floats
from ..plots.viewport import Extent, Viewport
from .run_numbers import shown_phases
from .run_view import RunView
from .step_marks import MarkKind, step_marks

LARGEST_EXPONENT = 230.0
"""A perplexity of 1e100 is drawn, and none above it."""

_PLAN_POINTS = 320
_PLAN_AHEAD = 4
"""Times as many steps as are done are on the axis of a long schedule, at least."""
_WHOLE_PLAN = 2000
"""Steps of a schedule that is always shown whole: what is done soon takes more than a column of it."""
_FIRST_ROOM = 16.0
_ROOM = 1.25
"""By which an axis that is full grows."""


def x_scale(view: RunView, viewport: Viewport, extent: Extent | None = None) -> Scale:
    """The x axis of the visible steps, in the unit that the viewport asks for."""
    window = viewport.visible(extent or _so_far(view, viewport))
    low, high = view.curves.x_of(np.array(window), viewport.x_axis)
    unit = "seconds" if viewport.x_axis == "time" and not viewport.x_log else "whole"
    return Scale.around(float(low), float(high), log=viewport.x_log, unit=unit)


def loss_figure(view: RunView, viewport: Viewport) -> Figure:
    shown = to_perplexity if viewport.perplexity else None
    x, raw = _course(view, viewport, "loss")
    _, smooth = _course(view, viewport, "loss", viewport.span)
    evaluated = view.curves.x_of(view.evaluations["step"], viewport.x_axis)
    return Figure(
        x=x_scale(view, viewport),
        curves=(
            Curve(x=x, y=raw, role=ColorRole.CURVE_RAW, style="band", transform=shown),
            Curve(x=evaluated, y=view.evaluations["val_loss"], role=ColorRole.CURVE_VAL, transform=shown, points=True),
            Curve(x=x, y=smooth, role=ColorRole.CURVE_TRAIN, transform=shown),
        ),
        hlines=_guessing(view, viewport),
        vlines=tuple(VLine(_x(view, viewport, phase.step), phase.name) for phase in shown_phases(view)),
        markers=markers(view, viewport),
        cursor=cursor(view, viewport),
        y_log=viewport.y_log,
        by_plotext=True,
        cuts_spikes=True,
    )


def lr_figure(view: RunView, viewport: Viewport, preview: LiveSettings | None = None) -> Figure:
    """The schedule, unless a person looks at a part of it: what is done, what is planned, what a change would make."""
    if view.described is not None:
        return _lr_so_far(view, viewport)
    extent = planned_extent(view)
    scale = x_scale(view, viewport, extent if viewport.x_range is None else None)
    steps = view.curves.steps_of(scale.value(np.linspace(0, 1, _PLAN_POINTS)), viewport.x_axis)
    ahead = steps[steps >= view.step]
    curves = [Curve(x=view.curves[viewport.x_axis], y=view.curves["lr"], role=ColorRole.CURVE_LR)]
    for settings, role in ((view.settings, ColorRole.CURVE_PLAN), (preview, ColorRole.CURVE_PREVIEW)):
        if settings is not None and len(ahead):
            x, y = view.curves.x_of(ahead, viewport.x_axis), _plan(settings, ahead, view.steps)
            curves.insert(0, Curve(x=x, y=y, role=role, style="dotted" if settings is view.settings else "line"))
    return Figure(
        x=scale,
        curves=tuple(curves),
        markers=markers(view, viewport),
        cursor=cursor(view, viewport),
        y_log=viewport.y_log,
        by_plotext=True,
    )


def _lr_so_far(view: RunView, viewport: Viewport) -> Figure:
    """Of a run whose schedule is not known."""
    x, y = _course(view, viewport, "lr")
    return Figure(
        x=x_scale(view, viewport),
        curves=(Curve(x=x, y=y, role=ColorRole.CURVE_LR),),
        markers=markers(view, viewport),
        cursor=cursor(view, viewport),
        y_log=viewport.y_log,
        by_plotext=True,
    )


def _course(view: RunView, viewport: Viewport, name: str, span: int = 1) -> tuple[Floats, Floats]:
    """A metric along an axis; where it may be missing at a step, only what was measured, so that lines go on."""
    if view.described is not None:
        return view.curves.measured(name, viewport.x_axis, span)
    return view.curves[viewport.x_axis], view.curves.smoothed(name, span)


def _guessing(view: RunView, viewport: Viewport) -> tuple[HLine, ...]:
    """The level of a model that guesses; none where it is not known."""
    loss = CHANCE_LOSS if view.described is None else view.described.chance_loss
    if loss is None:
        return ()
    if viewport.perplexity:
        level = float(VOCABULARY) if view.described is None else math.exp(min(loss, LARGEST_EXPONENT))
        return (HLine(level, f"guessing: {level:.4g}"),)
    return (HLine(loss, f"guessing: ln {VOCABULARY}" if view.described is None else f"guessing: {loss:.4g}"),)


GradientQuantity = Literal["grad_norm", "param_norm", "update_ratio", "max_attention_logit", "log_z"]
"""What the panel of the gradient norm can show instead of it."""
WATCHED: tuple[GradientQuantity, ...] = get_args(GradientQuantity)


def watched_figure(view: RunView, viewport: Viewport, quantity: GradientQuantity) -> Figure:
    """A norm, a ratio or a logit over time; those that are measured with the layers have a point a measurement."""
    if quantity == "grad_norm":
        return gradient_figure(view, viewport)
    x, y = watched_values(view, quantity)
    x = view.curves.x_of(x, viewport.x_axis)
    healthy = HEALTHY[quantity]
    is_range = quantity != "param_norm"  # of which the growth is healthy or not
    levels = (HLine(healthy.high, f"healthy: below {healthy.high:g}"),) if is_range else ()
    curve = Curve(x=x, y=y, role=ColorRole.CURVE_GRADIENT, points=METRICS[quantity].each_step is False)
    return Figure(
        x=x_scale(view, viewport),
        curves=(curve,),
        hlines=levels,
        markers=markers(view, viewport),
        cursor=cursor(view, viewport),
        y_log=quantity == "update_ratio" or viewport.y_log,
    )


def watched_values(view: RunView, quantity: GradientQuantity) -> tuple[Floats, Floats]:
    """The steps at which it was measured, and its values."""
    if METRICS[quantity].each_step:
        return view.curves["step"], view.curves[quantity]
    layers = view.layers.items
    steps = np.array([measured.step for measured in layers], "f8")
    values = np.array([getattr(measured, quantity) for measured in layers], "f8")
    return steps, np.where(np.isfinite(values), values, np.nan)


def gradient_figure(view: RunView, viewport: Viewport) -> Figure:
    """Always logarithmic: gradients matter by their orders of magnitude."""
    clip = view.settings.clip if view.described is None else math.inf
    x, norm = _course(view, viewport, "grad_norm")
    _, mean = _course(view, viewport, "grad_norm", viewport.span)
    hlines = [HLine(EXPLODING, f"exploding: {EXPLODING:g}"), HLine(VANISHING, "vanishing: 1e-6")]
    if math.isfinite(clip):
        hlines.insert(0, HLine(clip, f"clip {clip:g}"))
    return Figure(
        x=x_scale(view, viewport),
        curves=(
            Curve(x=x, y=norm, role=ColorRole.CURVE_RAW, style="band"),
            Curve(x=x, y=mean, role=ColorRole.CURVE_GRADIENT),
        ),
        hlines=tuple(hlines),
        markers=markers(view, viewport),
        cursor=cursor(view, viewport),
        y_log=True,
    )


def markers(view: RunView, viewport: Viewport) -> tuple[Markers, ...]:
    """The marks on every x axis; what matters more covers what matters less."""
    kinds: dict[MarkKind, list[int]] = {"checkpoint": [], "best": [], "change": [], "finding": []}
    for mark in step_marks(view):
        kinds[mark.kind].append(mark.step)

    def at(steps: Floats, glyph: str, ascii_glyph: str, role: ColorRole) -> Markers:
        return Markers(x=view.curves.x_of(steps, viewport.x_axis), glyph=glyph, ascii_glyph=ascii_glyph, role=role)

    return (
        at(np.array(kinds["checkpoint"], "f8"), "▪", ".", ColorRole.MARK_CHECKPOINT),
        at(np.array(kinds["best"], "f8"), "★", "*", ColorRole.MARK_CHECKPOINT),
        at(np.array(kinds["change"], "f8"), "◆", "^", ColorRole.MARK_CHANGE),
        at(np.array(kinds["finding"], "f8"), "▲", "!", ColorRole.MARK_FINDING),
        at(view.nan_steps["step"], "✕", "x", ColorRole.MARK_NAN),
    )


def cursor(view: RunView, viewport: Viewport) -> float | None:
    return None if viewport.cursor is None else _x(view, viewport, viewport.cursor)


def to_perplexity(loss: Floats) -> Floats:
    return np.exp(np.minimum(loss, LARGEST_EXPONENT))


def _so_far(view: RunView, viewport: Viewport) -> Extent:
    """The steps there are; while they come in, with room for more, so that the picture stands still."""
    if not len(view.curves):
        return _to_come(view)
    first, last = view.curves.extent
    if view.end is None and viewport.x_range is None:
        room = _FIRST_ROOM * _ROOM ** math.ceil(math.log(max(last / _FIRST_ROOM, 1.0), _ROOM) - 1e-9)
        last = max(min(math.ceil(room), view.steps), last)
    return first, last


def _to_come(view: RunView) -> Extent:
    """All the steps that the run will have."""
    return 1.0, float(max(view.steps, view.step, 2))


def planned_extent(view: RunView) -> Extent:
    """The whole schedule; of a long one its first half, quarter, eighth ... while that leaves room for what is done."""
    first, last = _to_come(view)
    settings = view.settings.schedule
    shown = max(view.step * _PLAN_AHEAD, settings.warmup_steps * 2, _WHOLE_PLAN)
    while last / 2 >= shown:
        last /= 2
    return first, float(math.ceil(last))


def _plan(settings: LiveSettings, steps: Floats, last: int) -> Floats:
    return np.array([planned_lr(settings, max(round(step), 1), last) for step in steps])


def _x(view: RunView, viewport: Viewport, step: float) -> float:
    return float(view.curves.x_of(np.array([step]), viewport.x_axis)[0])
