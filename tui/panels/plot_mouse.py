"""The mouse on a plot: a click or a drag moves the cursor, the wheel zooms, and sideways or with Shift it pans."""

from textual import events, on
from textual.message import Message
from textual.widget import Widget

_WHEEL_COLUMNS = 5
"""Hundredths of the window that one notch of the wheel pans."""
_ZOOMS: dict[type[events.MouseEvent], int] = {events.MouseScrollUp: 1, events.MouseScrollDown: -1}
_PANS: dict[type[events.MouseEvent], int] = {events.MouseScrollLeft: -1, events.MouseScrollRight: 1}


class ViewportChange(Message):
    """The mouse asks for one of VIEWPORT_ACTIONS, with its arguments."""

    def __init__(self, action: str, *arguments: float) -> None:
        super().__init__()
        self.action = action
        self.arguments = arguments


class PlotMouse(Widget):
    """A widget with an x axis in steps: turns mouse events into `ViewportChange` messages."""

    def step_at(self, column: int) -> float | None:
        """The step at a column of the widget, borders included; None before there is any step."""
        raise NotImplementedError

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.capture_mouse()
        self._move_cursor(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._move_cursor(event)

    def on_mouse_up(self) -> None:
        self.release_mouse()

    @on(events.MouseScrollUp)
    @on(events.MouseScrollDown)
    def zoom_or_pan(self, event: events.MouseEvent) -> None:
        event.stop()
        direction = _ZOOMS[type(event)]
        if event.shift or event.ctrl:
            self.post_message(ViewportChange("pan", -direction * _WHEEL_COLUMNS))
        elif (step := self.step_at(event.x)) is not None:
            self.post_message(ViewportChange("zoom", direction, step))

    @on(events.MouseScrollLeft)
    @on(events.MouseScrollRight)
    def pan(self, event: events.MouseEvent) -> None:
        event.stop()
        self.post_message(ViewportChange("pan", _PANS[type(event)] * _WHEEL_COLUMNS))

    def _move_cursor(self, event: events.MouseEvent) -> None:
        if (step := self.step_at(event.x)) is not None:
            self.post_message(ViewportChange("look_at", step))
