"""The figure of a page of the course: calculated, or the instrument of a run that trains meanwhile."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.reactive import var
from textual.widgets import Static

from ..content import in_ascii
from ..dialogs.scroll import Scroll
from ..panels.gradient import GradientPanel
from ..panels.layers import LayersPanel
from ..panels.loss import LossPanel
from ..panels.lr import LrPanel
from ..panels.plot_panel import PlotPanel
from ..text import visible
from ..view.run_view import RunView
from .figures import COMPUTED, instruments, updates
from .pages import Page

_WORDS = {"updates": updates, "instruments": instruments}
"""Figures of a run that are text."""


class CourseFigure(Container):
    DEFAULT_CSS = """
    CourseFigure {
        border: round $border-blurred; border-title-color: $text; padding: 0 1;
        & > * { display: none; }
        & > .-shown { display: block; }
        Scroll { height: 1fr; scrollbar-size-vertical: 1; }
        Static { width: auto; }
    }
    """

    page: var[Page | None] = var(None)
    view: var[RunView | None] = var(None)
    """The run of a live figure; None while it is being started."""

    def __init__(self, *, ascii: bool) -> None:
        super().__init__()
        self._ascii = ascii
        self._plots: dict[str, PlotPanel] = {
            "loss": LossPanel(),
            "rate": LrPanel(),
            "gradient": GradientPanel(),
            "layers": LayersPanel(),
        }
        self._text = Static()
        self._sheet = Scroll(self._text)

    def compose(self) -> ComposeResult:
        yield self._sheet
        for plot in self._plots.values():
            plot.ascii = self._ascii
            plot.can_focus = False
            yield plot

    def watch_page(self, page: Page | None) -> None:
        if page is None:
            return
        plot = self._plots.get(page.figure)
        self.display = page.figure != "none"
        self._sheet.set_class(plot is None, "-shown")
        for each in self._plots.values():
            each.set_class(each is plot, "-shown")
        self._show()

    def watch_view(self) -> None:
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        page, view = self.page, self.view
        if page is None or not self.is_mounted:
            return
        self.border_title = self._title(page, view)
        if plot := self._plots.get(page.figure):
            plot.view = view
        elif page.figure in _WORDS:
            self._write(_WORDS[page.figure](view, self._room) if view else Content("The run is starting …"))
        elif draw := COMPUTED.get(page.figure):  # pyright: ignore[reportArgumentType, reportCallIssue]
            self._write(draw(page, self._room, self._ascii))

    @property
    def _room(self) -> int:
        """Cells in a line, beside the scroll bar."""
        return max(self.content_size.width - 1, 20)

    def _write(self, content: Content) -> None:
        self._text.update(in_ascii(content) if self._ascii else content)

    def _title(self, page: Page, view: RunView | None) -> Content:
        if not page.train:
            return Content("Calculated")
        if view is None:
            return Content("Starting …")
        state = "live" if view.end is None else "trained just now"
        words = f"{visible(view.config.title)}, {state}: step {view.step} of {view.steps}"
        return Content(words)
