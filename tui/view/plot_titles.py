"""What the title of a plot says: the values at the cursor, or the latest, as pieces in the paint of their curve.

The most telling piece comes first; a narrow panel leaves out the last ones.
"""

import math
from typing import NamedTuple

import numpy as np

from ..formatting import compact, count, setting
from ..plots.axes import label, seconds_label
from ..plots.canvas import Paint
from ..plots.heatmap import Heat, Quantity, shades_of
from ..plots.series import Floats
from ..plots.viewport import Viewport
from .figures import EXPLODING, LARGEST_EXPONENT, VANISHING, marks_near
from .run_view import RunView


class Piece(NamedTuple):
    text: str
    paint: Paint
    joined: bool = False
    """It follows the piece before it without a space."""


_SPACE = Piece("  ", Paint.NONE, joined=True)
_NEAR = 200.0
"""A mark is read when it lies within this part of the window around the cursor."""


def loss_reading(view: RunView, viewport: Viewport) -> list[Piece]:
    step = viewport.cursor
    val = view.val_loss_at(step)
    raw, smooth = view.at("loss", step), view.smoothed_at("loss", viewport.span, step)
    shown_val = val
    if viewport.perplexity:
        raw, smooth, shown_val = (_perplexity(loss) for loss in (raw, smooth, val))
    pieces = [Piece(f"train {compact(raw)}", Paint.CURVE_TRAIN)]
    if viewport.span > 1:
        pieces.append(Piece(f"mean {compact(smooth)}", Paint.CURVE_TRAIN))
    if not math.isnan(val):
        pieces.append(Piece(f"val {compact(shown_val)}", Paint.CURVE_VAL))
        if not viewport.perplexity:
            pieces.append(Piece(f"ppl {compact(_perplexity(val))}", Paint.CURVE_AXIS))
    return pieces


def rate_reading(view: RunView, viewport: Viewport) -> list[Piece]:
    lr = view.at("lr", viewport.cursor)
    pieces = [Piece(setting(lr, 3), Paint.CURVE_LR)]
    if view.settings.lr_scale != 1:
        pieces.append(Piece(f"{compact(view.settings.lr_scale)} x plan", Paint.CURVE_AXIS))
    return [*pieces, Piece(view.settings.schedule.kind, Paint.CURVE_AXIS)]


def gradient_reading(view: RunView, viewport: Viewport) -> list[Piece]:
    norm = view.at("grad_norm", viewport.cursor)
    pieces = [Piece(compact(norm), Paint.CURVE_GRADIENT)]
    if norm > EXPLODING:
        pieces.append(Piece("above 10", Paint.MARK_FINDING))
    elif norm < VANISHING:
        pieces.append(Piece("below 1e-6", Paint.MARK_FINDING))
    if math.isfinite(view.settings.clip) and len(view.curves):
        pieces.append(Piece(f"{view.clipped_share:.0%} clipped", Paint.CURVE_AXIS))
    return pieces


def layers_reading(heat: Heat, values: Floats | None, quantity: Quantity) -> list[Piece]:
    """The largest and the smallest at one moment."""
    pieces = [Piece(quantity.replace("_", " "), Paint.CURVE_AXIS)]
    if values is None or not len(values):
        return pieces
    if broken := int((~np.isfinite(values)).sum()):
        pieces.append(Piece(f"no number in {broken} of {len(values)}", Paint.MARK_NAN))
        return pieces
    for word, index in (("most", int(values.argmax())), ("least", int(values.argmin()))):
        name = "".join(character for character in heat.names[index] if character.isascii() and character.isprintable())
        pieces.append(Piece(f"{word} {name} {compact(float(values[index]), 2)}", Paint.CURVE_TRAIN))
    return pieces


def place_reading(view: RunView, viewport: Viewport) -> list[Piece]:
    """Where the cursor stands and what happened there."""
    if viewport.cursor is None:
        return []
    step = viewport.cursor
    low, high = viewport.visible(view.extent)
    pieces = [Piece(f"step {step:.0f}", Paint.CURVE_CURSOR)]
    match viewport.x_axis:
        case "tokens":
            pieces.append(Piece(f"{count(view.at('tokens', step))} tokens", Paint.CURVE_CURSOR))
        case "time":
            pieces.append(Piece(seconds_label(round(view.at("time", step))), Paint.CURVE_CURSOR))
        case _:
            pass
    return [*pieces, *(Piece(words, Paint.MARK_FINDING) for words in marks_near(view, step, (high - low) / _NEAR))]


def look_reading(viewport: Viewport, *, smoothed: bool = False, log_y: bool = False) -> list[Piece]:
    """How the plot is looked at, where that is not the usual way."""
    words = [viewport.x_axis + (", log" if viewport.x_log else "")]
    if log_y:
        words.append("log y")
    if smoothed and viewport.span > 1:
        words.append(f"mean of {viewport.span}")
    if viewport.x_range is not None and not viewport.follow:
        words.append("not following")
    return [Piece(" · ".join(words), Paint.CURVE_AXIS)]


def legend_reading(heat: Heat, *, ascii_only: bool) -> list[Piece]:
    """What the shades and colours of a heat map stand for."""
    low, high = heat.limits
    shades = [Piece(shade, paint, joined=True) for shade, paint in shades_of(ascii_only)]
    return [Piece(f"{label(low)} ", Paint.CURVE_AXIS), *shades, Piece(f" {label(high)}", Paint.CURVE_AXIS, joined=True)]


def fitting(pieces: list[Piece], width: int) -> list[Piece]:
    """As many pieces as fit, with two cells between them; the first one always."""
    used, chosen = 0, []
    for piece in pieces:
        space = [] if piece.joined or not chosen else [_SPACE]
        used += sum(len(part.text) for part in (*space, piece))
        if chosen and used > width:
            break
        chosen += [*space, piece]
    return chosen


def _perplexity(loss: float) -> float:
    return math.exp(min(loss, LARGEST_EXPONENT))
