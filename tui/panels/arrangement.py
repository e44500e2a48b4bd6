"""The panels on the screen: two columns of frames, which of them are shown, and the view that the shown ones draw."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.reactive import var

from ..plots.viewport import Viewport
from ..view.beside import Beside
from ..view.run_view import RunView
from .frame import Frame
from .layout import PANELS, SIDE_BY_SIDE, AnyPanel, absent_panels, fits, known_panels, shown_panels
from .lesson import LessonPanel
from .lesson_guide import has_lesson
from .loss import LossPanel
from .metrics import MetricsPanel
from .panel import Group
from .plot_panel import PlotPanel

PanelType = TypeVar("PanelType", bound=AnyPanel)

_PANEL_HEIGHTS = "\n".join(f"#{panel.NAME} {{ height: {panel.HEIGHT}; }}" for panel in PANELS)


class PanelColumns(Container):
    DEFAULT_CSS = f"""
    PanelColumns {{
        layout: horizontal; height: 1fr;
        .panel {{ height: 1fr; border: round $border-blurred; border-title-color: $text; }}
        .panel:focus {{ border: round $border; }}
        .curves {{ width: 2fr; }}
        .words {{ width: 1fr; }}
        .pair {{ height: 3fr; }}
        {_PANEL_HEIGHTS}
        &.-ascii .panel, &.-ascii .explanation {{ border: ascii $border-blurred; }}
        &.-ascii .panel:focus {{ border: ascii $border; }}
        &.-stacked {{ layout: vertical; }}
        &.-stacked .curves {{ width: 1fr; height: 1fr; }}
        &.-stacked .words {{ width: 1fr; height: 5; }}
        Frame.-alone, &.-stacked .words.-alone {{ height: 1fr; }}
    }}
    """

    view: var[RunView | None] = var(None)
    viewport: var[Viewport] = var(Viewport())
    beside: var[Beside] = var(Beside())
    """The runs that this one is compared with."""
    hidden: var[frozenset[str]] = var(frozenset())
    alone: var[str | None] = var(None)
    """The name of the panel in full screen."""

    def __init__(self, *, hidden: Iterable[str], viewport: Viewport, ascii: bool) -> None:
        super().__init__()
        self.set_class(ascii, "-ascii")
        self._frames: dict[str, Frame] = {kind.NAME: Frame(kind()) for kind in PANELS}
        for frame in self._frames.values():
            frame.panel.ascii = ascii
        self._shown: frozenset[str] = frozenset()
        self._absent = absent_panels(None)
        self.set_reactive(PanelColumns.hidden, known_panels(hidden))
        self.set_reactive(PanelColumns.viewport, viewport)

    def compose(self) -> ComposeResult:
        for group in ("curves", "words"):
            with Vertical(classes=group):
                for row in _rows(group):
                    frames = [self._frames[kind.NAME] for kind in row]
                    if len(frames) == 1:
                        yield frames[0]
                    else:
                        with Horizontal(classes="pair"):
                            yield from frames

    def panel(self, kind: type[PanelType]) -> PanelType:
        """The panel of this class."""
        return next(frame.panel for frame in self._frames.values() if isinstance(frame.panel, kind))

    def watch_view(self, before: RunView | None) -> None:
        absent, self._absent = self._absent, absent_panels(self.view)
        self._feed(self._shown)
        if before is None or absent != self._absent:
            self.show_what_fits()  # a run with a lesson shows other panels
            self.refresh_bindings()

    def watch_viewport(self) -> None:
        self._feed(self._shown)

    def watch_beside(self, beside: Beside) -> None:
        self.panel(LossPanel).beside = beside
        self.panel(LessonPanel).beside = beside

    def watch_hidden(self) -> None:
        self.show_what_fits()

    def watch_alone(self) -> None:
        self.show_what_fits()

    def take_focus(self) -> None:
        """Give the focus to the first panel that is shown, unless one has it."""
        if self._shown and self.focused_frame is None:
            next(frame for name, frame in self._frames.items() if name in self._shown).take_focus()

    @on(events.Mount)
    @on(events.Resize)
    def show_what_fits(self) -> None:
        """Show what fits; a column or row of which nothing is shown gives its place to the others."""
        if not self.is_mounted:
            return
        size = self.screen.size
        lesson = self.view is not None and self.view.described is None and has_lesson(self.view.config)
        shown = shown_panels((size.width, size.height), self.hidden, self.alone, lesson=lesson, absent=self._absent)
        self.set_class(not fits((size.width, size.height), SIDE_BY_SIDE), "-stacked")
        if shown == self._shown:
            return
        for name, frame in self._frames.items():
            frame.display = name in shown
            frame.set_class(name == self.alone, "-alone")
        for box in self.query(".pair, .curves, .words"):
            box.display = any(frame.display for frame in box.query(Frame))
            box.set_class(self.alone is not None and box.display, "-alone")
        appeared, self._shown = shown - self._shown, shown
        self._feed(appeared)
        self.take_focus()

    def action_turn_page(self, pages: int) -> None:
        self.panel(MetricsPanel).turn(pages)

    @property
    def focused_frame(self) -> Frame | None:
        """The shown frame that has the focus."""
        focused = self.screen.focused
        return next((frame for frame in self._frames.values() if frame.display and focused in frame.children), None)

    def _feed(self, names: Iterable[str]) -> None:
        """Give the view to panels that are shown; the others draw nothing."""
        for name in names:
            panel = self._frames[name].panel
            if isinstance(panel, PlotPanel):
                panel.viewport = self.viewport
            elif isinstance(panel, LessonPanel):
                panel.cursor = self.viewport.cursor
            panel.view = self.view


def _rows(group: Group) -> Iterator[Sequence[type[AnyPanel]]]:
    """The rows of a column: one panel each, or two neighbours of half the width."""
    waiting: list[type[AnyPanel]] = []
    for kind in sorted((kind for kind in PANELS if group == kind.GROUP), key=lambda kind: kind.COLUMN_ORDER):
        if waiting and not kind.HALF_WIDTH:
            yield waiting
            waiting = []
        waiting.append(kind)
        if len(waiting) == (2 if kind.HALF_WIDTH else 1):
            yield waiting
            waiting = []
    if waiting:
        yield waiting
