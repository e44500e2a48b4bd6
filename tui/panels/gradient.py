"""The gradient norm, before clipping, or another number that is worth watching beside it."""

from textual.reactive import var

from ...engine.healthy import EXPLODING, HEALTHY, VANISHING
from ...engine.metrics import METRICS
from ..plots.canvas import Canvas
from ..plots.draw import draw_figure
from ..view.figures import WATCHED, GradientQuantity, watched_figure
from ..view.plot_titles import TitlePiece, viewport_reading, watched_reading
from ..view.run_view import RunView
from .plot_panel import PlotPanel


class GradientPanel(PlotPanel):
    NAME = "gradient"
    TITLE = METRICS["grad_norm"].title
    SHOWN_FROM = (72, 20)
    HALF_WIDTH = True
    INTERVAL = 0.6
    UNAFFECTED_BY = frozenset({"perplexity"})
    EXPLANATION = (
        "The length of the gradient of all weights together, before clipping, on a logarithmic axis: the faint band is "
        "every step, the line its mean. The dashed level is where gradients are clipped; the title says how many of "
        "the last hundred steps were.\n\n"
        f"Healthy: {HEALTHY['grad_norm'].words}; clipped {HEALTHY['clipped'].words}. Above {EXPLODING:g} for long, or "
        "growing without end, gradients explode: lower the learning rate or clip harder. Below "
        f"{VANISHING:g} they vanish, and nothing is learned.\n\n"
        "o, while this panel has the focus, shows the other numbers worth watching: the norm of all weights, which "
        "grows slowly; the update ratio; the largest attention logit, which fp16 cannot take above 11 unless the "
        f"softmax subtracts it, and which is healthy {HEALTHY['max_attention_logit'].words}; and the log-normaliser "
        "of the output."
    )

    @classmethod
    def has_content(cls, view: RunView) -> bool:
        return view.described is None or view.curves.has("grad_norm")

    quantity: var[GradientQuantity] = var("grad_norm")

    def watch_quantity(self) -> None:
        self.redraw()

    def toggle_quantity(self) -> None:
        self.quantity = WATCHED[(WATCHED.index(self.quantity) + 1) % len(WATCHED)]

    @property
    def heading(self) -> str:
        return METRICS[self.quantity].title

    def draw(self, view: RunView, width: int, height: int) -> Canvas:
        return draw_figure(watched_figure(view, self.viewport, self.quantity), width, height, ascii_only=self.ascii)

    def title_of(self, view: RunView) -> list[TitlePiece]:
        return watched_reading(view, self.viewport, self.quantity)

    def subtitle_of(self, view: RunView) -> list[TitlePiece]:
        return viewport_reading(self.viewport, smoothed=self.quantity == "grad_norm")
