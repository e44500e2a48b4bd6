"""The learning rate: what is done, what is planned, and what a change would make of it."""

from textual.reactive import var

from ...engine.config import LiveSettings
from ...engine.metrics import METRICS
from ..plots.axes import Scale
from ..plots.canvas import Canvas, ColorRole
from ..plots.draw import draw_figure
from ..view.figures import lr_figure, planned_extent
from ..view.plot_titles import TitlePiece, lr_reading, viewport_reading
from ..view.run_view import RunView
from .plotext_panel import PlotextPanel


class LrPanel(PlotextPanel):
    NAME = "lr"
    OLD_NAME = "rate"
    TITLE = METRICS["lr"].title
    SHOWN_FROM = (72, 20)
    HALF_WIDTH = True
    INTERVAL = 1.0
    UNAFFECTED_BY = frozenset({"smoothing", "perplexity"})
    EXPLANATION = (
        "How far the weights move for a given gradient. Solid is what has been used, dotted what the schedule plans; "
        "while a change is being considered, a second line shows what it would make of the rest of the run.\n\n"
        "Healthy is a short warm-up, because the first gradients are wild, a long stretch at a rate that is as high as "
        "the run will bear, and a decay at the end that lets the loss settle. Too high: the loss swings or jumps. Too "
        "low: the loss falls, but the run ends far from where it could be."
    )

    @classmethod
    def has_content(cls, view: RunView) -> bool:
        return view.described is None or view.curves.has("lr")

    preview: var[LiveSettings | None] = var(None)
    """Settings that are not in force."""

    def watch_preview(self) -> None:
        self.redraw()

    def draw(self, view: RunView, width: int, height: int) -> Canvas:
        return draw_figure(lr_figure(view, self.viewport, self.preview), width, height, ascii_only=self.ascii)

    def scale_of(self, view: RunView) -> Scale:
        return lr_figure(view, self.viewport).x

    def title_of(self, view: RunView) -> list[TitlePiece]:
        pieces = lr_reading(view, self.viewport)
        return [*pieces, TitlePiece("with the change", ColorRole.CURVE_PREVIEW)] if self.preview else pieces

    def subtitle_of(self, view: RunView) -> list[TitlePiece]:
        usual = viewport_reading(self.viewport, log_y=self.viewport.y_log)
        last = planned_extent(view)[1]
        is_part = self.viewport.x_range is None and last < view.steps
        return [*usual, TitlePiece(f"to {last:.0f} of {view.steps}", ColorRole.CURVE_AXIS)] if is_part else usual
