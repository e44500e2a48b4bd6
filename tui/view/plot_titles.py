"""The title of a plot: the values at the cursor, or the latest, as pieces in the colour of their curve.

The most telling piece comes first; a narrow panel leaves out the last ones.
"""

import math
from typing import NamedTuple

import numpy as np

from ...engine.healthy import EXPLODING, HEALTHY, VANISHING
from ..formatting import compact, count, setting
from ..plots.axes import label, seconds_label
from ..plots.canvas import ColorRole
from ..plots.heatmap import Heat, Quantity, shades_of
from ..plots.series import Floats
from ..plots.viewport import Viewport
from .figures import LARGEST_EXPONENT, GradientQuantity, watched_values
from .run_numbers import changed_lr, clipped_share, evaluation_at, last_known
from .run_view import RunView
from .step_marks import marks_near


class TitlePiece(NamedTuple):
    text: str
    role: ColorRole = ColorRole.NONE
    joined: bool = False
    """It follows the piece before it without a space."""


_SPACE = TitlePiece("  ", ColorRole.NONE, joined=True)
_OLD = 10
"""Steps after which an evaluation has its step."""
_NEAR = 200.0
"""A mark is read when it lies within this part of the window around the cursor."""


def loss_reading(view: RunView, viewport: Viewport) -> list[TitlePiece]:
    step = viewport.cursor
    evaluated_at, val = evaluation_at(view, step)
    raw, smooth = _value(view, "loss", step), _value(view, "loss", step, viewport.span)
    shown_val = val
    if viewport.perplexity:
        raw, smooth, shown_val = (_perplexity(loss) for loss in (raw, smooth, val))
    pieces = [TitlePiece(f"train {compact(raw)}", ColorRole.CURVE_TRAIN)]
    if viewport.span > 1:
        pieces.append(TitlePiece(f"mean {compact(smooth)}", ColorRole.CURVE_TRAIN))
    if not math.isnan(val):
        pieces.append(TitlePiece(f"val {compact(shown_val)}", ColorRole.CURVE_VAL))
        if (view.step if step is None else step) - evaluated_at >= _OLD:
            pieces.append(TitlePiece(f" (step {evaluated_at:.0f})", ColorRole.CURVE_AXIS, joined=True))
        if not viewport.perplexity:
            pieces.append(TitlePiece(f"ppl {compact(_perplexity(val))}", ColorRole.CURVE_AXIS))
    return pieces


def lr_reading(view: RunView, viewport: Viewport) -> list[TitlePiece]:
    lr = _value(view, "lr", viewport.cursor)
    pieces = [TitlePiece(setting(lr, 3), ColorRole.CURVE_LR)]
    if view.described is not None:
        return pieces
    if viewport.cursor is None and (coming := changed_lr(view)) is not None:
        pieces.append(TitlePiece(f"→ {setting(coming, 3)}", ColorRole.CURVE_LR))
    if view.settings.lr_scale != 1:
        pieces.append(TitlePiece(f"{compact(view.settings.lr_scale)} x plan", ColorRole.CURVE_AXIS))
    return [*pieces, TitlePiece(view.settings.schedule.kind, ColorRole.CURVE_AXIS)]


def gradient_reading(view: RunView, viewport: Viewport) -> list[TitlePiece]:
    norm = _value(view, "grad_norm", viewport.cursor)
    pieces = [TitlePiece(compact(norm), ColorRole.CURVE_GRADIENT)]
    if norm > EXPLODING:
        pieces.append(TitlePiece("above 10", ColorRole.MARK_FINDING))
    elif norm < VANISHING:
        pieces.append(TitlePiece("below 1e-6", ColorRole.MARK_FINDING))
    if view.described is None and math.isfinite(view.settings.clip) and len(view.curves):
        pieces.append(TitlePiece(f"{clipped_share(view):.0%} clipped", ColorRole.CURVE_AXIS))
    return pieces


