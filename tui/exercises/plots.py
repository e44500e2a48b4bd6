"""The plots of the exercises: a loss without what would give the answer away, and two runs in one figure."""

from textual.reactive import var

from ..formatting import compact, known
from ..panels.plot_panel import PlotPanel
from ..plots.axes import Scale
from ..plots.canvas import Canvas, ColorRole
from ..plots.draw import draw_figure
from ..plots.figure import Curve, Figure, VLine
from ..view.plot_titles import TitlePiece
from ..view.run_view import RunView
from .curve import CurveTruth

_SPAN = 15


class BareLossPlot(PlotPanel):
    """The loss and its mean; with the truth, also where the schedule turned."""

    TITLE = "Loss"

    truth: var[CurveTruth | None] = var(None)

    def watch_truth(self) -> None:
        self.redraw()

    def scale_of(self, view: RunView) -> Scale:
        return Scale.around(1.0, float(max(view.steps, 2)))

    def draw(self, view: RunView, width: int, height: int) -> Canvas:
        x = view.curves["step"]
        vlines = ()
        if (truth := self.truth) is not None:
            turns = ((truth.warmup_end, "warmed up"), (truth.spike_end, "back"), (truth.decay_start, "decay"))
            vlines = tuple(VLine(float(step), text) for step, text in turns if step)
        figure = Figure(
            x=self.scale_of(view),
            curves=(
                Curve(x=x, y=view.curves["loss"], role=ColorRole.CURVE_RAW, style="band"),
                Curve(x=x, y=view.curves.smoothed("loss", _SPAN), role=ColorRole.CURVE_TRAIN),
            ),
            vlines=vlines,
            cuts_spikes=False,
        )
        return draw_figure(figure, width, height, ascii_only=self.ascii)

    def title_of(self, view: RunView) -> list[TitlePiece]:
        return [
            TitlePiece(f"mean of {_SPAN}: {compact(view.curves.smoothed_at('loss', _SPAN))}", ColorRole.CURVE_TRAIN)
        ]


class TwoRunsPlot(PlotPanel):
    """`view` is the run with the fault, `other` the same run without it."""

    TITLE = "Loss"

    other: var[RunView | None] = var(None)

    def watch_other(self) -> None:
        self.redraws.request()

    def scale_of(self, view: RunView) -> Scale:
        return Scale.around(1.0, float(max(view.steps, self.other.steps if self.other else 0, 2)))

    def draw(self, view: RunView, width: int, height: int) -> Canvas:
        runs = [(view, ColorRole.MARK_FINDING)] + ([(self.other, ColorRole.CURVE_TRAIN)] if self.other else [])
        curves = [Curve(x=run.curves["step"], y=run.curves.smoothed("loss", _SPAN), role=role) for run, role in runs]
        figure = Figure(x=self.scale_of(view), curves=tuple(curves), cuts_spikes=True)
        return draw_figure(figure, width, height, ascii_only=self.ascii)

    def title_of(self, view: RunView) -> list[TitlePiece]:
        pieces = [
            TitlePiece(f"with the fault {compact(view.curves.smoothed_at('loss', _SPAN))}", ColorRole.MARK_FINDING)
        ]
        if self.other is not None:
            mended = compact(known(self.other.curves.smoothed_at("loss", _SPAN)))
            pieces.append(TitlePiece(f"without it {mended}", ColorRole.CURVE_TRAIN))
        return pieces
