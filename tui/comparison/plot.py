"""The lines of compared runs over each other, with the values at the cursor in the title."""

import math
from collections.abc import Sequence

import numpy as np
from textual.content import Content
from textual.reactive import var

from ..content import in_ascii
from ..formatting import compact
from ..panels.figure_plot import FigurePlot
from ..panels.plot_mouse import PlotMouse
from ..plots.draw import PlotArea
from ..plots.viewport import Viewport
from ..text import visible
from ..view.comparison import ComparedRun, having
from ..view.comparison_figure import comparison_figure, joint_scale, longest_run
from ..view.plot_titles import TitlePiece, fitting, viewport_reading


class ComparisonPlot(FigurePlot, PlotMouse, can_focus=True):
    runs: var[tuple[ComparedRun, ...]] = var(())
    viewport: var[Viewport] = var(Viewport())
    metric: var[str] = var("loss")

    def watch_runs(self) -> None:
        self._compare()

    def watch_viewport(self) -> None:
        self._compare()

    def watch_metric(self) -> None:
        self._compare()

    def _compare(self) -> None:
        if self.runs:
            self.figure = comparison_figure(self.runs, self.viewport, self.metric)

    def redraw(self) -> None:
        super().redraw()
        if self.size and self.runs:
            self.border_title = self._content(compared_reading(self.runs, self.viewport, self.metric))
            self.border_subtitle = self._content(
                viewport_reading(self.viewport, smoothed=self.metric != "val_loss", log_y=self.viewport.y_log)
            )

    def step_at(self, column: int) -> float | None:
        width = self.size.width
        if not self.runs or width < 1:
            return None
        left = PlotArea.of(width, 1).left
        position = (column - self.gutter.left - left + 0.5) / max(width - left, 1)
        runs = having(self.runs, self.metric)
        x = joint_scale(runs, self.viewport).value(np.array([min(max(position, 0.0), 1.0)]))
        return float(longest_run(runs).curves.steps_of(x, self.viewport.x_axis)[0])

    def _content(self, pieces: list[TitlePiece]) -> Content:
        fitted = fitting(pieces, self.size.width - 4)
        styled = (Content.styled(piece.text, f"${piece.role.variable}" if piece.role else "") for piece in fitted)
        content = Content("").join(styled)
        return in_ascii(content) if self._ascii else content


def compared_reading(runs: Sequence[ComparedRun], viewport: Viewport, metric: str) -> list[TitlePiece]:
    """The metric, and its value in each run: at the cursor, or the latest."""
    step = viewport.cursor
    loss = "Mean loss" if viewport.span > 1 else "Loss"
    name = {"loss": loss, "val_loss": "Validation loss"}.get(metric, visible(metric))
    pieces = [TitlePiece(name if step is None else f"{name} at step {step:.0f}")]
    for run in runs:
        value = _value_at(run, viewport, metric)
        pieces.append(TitlePiece(f"{run.letter} {'–' if math.isnan(value) else compact(value)}", run.role))
    return pieces


def _value_at(run: ComparedRun, viewport: Viewport, metric: str) -> float:
    """The last that was measured up to the cursor; of what is measured at every step none behind its end."""
    steps, values = run.course(metric, "step", viewport.span)
    step = viewport.cursor
    is_there = step is None or metric == "val_loss" or step <= run.curves.extent[1]
    count = len(steps) if step is None else int(np.searchsorted(steps, step, side="right"))
    return float(values[count - 1]) if count and is_there else math.nan
