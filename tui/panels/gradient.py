"""The gradient norm: how hard the loss pulls at the weights, step by step, before clipping."""

from ...engine.metrics import METRICS
from ..plots.axes import Scale
from ..plots.canvas import Canvas
from ..plots.draw import draw
from ..view.figures import gradient_picture, x_scale
from ..view.plot_titles import Piece, gradient_reading, look_reading
from ..view.run_view import RunView
from .plot_panel import Plot


class GradientPanel(Plot):
    NAME = METRICS["grad_norm"].title
    INTERVAL = 0.6
    INDIFFERENT = frozenset({"perplexity"})
    EXPLANATION = (
        "The length of the gradient of all weights together, before clipping, on a logarithmic axis: the faint band is "
        "every step, the line its mean. The dashed level is where gradients are clipped; the title says how many of "
        "the last hundred steps were.\n\n"
        "Healthy is a norm between 0.1 and a few, calm or slowly changing, clipped now and then. Above 10 for long, or "
        "growing without end, gradients explode: lower the learning rate or clip harder. Below 1e-6 they vanish, and "
        "nothing is learned."
    )

    def picture_of(self, view: RunView, width: int, height: int) -> Canvas:
        return draw(gradient_picture(view, self.viewport), width, height, ascii_only=self.ascii)

    def scale_of(self, view: RunView) -> Scale:
        return x_scale(view, self.viewport)

    def title_of(self, view: RunView) -> list[Piece]:
        return gradient_reading(view, self.viewport)

    def subtitle_of(self, view: RunView) -> list[Piece]:
        return look_reading(self.viewport, smoothed=True)
