"""The loss: every step as a faint band, its mean as a line, and how well the run does on text it never saw."""

from textual.reactive import var

from ...engine.metrics import METRICS
from ..plots.axes import Scale
from ..plots.canvas import Canvas
from ..plots.draw import draw_figure
from ..view.beside import Beside, beside_figure, beside_reading, beside_scale
from ..view.plot_titles import TitlePiece, loss_reading, viewport_reading
from ..view.run_view import RunView
from .plotext_panel import PlotextPanel


class LossPanel(PlotextPanel):
    NAME = "loss"
    TITLE = METRICS["loss"].title
    SHOWN_FROM = (0, 0)
    HEIGHT = "5fr"
    EXPLANATION = (
        "How wrong the model is; lower is better. Of the tiny GPT it is how surprised it is by the next byte, in nats. "
        "The faint band is every single step: it shows the lowest and the highest loss in each column, so no spike is "
        "lost. The line through it is the running mean, the dots (a line where they are many) the loss on data that "
        "are never trained on.\n\n"
        "The tiny GPT begins by guessing, near ln 259 = 5.56. Healthy is a steep fall, then a bend, then a slow "
        "descent, with the validation loss close to the mean. A growing gap between the two is overfitting; a "
        "rising line is divergence; a jump that comes back is a spike. An arrow at the top says that "
        "a spike goes on, and how far.\n\n"
        "Marks on the axis: ▲ a finding began (!), ◆ somebody changed the run (^), ▪ a checkpoint (.), ★ the best "
        "(*), ✕ the loss or the gradient was not a number (x). Dotted uprights are where the phases of training begin: "
        "memorization, generalization, refinement; they follow the slope of this curve.\n\n"
        "Dashed lines with a letter are the means of other runs, which this one, A, is compared with; C chooses them."
    )

    @classmethod
    def has_content(cls, view: RunView) -> bool:
        return view.described is None or not len(view.curves) or view.curves.has("loss") or len(view.evaluations) > 0

    beside: var[Beside] = var(Beside())

    def watch_beside(self) -> None:
        self.redraw()

    def draw(self, view: RunView, width: int, height: int) -> Canvas:
        return draw_figure(beside_figure(view, self.viewport, self.beside), width, height, ascii_only=self.ascii)

    def scale_of(self, view: RunView) -> Scale:
        return beside_scale(view, self.viewport, self.beside)

    def title_of(self, view: RunView) -> list[TitlePiece]:
        return loss_reading(view, self.viewport)

    def subtitle_of(self, view: RunView) -> list[TitlePiece]:
        usual = viewport_reading(self.viewport, smoothed=True, log_y=self.viewport.y_log)
        return [*beside_reading(view, self.beside), *usual]
