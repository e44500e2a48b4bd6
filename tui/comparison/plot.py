"""The lines of compared runs over each other, with the values at the cursor in the title."""

import math
from collections.abc import Sequence

import numpy as np
from textual import events, on
from textual.content import Content
from textual.reactive import var
from textual.strip import Strip

from ..content import in_ascii
from ..formatting import compact
from ..panels.canvas_strips import CanvasStrips, RoleStyles, role_styles
from ..panels.plot_mouse import PlotMouse
from ..plots.draw import PlotArea, draw_figure
from ..plots.viewport import Viewport
from ..text import visible
from ..view.comparison import ComparedRun, having
from ..view.comparison_figure import comparison_figure, joint_scale, longest_run
from ..view.plot_titles import TitlePiece, fitting, viewport_reading


class ComparisonPlot(PlotMouse, can_focus=True):
    DEFAULT_CSS = """
    ComparisonPlot { height: 1fr; min-height: 6; border: round $border-blurred; border-title-color: $text; }
    .-ascii ComparisonPlot { border: ascii $border-blurred; }
    """

    runs: var[tuple[ComparedRun, ...]] = var(())
    viewport: var[Viewport] = var(Viewport())
    metric: var[str] = var("loss")

    def __init__(self, *, ascii: bool) -> None:
        super().__init__()
        self._ascii = ascii
        self._strips = CanvasStrips()
        self._styles: RoleStyles = {}

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.notify_style_update())

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}
        self.redraw()

    def watch_runs(self) -> None:
        self.redraw()

    def watch_viewport(self) -> None:
        self.redraw()

    def watch_metric(self) -> None:
        self.redraw()

    @on(events.Resize)
    @on(events.Show)
    def redraw(self) -> None:
        if not (self.is_mounted and self.size and self.runs):
            return
        self._styles = self._styles or role_styles(self)
        figure = comparison_figure(self.runs, self.viewport, self.metric)
        self._strips.clear()
        self._strips.update(draw_figure(figure, *self.size, ascii_only=self._ascii), self._styles)
        smoothed = self.metric != "val_loss"
        self.border_title = self._content(compared_reading(self.runs, self.viewport, self.metric))
        self.border_subtitle = self._content(
            viewport_reading(self.viewport, smoothed=smoothed, log_y=self.viewport.y_log)
        )
        self.refresh()

    def render_line(self, y: int) -> Strip:
        return self._strips.row(y) or Strip.blank(self.size.width, self.rich_style)

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
