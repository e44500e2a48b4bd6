"""The panels of a run with their keys: what is shown, and the one viewport that all plots share."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.reactive import var

from ..plots.viewport import VIEWPORT_ACTIONS, Viewport
from ..settings import Remember
from ..view.described import has_axis
from .arrangement import PanelColumns
from .gradient import GradientPanel
from .keys import PANEL_KEYS, key_of
from .layers import LayersPanel
from .lesson import LessonPanel
from .lesson_guide import has_lesson
from .metrics import MetricsPanel
from .plot_mouse import ViewportChange
from .sample import SamplePanel
from .status import StatusPanel


class RunPanels(PanelColumns):
    BINDING_GROUP_TITLE = "Curves and panels"
    BINDINGS: ClassVar[list[BindingType]] = PANEL_KEYS

    memory: var[int | None] = var(None)
    """Bytes of RAM of the run's process."""

    def __init__(self, *, hidden: Iterable[str], viewport: Viewport, ascii: bool) -> None:
        super().__init__(hidden=hidden, viewport=viewport, ascii=ascii)
        self.panel(LessonPanel).key_of = key_of

    def watch_memory(self, memory: int | None) -> None:
        self.panel(StatusPanel).memory = memory

    def action_see(self, action: str, *arguments: float) -> None:
        """Change the viewport by one of VIEWPORT_ACTIONS."""
        if self.view is None:
            return
        before = self.viewport
        after = VIEWPORT_ACTIONS[action](before, self.view.curves.extent, *arguments)
        while after.x_axis not in ("step", before.x_axis) and not has_axis(self.view, after.x_axis):
            after = VIEWPORT_ACTIONS[action](after, self.view.curves.extent)
        self.viewport = after
        if self.viewport.smoothing != before.smoothing:
            self.post_message(Remember(smoothing=1 - 1 / self.viewport.span))

    @on(ViewportChange)
    def change_viewport(self, event: ViewportChange) -> None:
        self.action_see(event.action, *event.arguments)

    def action_full_screen(self, name: str | None = None) -> None:
        if name is None and (frame := self.focused_frame) is not None:
            name = frame.panel.NAME
        self.alone = None if self.alone == name else name
        if name is not None and name in self._shown:
            self._frames[name].take_focus()

    def action_explain(self) -> None:
        if (frame := self.focused_frame) is not None:
            frame.toggle_explanation()

    @property
    def explaining(self) -> bool:
        """Whether the focused panel's explanation is shown."""
        return (frame := self.focused_frame) is not None and frame.explained

    def action_hide(self) -> None:
        frame = self.focused_frame
        names = frozenset({frame.panel.NAME}) if frame is not None else frozenset[str]()
        self.alone = None
        if self._shown - names:
            self._hide(self.hidden | names)

    def action_show_hidden(self) -> None:
        self._hide(frozenset())

    def _hide(self, names: frozenset[str]) -> None:
        self.hidden = names
        self.post_message(Remember(hidden_panels=tuple(sorted(names))))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        view = self.view
        match action, *parameters:
            case "act", *_:
                return view is not None and view.described is None and has_lesson(view.config)
            case "turn_page", *_:
                return MetricsPanel.NAME not in self._absent
            case "full_screen", str() as name:
                return name not in self._absent
            case _:
                return True

    def action_act(self) -> None:
        if self.view is not None:
            self.panel(LessonPanel).act(self.view)

    def action_sample(self, back: int) -> None:
        sample = self.panel(SamplePanel)
        if back > 0:
            sample.older()
        else:
            sample.newer()

    def action_quantity(self) -> None:
        focused = self.focused_frame.panel if self.focused_frame is not None else None
        (focused if isinstance(focused, GradientPanel) else self.panel(LayersPanel)).toggle_quantity()

    def action_copy(self) -> None:
        """The sample if that has the focus, else the reading of a plot or the words of a panel."""
        frame = self.focused_frame
        if frame is None:
            return
        copied = frame.panel.copied
        self.app.copy_to_clipboard(copied)
        self.notify(f"Copied {len(copied)} characters.", timeout=2)
