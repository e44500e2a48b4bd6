"""Other runs beside the one on the screen: their curves in its loss plot, and how it fares against the first. Pure."""

from dataclasses import dataclass, replace

from ..plots.axes import Scale
from ..plots.canvas import ColorRole
from ..plots.figure import Curve, Figure
from ..plots.viewport import Extent, Viewport
from ..text import visible
from .comparison import LETTERS, ComparedRun, outcome_words
from .comparison_figure import compared_curves
from .figures import loss_figure, x_scale
from .plot_titles import TitlePiece
from .run_view import RunView

OWN_LETTER = LETTERS[0]
"""Of the run that the screen shows."""
_CHARACTERS = 30
"""Of another run's name in a title."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Beside:
    runs: tuple[ComparedRun, ...] = ()
    """The first is the one that the run is held against."""
    fix: str = ""
    """What the run on the screen has changed since the first."""
    better_by: float | None = None
    """What was promised of that; see `outcome_words`."""


def outcome(view: RunView, beside: Beside) -> str:
    """How the run on the screen fares against the first beside it; empty where that cannot be said yet."""
    if not beside.runs:
        return ""
    own = ComparedRun(
        letter=OWN_LETTER, name="", curves=view.curves, evaluations=view.evaluations, is_over=view.end is not None
    )
    return outcome_words(own, beside.runs[0], None if view.changes else beside.better_by)


def beside_figure(view: RunView, viewport: Viewport, beside: Beside) -> Figure:
    """The loss of the run on the screen, with the mean lines of the others behind it."""
    figure = loss_figure(view, viewport)
    if not beside.runs:
        return figure
    own = tuple(replace(curve, letter=OWN_LETTER) if _is_mean(curve) else curve for curve in figure.curves)
    others = compared_curves(beside.runs, viewport)
    return replace(figure, x=beside_scale(view, viewport, beside), curves=(*own[:1], *others, *own[1:]))


def beside_scale(view: RunView, viewport: Viewport, beside: Beside) -> Scale:
    """The x axis reaches as far as the longest run does, but not beyond what the run on the screen will have."""
    lasts = [run.curves.extent[1] for run in beside.runs if len(run.curves)]
    if not lasts or viewport.x_range is not None:
        return x_scale(view, viewport)
    first, last = view.curves.extent
    extent: Extent = first, max(last, min(max(lasts), float(view.steps)))
    return x_scale(view, viewport, extent)


def beside_reading(view: RunView, beside: Beside) -> list[TitlePiece]:
    """The outcome, then whose line is whose."""
    words = outcome(view, beside)
    names = [TitlePiece(f"{run.letter} {visible(run.name)[:_CHARACTERS]}", run.role) for run in beside.runs]
    return [*([TitlePiece(words, ColorRole.CURVE_VAL)] if words else []), *names]


def _is_mean(curve: Curve) -> bool:
    return curve.role is ColorRole.CURVE_TRAIN
