"""A sweep as it goes: a heat map that fills in, the loss over the lr, and training the chosen cell in full."""

from __future__ import annotations

import asyncio
import math
import subprocess
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.geometry import Region
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from ...engine.config import ConfigError
from ...engine.experiments.sweep import best_cell, lr_curves
from ...engine.experiments.sweep_runs import Sweep
from ...engine.storage.run_folder import StoreError
from ...engine.storage.run_reaper import start_reaper
from ..content import in_ascii
from ..dialogs.confirm import Confirm
from ..dialogs.key_line import KeyLine
from ..go_to import GoTo
from ..navigation import StartRun
from ..panels.figure_plot import FigurePlot
from ..plots.axes import Scale
from ..plots.canvas import ColorRole
from ..plots.figure import Curve, Figure
from ..text import visible
from .sweep_table import (
    axis_words,
    cell_texts,
    cell_widths,
    row_labels,
    sensitivity_words,
    sweep_ended,
    sweep_progress,
)

_AGAIN_S = 0.5
_ROLES = (ColorRole.COMPARED_A, ColorRole.COMPARED_B, ColorRole.COMPARED_C, ColorRole.COMPARED_D)
_HEADINGS = 2
"""Lines above the cells."""
_LETTERS = "ABCD"
"""Of as many curves as are drawn."""


