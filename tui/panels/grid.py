"""The panels of a run: where they stand, which are shown, and the one look at the curves that they share."""

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.reactive import var

from ...engine.events import SampleGenerated
from ..plots.viewport import Viewport
from ..settings import Remember
from ..text import visible
from ..view.run_view import RunView
from .diagnosis import DiagnosisPanel
from .frame import Frame
from .gradient import GradientPanel
from .history import HistoryPanel
from .keys import PANEL_KEYS
from .layers import LayersPanel
from .layout import PANELS, USUAL, PanelName, shown_panels
from .lesson import LessonPanel
from .lesson_guide import has_lesson
from .loss import LossPanel
from .lr import LrPanel
from .plot_panel import PlotPanel
from .sample import SamplePanel
from .status import StatusPanel
from .text_panel import TextPanel

LOOKS: dict[str, Callable[[Viewport], Viewport]] = {
    "follow_end": Viewport.follow_end,
    "show_all": Viewport.show_all,
    "log_y": Viewport.toggle_y_log,
    "log_x": Viewport.toggle_x_log,
    "x_axis": Viewport.next_x_axis,
    "perplexity": Viewport.toggle_perplexity,
    "smoother": Viewport.smoother,
    "rougher": Viewport.rougher,
}


_WHEEL_COLUMNS = 5
"""Hundredths of the window that one notch of the wheel pans."""
_WORDS: tuple[PanelName, ...] = ("status", "diagnosis", "lesson", "sample", "history")


