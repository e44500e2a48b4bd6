"""The plots of the exercises: a loss without what would give the answer away, and two runs in one picture."""

from textual.reactive import var

from ..formatting import compact, known
from ..panels.plot_panel import Plot
from ..plots.axes import Scale
from ..plots.canvas import Canvas, Paint
from ..plots.draw import draw
from ..plots.figure import Curve, Fence, Picture
from ..view.plot_titles import Piece
from ..view.run_view import RunView
from .curve import CurveTruth

_SPAN = 15


class BareLossPlot(Plot):
    """The loss and its mean; with the truth, also where the schedule turned."""

    NAME = "Loss"

    truth: var[CurveTruth | None] = var(None)

    def watch_truth(self) -> None:
        self.redraw()

    def scale_of(self, view: RunView) -> Scale:
        return Scale.around(1.0, float(max(view.steps, 2)))

    def picture_of(self, view: RunView, width: int, height: int) -> Canvas:
        x = view.curves["step"]
        fences = ()
        if (truth := self.truth) is not None:
            turns = ((truth.warmup_end, "warmed up"), (truth.spike_end, "back"), (truth.decay_start, "decay"))
            fences = tuple(Fence(float(step), text) for step, text in turns if step)
        picture = Picture(
            x=self.scale_of(view),
            curves=(
                Curve(x=x, y=view.curves["loss"], paint=Paint.CURVE_RAW, kind="band"),
                Curve(x=x, y=view.curves.smoothed("loss", _SPAN), paint=Paint.CURVE_TRAIN),
            ),
            fences=fences,
            cuts_spikes=False,
        )
        return draw(picture, width, height, ascii_only=self.ascii)

    def title_of(self, view: RunView) -> list[Piece]:
        return [Piece(f"mean of {_SPAN}: {compact(view.smoothed_at('loss', _SPAN))}", Paint.CURVE_TRAIN)]


class TwoRunsPlot(Plot):
    """`view` is the run with the fault, `other` the same run without it."""

    NAME = "Loss"

    other: var[RunView | None] = var(None)

    def watch_other(self) -> None:
        self.watch_view()

    def scale_of(self, view: RunView) -> Scale:
        return Scale.around(1.0, float(max(view.steps, self.other.steps if self.other else 0, 2)))

    def picture_of(self, view: RunView, width: int, height: int) -> Canvas:
        runs = [(view, Paint.MARK_FINDING)] + ([(self.other, Paint.CURVE_TRAIN)] if self.other else [])
        curves = [Curve(x=run.curves["step"], y=run.curves.smoothed("loss", _SPAN), paint=paint) for run, paint in runs]
        picture = Picture(x=self.scale_of(view), curves=tuple(curves), cuts_spikes=True)
        return draw(picture, width, height, ascii_only=self.ascii)

    def title_of(self, view: RunView) -> list[Piece]:
        pieces = [Piece(f"with the fault {compact(view.smoothed_at('loss', _SPAN))}", Paint.MARK_FINDING)]
        if self.other is not None:
            mended = compact(known(self.other.smoothed_at("loss", _SPAN)))
            pieces.append(Piece(f"without it {mended}", Paint.CURVE_TRAIN))
        return pieces
