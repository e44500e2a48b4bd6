"""Two to eight runs over each other, with a table of what each reached and in which settings they differ."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from ..content import in_ascii
from ..dialogs.key_line import KeyLine
from ..dialogs.pick import Pick
from ..navigation import OpenLog
from ..panels.keys import PANEL_KEYS
from ..panels.plot_mouse import ViewportChange
from ..plots.canvas import ColorRole
from ..plots.viewport import SPANS, VIEWPORT_ACTIONS
from ..text import visible
from ..view.comparison import MEAN_SPAN, ComparedRun, all_metrics, having, usual_metric
from ..view.comparison_figure import is_common_axis, joint_extent
from .compared_runs import ComparedRuns
from .plot import ComparisonPlot
from .table import TableRow, comparison_rows, fitted_tables, folded_tables, laid_out_rows, settings_rows

_AGAIN_S = 1.5
"""Between two looks at runs that train."""
_LOOKS = [key for key in PANEL_KEYS if isinstance(key, Binding) and key.action.startswith("see(")]


class ComparisonScreen(Screen[None]):
    BINDING_GROUP_TITLE = "Comparison"
    CSS = """
    ComparisonScreen {
        #table { height: auto; max-height: 50%; padding: 0 1; scrollbar-size-vertical: 1; }
        #table Static { height: auto; width: auto; text-wrap: nowrap; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "metric", "loss / val_loss", id="compare.metric", tooltip="Training loss, or validation"),
        Binding("slash", "choose_metric", "metric", id="compare.choose", tooltip="Any metric that one of the runs has"),
        Binding("b", "baseline", "baseline", id="compare.baseline", tooltip="Hold the runs against the next one"),
        Binding("escape,q,p", "leave", "back", id="compare.leave", tooltip="To the presets and runs"),
        Binding("up", "scroll(-1)", "up", show=False, id="compare.up", tooltip="Scroll the table up"),
        Binding("down", "scroll(1)", "down", show=False, id="compare.down", tooltip="Scroll the table down"),
        *_LOOKS,
    ]

    runs: var[tuple[ComparedRun, ...]] = var(())
    baseline: var[int] = var(0)
    """The place of the run that the others are held against."""

    def __init__(self, wanted: Sequence[Path | OpenLog], *, ascii: bool) -> None:
        """A path is the folder of a run."""
        super().__init__()
        self._compared = ComparedRuns(wanted)
        self._ascii = ascii
        self.plot = ComparisonPlot(ascii=ascii)
        self.plot.border_title = Content("Reading …")
        self._table = Static()
        self._scroll = VerticalScroll(self._table, id="table", can_focus=False)

    def compose(self) -> ComposeResult:
        yield self.plot
        yield self._scroll
        yield KeyLine()

    @work(group="follow")
    async def on_mount(self) -> None:
        """Read the runs, and read on until none of them trains any more."""
        while True:
            news = await asyncio.to_thread(self._compared.read)
            for why in self._compared.new_trouble():
                self.notify(visible(why), severity="warning", markup=False)
            if news or not self.runs:
                self.runs = self._compared.runs()
            if self._compared.are_over:
                return
            await asyncio.sleep(_AGAIN_S)

    def on_resize(self) -> None:
        self.call_after_refresh(self._write_table)

    def on_unmount(self) -> None:
        self._compared.close()

    def watch_runs(self, before: tuple[ComparedRun, ...], runs: tuple[ComparedRun, ...]) -> None:
        if runs and not before:
            self.plot.metric = usual_metric(self.runs)
            self.plot.viewport = replace(self.plot.viewport, smoothing=_smoothing(self.runs))
        self.plot.runs = self.runs
        self._write_table()

    def watch_baseline(self) -> None:
        self._write_table()

    def action_metric(self) -> None:
        self.plot.metric = "val_loss" if self.plot.metric == "loss" else "loss"
        self._write_table()

    @work(group="dialog", exclusive=True)
    async def action_choose_metric(self) -> None:
        metrics = all_metrics(self.runs)
        if not metrics:
            return
        first = metrics.index(self.plot.metric) if self.plot.metric in metrics else 0
        place = await self.app.push_screen_wait(Pick("Metric", metrics, first=first))
        if place is not None:
            self.plot.metric = metrics[place]
            self._write_table()

    def action_baseline(self) -> None:
        if self.runs:
            self.baseline = (self.baseline + 1) % len(self.runs)

    def action_see(self, action: str, *arguments: float) -> None:
        """Change the viewport by one of VIEWPORT_ACTIONS."""
        if not self.runs:
            return
        extent, before = joint_extent(having(self.runs, self.plot.metric)), self.plot.viewport
        after = VIEWPORT_ACTIONS[action](before, extent, *arguments)
        while after.x_axis != before.x_axis and not is_common_axis(self.runs, after.x_axis):
            after = VIEWPORT_ACTIONS[action](after, extent)
        self.plot.viewport = after

    @on(ViewportChange)
    def change_viewport(self, event: ViewportChange) -> None:
        self.action_see(event.action, *event.arguments)

    def action_scroll(self, rows: int) -> None:
        self._scroll.scroll_relative(y=rows, animate=False)

    def action_leave(self) -> None:
        self.dismiss()

    def _write_table(self) -> None:
        if not self.runs:
            return
        settings = settings_rows(self.runs)
        rows = comparison_rows(self.runs, self.runs[self.baseline], self.plot.metric)
        width = self._scroll.scrollable_content_region.width
        parts = [*fitted_tables(rows, width), *(folded_tables(settings, width) if len(settings) > 1 else [])]
        content = Content("\n\n").join(_coloured(rows) for rows in parts)
        self._table.update(in_ascii(content) if self._ascii else content)


def _smoothing(runs: Sequence[ComparedRun]) -> int:
    """The usual strength, or as little as the shortest log can do with; see SPANS."""
    most = min([MEAN_SPAN, *(run.span for run in runs)])
    return max(place for place, span in enumerate(SPANS) if span <= most)


def _coloured(rows: Sequence[TableRow]) -> Content:
    """The heading faint, letters and names in the colours of their lines."""
    lines: list[Content] = []
    for place, pieces in enumerate(laid_out_rows(rows)):
        usual = "$curve-plan" if place == 0 else "$foreground"
        lines.append(Content.assemble(*((text, _colour(letter) or usual) for text, letter in pieces)))
    return Content("\n").join(lines)


def _colour(letter: str) -> str:
    return f"bold ${ColorRole[f'COMPARED_{letter}'].variable}" if letter else ""