def watched_reading(view: RunView, viewport: Viewport, quantity: GradientQuantity) -> list[TitlePiece]:
    if quantity == "grad_norm":
        return gradient_reading(view, viewport)
    steps, values = watched_values(view, quantity)
    until = len(steps) if viewport.cursor is None else int(np.searchsorted(steps, viewport.cursor, side="right"))
    if not until:
        return [TitlePiece("not measured yet", ColorRole.CURVE_AXIS)]
    pieces = [TitlePiece(compact(float(values[until - 1])), ColorRole.CURVE_GRADIENT)]
    first = TitlePiece(f"first {compact(float(values[0]))}", ColorRole.CURVE_AXIS)
    return [*pieces, first, TitlePiece(f"healthy: {HEALTHY[quantity].words}", ColorRole.CURVE_AXIS)]


def layers_reading(heat: Heat, values: Floats | None, quantity: Quantity) -> list[TitlePiece]:
    """The largest and the smallest at one moment."""
    pieces = [TitlePiece(quantity.replace("_", " "), ColorRole.CURVE_AXIS)]
    if values is None or not len(values):
        return pieces
    if broken := int((~np.isfinite(values)).sum()):
        pieces.append(TitlePiece(f"no number in {broken} of {len(values)}", ColorRole.MARK_NAN))
        return pieces
    for word, index in (("most", int(values.argmax())), ("least", int(values.argmin()))):
        name = "".join(character for character in heat.names[index] if character.isascii() and character.isprintable())
        pieces.append(TitlePiece(f"{word} {name} {compact(float(values[index]), 2)}", ColorRole.CURVE_TRAIN))
    return pieces


def place_reading(view: RunView, viewport: Viewport) -> list[TitlePiece]:
    """Where the cursor stands and what happened there."""
    if viewport.cursor is None:
        return []
    step = viewport.cursor
    low, high = viewport.visible(view.curves.extent)
    pieces = [TitlePiece(f"step {step:.0f}", ColorRole.CURVE_CURSOR)]
    match viewport.x_axis:
        case "tokens":
            pieces.append(TitlePiece(f"{count(view.curves.at('tokens', step))} tokens", ColorRole.CURVE_CURSOR))
        case "time" if len(view.curves):
            pieces.append(TitlePiece(seconds_label(round(view.curves.at("time", step))), ColorRole.CURVE_CURSOR))
        case _:
            pass
    return [
        *pieces,
        *(TitlePiece(words, ColorRole.MARK_FINDING) for words in marks_near(view, step, (high - low) / _NEAR)),
    ]


def viewport_reading(viewport: Viewport, *, smoothed: bool = False, log_y: bool = False) -> list[TitlePiece]:
    """How the plot is looked at, where that is not the usual way."""
    words = [viewport.x_axis + (", log" if viewport.x_log else "")]
    if log_y:
        words.append("log y")
    if smoothed and viewport.span > 1:
        words.append(f"mean of {viewport.span}")
    if viewport.x_range is not None and not viewport.follow:
        words.append("not following")
    return [TitlePiece(" · ".join(words), ColorRole.CURVE_AXIS)]


def legend_reading(heat: Heat, *, ascii_only: bool) -> list[TitlePiece]:
    """What the shades and colours of a heat map stand for."""
    low, high = heat.limits
    shades = [TitlePiece(shade, role, joined=True) for shade, role in shades_of(ascii_only)]
    return [
        TitlePiece(f"{label(low)} ", ColorRole.CURVE_AXIS),
        *shades,
        TitlePiece(f" {label(high)}", ColorRole.CURVE_AXIS, joined=True),
    ]


def fitting(pieces: list[TitlePiece], width: int) -> list[TitlePiece]:
    """As many pieces as fit, with two cells between them; the first one always."""
    used, chosen = 0, []
    for piece in pieces:
        space = [] if piece.joined or not chosen else [_SPACE]
        used += sum(len(part.text) for part in (*space, piece))
        if chosen and used > width:
            break
        chosen += [*space, piece]
    return chosen


def _value(view: RunView, name: str, step: float | None, span: int = 1) -> float:
    """At a step; of a run that need not measure it at every step, the last one up to there."""
    if view.described is not None:
        return last_known(view, name, step, span)
    return view.curves.smoothed_at(name, span, step)


def _perplexity(loss: float) -> float:
    return math.exp(min(loss, LARGEST_EXPONENT))
