"""An LR range test as it goes: val_loss over the lr, what each rule suggests, and going on with one of the lrs."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import ClassVar

import numpy as np
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from ...engine.events import ChangeSettings
from ...engine.experiments.lr_range import (
    HIGHEST_LR,
    LOWEST_LR,
    SUGGESTED,
    LrSuggestion,
    highest_shown,
    lr_suggestions,
    smoothed_losses,
    with_peak_lr,
)
from ...engine.experiments.lr_range_process import LrRangeReport, LrRangeStart, lr_range_reports
from ...engine.storage.relation import Relation
from ...engine.storage.run_folder import StoreError
from ..content import in_ascii
from ..dialogs.key_line import KeyLine
from ..formatting import setting
from ..navigation import ForkRun, StartRun
from ..panels.figure_plot import FigurePlot
from ..plots.axes import Scale
from ..plots.canvas import ColorRole
from ..plots.figure import Curve, Figure, VLine
from ..text import visible
from .lr_range_text import lr_range_progress


class LrRangeScreen(Screen[ForkRun | StartRun | None]):
    """Dismissed with the fork, or from the start the new run, that goes on with the chosen lr."""

    BINDING_GROUP_TITLE = "LR range test"
    CSS = """
    LrRangeScreen { #rules { height: auto; max-height: 50%; padding: 0 1; } }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "up", id="lr_range.up", tooltip="The suggestion above"),
        Binding("down", "choose(1)", "down", id="lr_range.down", tooltip="The suggestion below"),
        Binding("enter", "adopt", "go on with it", id="lr_range.adopt", tooltip="Train a fork or a new run at this lr"),
        Binding("escape,q", "leave", "leave", id="lr_range.leave", tooltip="Back to the run, which was only read"),
    ]

    plot = getters.query_one(FigurePlot)
    chosen: var[int] = var(0)
    """The place of a suggestion."""

    def __init__(
        self,
        run: Path,
        start: LrRangeStart,
        *,
        ascii: bool,
        reports: Callable[[LrRangeStart], AsyncGenerator[LrRangeReport]] = lr_range_reports,
    ) -> None:
        super().__init__()
        self._reports = reports
        self._run = run
        self._start = start
        self._ascii = ascii
        self._lrs: list[float] = []
        self._losses: list[float] = []
        self._found: list[LrSuggestion] = []
        self._began = time.monotonic()
        self._is_over = False

    def compose(self) -> ComposeResult:
        yield FigurePlot(ascii=self._ascii)
        yield Static(id="rules")
        yield KeyLine()

    @work(group="lr_range")
    async def on_mount(self) -> None:
        self._show()
        try:
            async with aclosing(self._reports(self._start)) as reports:
                async for report in reports:
                    self._lrs += report.lrs
                    self._losses += report.losses
                    self._show()
        except (StoreError, OSError) as error:
            self.notify(visible(str(error)), severity="warning", timeout=10, markup=False)
            self.dismiss(None)
            return
        self._is_over = True
        self._found = lr_suggestions(self._lrs, self._losses)
        self._show()

    def watch_chosen(self) -> None:
        self._show()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        self.plot.border_title = Content("val_loss over the learning rate")
        self.plot.figure = lr_range_figure(self._lrs, self._losses, self._found, self.chosen)
        lines = [Content.styled(self._heading(), "bold"), *suggestion_lines(self._found, self.chosen)]
        content = Content("\n").join(lines)
        self.query_one("#rules", Static).update(in_ascii(content) if self._ascii else content)

    def _heading(self) -> str:
        place = f"from step {self._start.step}" if self._start.checkpoint else "from the start"
        if not self._is_over:
            return f"LR range test {place}: {lr_range_progress(self._lrs, time.monotonic() - self._began)}"
        if not self._found:
            return f"LR range test {place}: val_loss is no number before any lr could be told from another"
        if self._lrs[-1] >= HIGHEST_LR:
            return f"LR range test {place}: up to lr {setting(HIGHEST_LR)} the loss does not diverge"
        return f"LR range test {place}: the loss diverges near lr {setting(self._lrs[-1], 2)}"

    def action_choose(self, by: int) -> None:
        self.chosen = min(max(self.chosen + by, 0), max(len(self._found) - 1, 0))

    def action_adopt(self) -> None:
        if not self._found:
            self.notify("there is no suggestion yet", severity="warning", timeout=3)
            return
        self.dismiss(adopted(self._run, self._start, self._found[self.chosen]))

    def action_leave(self) -> None:
        self.dismiss(None)


def adopted(run: Path, start: LrRangeStart, suggestion: LrSuggestion) -> ForkRun | StartRun:
    """What trains on at the lr: a fork from the tested checkpoint; from the start, a new run with that peak."""
    schedule, lr = start.config.schedule, suggestion.lr
    words = f"lr {setting(lr, 3)}, by the range test ({suggestion.rule})"
    peak, related = with_peak_lr(schedule, lr), Relation(runs=(str(run),), fix=words)
    if not start.checkpoint:
        return StartRun(start.config.with_changes(peak), run.name, numbered=True, relation=related)
    if start.step < schedule.warmup_steps:
        return ForkRun(run, start.step, peak, fix=words)
    return ForkRun(run, start.step, change=ChangeSettings(lr=peak["schedule.lr"]), fix=words)


def lr_range_figure(
    lrs: Sequence[float], losses: Sequence[float], found: Sequence[LrSuggestion], chosen: int
) -> Figure:
    """What was measured, smoothed, and the chosen suggestion."""
    x, highest = np.asarray(lrs), highest_shown(losses)
    return Figure(
        x=Scale.around(LOWEST_LR, max([10 * LOWEST_LR, *lrs]), log=True),
        curves=(
            Curve(x=x, y=np.asarray(losses), role=ColorRole.CURVE_RAW, style="band", stretch_below=highest),
            Curve(x=x, y=smoothed_losses(losses), role=ColorRole.CURVE_VAL, stretch_below=highest),
        ),
        vlines=tuple(VLine(each.lr, each.rule) for each in sorted(found, key=lambda each: each.lr)),
        cursor=found[chosen].lr if found else None,
    )


def suggestion_lines(found: Sequence[LrSuggestion], chosen: int) -> list[Content]:
    lines = []
    for place, each in enumerate(found):
        text = f"{'›' if place == chosen else ' '} {each.rule:<17}lr {setting(each.lr, 3)}"
        why = "  within 5% of the best of 7 where measured" if each.rule == SUGGESTED else ""
        lines.append(Content.assemble((text, "bold" if place == chosen else ""), (why, "$foreground 60%")))
    return lines