class SweepScreen(Screen[None]):
    BINDING_GROUP_TITLE = "Sweep"
    CSS = """
    SweepScreen {
        ScrollableContainer { height: auto; max-height: 60%; padding: 0 1; }
        Static { width: auto; }
        #words { width: 100%; height: auto; padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1, 0)", "move", id="sweep.left", tooltip="The cell to the left", key_display="←↑↓→"),
        Binding("right", "move(1, 0)", "right", show=False, id="sweep.right", tooltip="The cell to the right"),
        Binding("up", "move(0, -1)", "up", show=False, id="sweep.up", tooltip="The cell above"),
        Binding("down", "move(0, 1)", "down", show=False, id="sweep.down", tooltip="The cell below"),
        Binding("b", "best", "best", id="sweep.best", tooltip="To the best cell so far"),
        Binding("enter", "train", "train it in full", id="sweep.train", tooltip="A whole run with the cell's values"),
        Binding("escape,q", "end", "end the sweep", id="sweep.end", tooltip="Train no further; what is known stays"),
        Binding("escape,q", "leave", "leave", id="sweep.leave", tooltip="Leave the table; its runs are deleted"),
    ]

    plot = getters.query_one(FigurePlot)
    table = getters.query_one(ScrollableContainer)
    chosen: var[int] = var(0)
    """The place of a cell, row by row."""

    def __init__(self, sweep: Sweep, name: str, *, ascii: bool) -> None:
        """`name` is that of the run which a cell is trained in full as."""
        super().__init__()
        self._plan = sweep.plan
        self._name = name
        self._ascii = ascii
        self._reaper: subprocess.Popen[bytes] | None = None
        self._sweep = sweep
        self._began = time.monotonic()
        self._is_over = False

    def compose(self) -> ComposeResult:
        with ScrollableContainer(can_focus=False):  # the keys that would scroll it choose a cell
            yield Static(id="cells")
        yield Static(id="words")
        yield FigurePlot(ascii=self._ascii)
        yield KeyLine()

    @work(group="sweep")
    async def on_mount(self) -> None:
        self._ticks = self.set_interval(_AGAIN_S, self.show_cells)
        self.show_cells()
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tinygpt-tui-"))
        self._reaper = await asyncio.to_thread(start_reaper, folder)
        try:
            await self._sweep.run(folder)
        except* (StoreError, ConfigError, OSError) as errors:
            self.notify(visible(str(errors.exceptions[0])), severity="error", timeout=10, markup=False)
        self._finish()

    def _finish(self) -> None:
        self._ticks.stop()
        self._is_over = True
        self.refresh_bindings()
        self.action_best()
        self.show_cells()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The same keys end the sweep, and leave what has ended."""
        return {"end": not self._is_over, "leave": self._is_over}.get(action, True)

    async def on_unmount(self) -> None:
        if self._reaper is not None:
            await asyncio.to_thread(self._reaper.communicate)

    def watch_chosen(self) -> None:
        self.show_cells()
        row, column = divmod(self.chosen, len(self._plan.across.values))
        left, width = cell_widths(self._plan)
        first = 0 if row == 0 else row + _HEADINGS
        corner = Region(left + width * column if column else 0, first, width, row + _HEADINGS + 1 - first)
        self.table.scroll_to_region(corner, animate=False)

    def show_cells(self) -> None:
        if not self.is_mounted:
            return
        table = Content("\n").join(self._rows())
        self.query_one("#cells", Static).update(in_ascii(table) if self._ascii else table)
        curves = lr_curves(self._plan, self._sweep.losses)
        words = [self._state(), *(sensitivity_words(curves) if self._is_over else [])]
        self.query_one("#words", Static).update(Content("\n".join(map(visible, words))))
        self.plot.display = any(math.isfinite(loss) for _, _, losses in curves for loss in losses)
        if self.plot.display:
            self.plot.border_title = Content(f"val_loss after {self._plan.steps} steps, over the learning rate")
            names = [f"{letter} {name}" for letter, (name, _, _) in zip(_LETTERS, curves, strict=False)]
            self.plot.border_subtitle = Content(visible("  ".join(names) if len(curves) > 1 else ""))
            self.plot.figure = sensitivity_figure(curves)

    def _state(self) -> str:
        cells, changes = self._sweep.cells, self._plan.cells[self.chosen]
        values = ", ".join(f"{key.rpartition('.')[2]} {axis_words(value)}" for key, value in changes.items())
        spent_s = time.monotonic() - self._began
        state = sweep_ended(cells) if self._is_over else sweep_progress(self._plan, cells, spent_s)
        return f"{values}  {cells[self.chosen].why or state}"

    def _rows(self) -> list[Content]:
        plan, texts = self._plan, cell_texts(self._plan, self._sweep.cells, ascii=self._ascii)
        columns, labels = [axis_words(value) for value in plan.across.values], row_labels(plan)
        corner = plan.down.name if plan.down else ""
        left, width = cell_widths(self._plan)
        heading = f"{corner:<{left}}" + "".join(f"{each:<{width}}" for each in columns)
        rows = [Content.styled(f"{'':<{left}}{plan.across.name}", "bold"), Content.styled(heading, "$foreground 60%")]
        for row, label in enumerate(labels):
            pieces: list[tuple[str, str]] = [(f"{label:<{left}}", "$foreground 60%")]
            for place in range(row * len(columns), (row + 1) * len(columns)):
                each = texts[place]
                style = f"$heat-{each.level}" if each.level else "$foreground 60%"
                style += (" bold" if each.is_best else "") + (" reverse" if place == self.chosen else "")
                mark = "*" if each.is_best else ""
                pieces += [(f"{each.text}{mark}", style), (" " * max(width - len(each.text) - len(mark), 1), "")]
            rows.append(Content.assemble(*pieces))
        return rows

    def action_move(self, right: int, down: int) -> None:
        across = len(self._plan.across.values)
        column, row = self.chosen % across + right, self.chosen // across + down
        if 0 <= column < across and 0 <= row < len(self._sweep.cells) // across:
            self.chosen = row * across + column

    def action_best(self) -> None:
        best = best_cell(self._sweep.losses)
        self.chosen = self.chosen if best is None else best

    @work(group="train", exclusive=True)
    async def action_train(self) -> None:
        """The run comes over this screen, which is there again when it is left."""
        wanted = StartRun(self._plan.whole(self.chosen), self._name, numbered=True)
        question = f"The sweep still trains: {sweep_ended(self._sweep.cells)}."
        if not self._is_over:
            if not await self.app.push_screen_wait(Confirm(question, yes="End it, train this cell", no="Go on")):
                return
            self.action_end()
        self.post_message(GoTo(wanted))

    def action_end(self) -> None:
        self.workers.cancel_group(self, "sweep")
        self._finish()

    def action_leave(self) -> None:
        self.dismiss(None)


def sensitivity_figure(curves: list[tuple[str, list[float], list[float]]]) -> Figure:
    """The final loss over the lr, with a letter for each value of the other key."""
    every = [lr for _, lrs, _ in curves for lr in lrs]
    return Figure(
        x=Scale.around(min(every) / 1.3, max(every) * 1.3, log=True),
        curves=tuple(
            Curve(x=np.asarray(lrs), y=np.asarray(losses), role=role, letter=letter if len(curves) > 1 else "")
            for (_, lrs, losses), role, letter in zip(curves, _ROLES, _LETTERS, strict=False)
        ),
        cuts_spikes=True,
    )