class RunPanels(Container):
    DEFAULT_CSS = """
    RunPanels {
        layout: horizontal; height: 1fr;
        .panel { height: 1fr; border: round $border-blurred; border-title-color: $text; }
        .panel:focus { border: round $border; }
        .curves { width: 2fr; }
        .words { width: 1fr; }
        .pair { height: 3fr; }
        #loss { height: 5fr; }
        #layers { height: 3fr; }
        #status { height: 10; }
        #diagnosis, #sample { height: 2fr; }
        #lesson { height: 3fr; }
        &.-ascii .panel, &.-ascii .explanation { border: ascii $border-blurred; }
        &.-ascii .panel:focus { border: ascii $border; }
        &.-stacked { layout: vertical; }
        &.-stacked .curves { width: 1fr; height: 1fr; }
        &.-stacked .words { width: 1fr; height: 5; }
        Frame.-alone, &.-stacked .words.-alone { height: 1fr; }
    }
    """
    BINDING_GROUP_TITLE = "Curves and panels"
    BINDINGS: ClassVar[list[BindingType]] = PANEL_KEYS

    view: var[RunView | None] = var(None)
    viewport: var[Viewport] = var(Viewport())
    memory: var[int | None] = var(None)
    hidden: var[frozenset[str]] = var(frozenset())
    alone: var[PanelName | None] = var(None)
    """The panel in full screen."""

    def __init__(self, *, hidden: Iterable[str], viewport: Viewport, ascii: bool) -> None:
        super().__init__()
        self._loss, self._rate, self._gradient, self._layers = LossPanel(), LrPanel(), GradientPanel(), LayersPanel()
        self._diagnosis, self._sample, self._status = DiagnosisPanel(), SamplePanel(), StatusPanel()
        self._lesson = LessonPanel()
        self._plots = (self._loss, self._rate, self._gradient, self._layers)
        panels = (*self._plots, self._diagnosis, self._sample, self._status, HistoryPanel(), self._lesson)
        for panel in panels:
            panel.ascii = ascii
        self.set_class(ascii, "-ascii")
        self._frames: dict[PanelName, Frame] = {
            name: Frame(name, panel) for name, panel in zip(PANELS, panels, strict=True)
        }
        self._shown: frozenset[PanelName] = frozenset()
        self.set_reactive(RunPanels.hidden, frozenset(hidden) & frozenset(PANELS))
        self.set_reactive(RunPanels.viewport, viewport)

    def compose(self) -> ComposeResult:
        frames = self._frames
        with Vertical(classes="curves"):
            yield frames["loss"]
            with Horizontal(classes="pair"):
                yield frames["rate"]
                yield frames["gradient"]
            yield frames["layers"]
        with Vertical(classes="words"):
            yield from (frames[name] for name in _WORDS)

    def on_mount(self) -> None:
        self._arrange()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()

    def watch_hidden(self) -> None:
        self._arrange()

    def watch_alone(self) -> None:
        self._arrange()

    def watch_view(self, before: RunView | None) -> None:
        self._feed(self._shown)
        if before is None:
            self._arrange()  # a run with a lesson shows other panels
            self.refresh_bindings()

    def watch_viewport(self) -> None:
        self._feed(self._shown)

    def watch_memory(self, memory: int | None) -> None:
        self._status.memory = memory

    def take_focus(self) -> None:
        """Give the focus to the first panel that is shown, unless one has it."""
        if self._shown and self._focused() is None:
            next(frame for name, frame in self._frames.items() if name in self._shown).take_focus()

    def _arrange(self) -> None:
        """Show what fits; a column or row of which nothing is shown gives its place to the others."""
        if not self.is_mounted:
            return
        size = self.screen.size
        lesson = self.view is not None and has_lesson(self.view.config)
        shown = shown_panels((size.width, size.height), self.hidden, self.alone, lesson=lesson)
        self.set_class(size.width < USUAL[0] or size.height < USUAL[1], "-stacked")
        if shown == self._shown:
            return
        for name, frame in self._frames.items():
            frame.display = name in shown
            frame.set_class(name == self.alone, "-alone")
        for selector in (".pair", ".curves", ".words"):
            box = self.query_one(selector)
            frames = box.query(Frame)
            box.display = any(frame.display for frame in frames)
            box.set_class(self.alone is not None and box.display, "-alone")
        appeared, self._shown = shown - self._shown, shown
        self._feed(appeared)
        self.take_focus()

    def _feed(self, names: Iterable[PanelName]) -> None:
        """Panels that nobody sees are given nothing to draw."""
        for name in names:
            panel = self._frames[name].panel
            if isinstance(panel, PlotPanel):
                panel.viewport = self.viewport
            panel.view = self.view

    def _focused(self) -> Frame | None:
        """The shown frame that has the focus."""
        focused = self.screen.focused
        return next((frame for frame in self._frames.values() if frame.display and focused in frame.children), None)

    def action_look(self, columns: int) -> None:
        if self.view is not None:
            self.viewport = self.viewport.look(columns, self.view.curves.extent)

    def action_zoom(self, direction: int) -> None:
        self._zoom(direction, None)

    def action_pan(self, columns: int) -> None:
        if self.view is not None:
            self.viewport = self.viewport.pan(columns, self.view.curves.extent)

    def action_see(self, look: str) -> None:
        before, self.viewport = self.viewport, LOOKS[look](self.viewport)
        if self.viewport.smoothing != before.smoothing:
            self.post_message(Remember(smoothing=1 - 1 / self.viewport.span))

    @on(PlotPanel.CursorMoved)
    def look_at(self, event: PlotPanel.CursorMoved) -> None:
        if self.view is not None:
            self.viewport = self.viewport.look_at(event.step, self.view.curves.extent)

    @on(PlotPanel.Zoomed)
    def zoom_there(self, event: PlotPanel.Zoomed) -> None:
        self._zoom(event.direction, event.step)

    @on(PlotPanel.Panned)
    def pan_there(self, event: PlotPanel.Panned) -> None:
        self.action_pan(event.direction * _WHEEL_COLUMNS)

    def _zoom(self, direction: int, around: float | None) -> None:
        if self.view is not None:
            zoom = self.viewport.zoom_in if direction > 0 else self.viewport.zoom_out
            self.viewport = zoom(self.view.curves.extent, around)

    def action_full_screen(self, name: PanelName | None = None) -> None:
        focused = self._focused()
        if name is None:
            name = next((key for key, frame in self._frames.items() if frame is focused), None)
        self.alone = None if self.alone == name else name
        if name is not None and name in self._shown:
            self._frames[name].take_focus()

    def action_explain(self) -> None:
        if (frame := self._focused()) is not None:
            frame.toggle_explanation()

    @property
    def explaining(self) -> bool:
        """Whether the focused panel's explanation is shown."""
        return (frame := self._focused()) is not None and frame.explained

    def action_hide(self) -> None:
        focused = self._focused()
        names = {name for name, frame in self._frames.items() if frame is focused}
        self.alone = None
        if self._shown - names:
            self._hide(self.hidden | names)

    def action_show_hidden(self) -> None:
        self._hide(frozenset())

    def _hide(self, names: frozenset[str]) -> None:
        self.hidden = names
        self.post_message(Remember(hidden_panels=tuple(sorted(names))))

    def action_sample(self, back: int) -> None:
        if back > 0:
            self._sample.older()
        else:
            self._sample.newer()

    @property
    def quantity(self) -> str:
        """What the heat map of the layers shows."""
        return self._layers.quantity

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "act" or (self.view is not None and has_lesson(self.view.config))

    def action_act(self) -> None:
        if self.view is not None:
            self._lesson.act(self.view)

    def action_quantity(self) -> None:
        self._layers.toggle_quantity()

    def action_copy(self) -> None:
        """The sample if that has the focus, else the reading of a plot or the words of a panel."""
        focused = self._focused()
        if focused is None:
            return
        match focused.panel:
            case SamplePanel(shown=SampleGenerated(prompt=prompt, text=text)):
                copied = visible(prompt + text, keep_lines=True)
            case PlotPanel(reading=copied):
                pass
            case TextPanel(text=copied):
                pass
            case _:
                return
        self.app.copy_to_clipboard(copied)
        self.notify(f"Copied {len(copied)} characters.", timeout=2)
