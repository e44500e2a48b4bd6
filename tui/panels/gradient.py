"""The gradient norm: how hard the loss pulls at the weights, step by step, before clipping."""

from ...engine.metrics import METRICS
from ..plots.canvas import Canvas
from ..plots.draw import draw_figure
from ..view.figures import gradient_figure
from ..view.plot_titles import TitlePiece, gradient_reading, viewport_reading
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
        "Healthy is a norm between 0.1 and a few, calm or slowly changing, clipped now and then. Above 10 for long, or "
        "growing without end, gradients explode: lower the learning rate or clip harder. Below 1e-6 they vanish, and "
        "nothing is learned."
    )

    def draw(self, view: RunView, width: int, height: int) -> Canvas:
        return draw_figure(gradient_figure(view, self.viewport), width, height, ascii_only=self.ascii)

    def title_of(self, view: RunView) -> list[TitlePiece]:
        return gradient_reading(view, self.viewport)

    def subtitle_of(self, view: RunView) -> list[TitlePiece]:
        return viewport_reading(self.viewport, smoothed=True)
