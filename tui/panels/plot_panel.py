"""A plot that is drawn when something has changed and somebody can see it, and is otherwise only a list of strips."""

import math
from dataclasses import dataclass, fields
from time import monotonic
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color, ColorParseError
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from ..content import in_ascii
from ..plots.axes import Scale
from ..plots.canvas import Canvas, ColorRole
from ..plots.draw import PlotArea
from ..plots.viewport import Viewport
from ..view.plot_titles import TitlePiece, fitting, place_reading
from ..view.run_view import RunView

_LOOKS = frozenset(field.name for field in fields(Viewport))
_SHARE = 0.04
"""Of a processor that one plot may take; on a busy machine it draws less often."""


class PlotPanel(Widget, can_focus=True):
    """What all panels with an x axis have in common; each says what it draws and reads, from values alone."""

    DEFAULT_CSS = """
    PlotPanel { height: 1fr; width: 1fr; }
    """
    NAME: ClassVar[str] = ""
    INDIFFERENT: ClassVar[frozenset[str]] = frozenset()
    """What of a viewport makes no difference here, so that a key redraws no more than it changes."""
    INTERVAL: ClassVar[float] = 0.3
    """Seconds between drawings while data comes in; longer where little changes."""
    EXPLANATION: ClassVar[str] = ""
    """What it shows, how to read it, and what healthy looks like."""

    view: var[RunView | None] = var(None)
    viewport: var[Viewport] = var(Viewport())
    ascii: var[bool] = var(False)
    """Neither braille nor box characters."""

    @dataclass
    class CursorMoved(Message):
        """A person points at a step."""

        step: float

    @dataclass
    class Zoomed(Message):
        """A person turns the wheel over a step: 1 is closer, -1 farther."""

        direction: int
        step: float

    @dataclass
    class Panned(Message):
        """A person turns the wheel sideways, or with Shift or Ctrl held: 1 is to later steps, -1 to earlier ones."""

        direction: int

    def __init__(self) -> None:
        super().__init__()
        self._canvas = Canvas.blank(0, 0)
        self._strips: list[Strip] = []
        """The canvas as Textual draws it, a row each."""
        self._drawn_at = -math.inf
        self._interval = self.INTERVAL
        self._pending: Timer | None = None
        self._styles: dict[ColorRole, Style] = {}
        """The theme's colours, until it or the background changes."""

    def draw(self, view: RunView, width: int, height: int) -> Canvas:
        return Canvas.blank(width, height)

    def scale_of(self, view: RunView) -> Scale:
        """Its x axis."""
        return Scale(low=0.0, high=1.0)

    def left_of(self, view: RunView, width: int) -> int:
        """Cells before the x axis begins."""
        return PlotArea.of(width, 1).left

    def title_of(self, view: RunView) -> list[TitlePiece]:
        return []

    def subtitle_of(self, view: RunView) -> list[TitlePiece]:
        return []

    @property
    def reading(self) -> str:
        """What the title and the cursor say, as plain text."""
        if self.view is None:
            return ""
        return "  ".join(piece.text for piece in (*place_reading(self.view, self.viewport), *self.title_of(self.view)))

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.notify_style_update())
        self.redraw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles, self._strips = {}, []
        self.redraw()

    def on_resize(self) -> None:
        self._strips = []
        self.redraw()

    def on_show(self) -> None:
        self.redraw()

    def watch_viewport(self, before: Viewport, after: Viewport) -> None:
        if any(getattr(before, name) != getattr(after, name) for name in _LOOKS - self.INDIFFERENT):
            self.redraw()

    def watch_ascii(self) -> None:
        self.redraw()

    def watch_view(self) -> None:
        """Draw now, or as soon as it is time to draw again."""
        wait = self._drawn_at + self._interval - monotonic()
        if wait <= 0:
            self.redraw()
        elif self._pending is None and self.is_mounted:
            self._pending = self.set_timer(wait, self.redraw)

    def redraw(self) -> None:
        if self._pending is not None:
            self._pending.stop()
            self._pending = None
        if not (self.is_mounted and self.display and self.size):
            return
        began = monotonic()
        self._draw()
        if self.view is not None:
            self._drawn_at = monotonic()
            self._interval = max(self.INTERVAL, (self._drawn_at - began) / _SHARE)

    def render_line(self, y: int) -> Strip:
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.capture_mouse()
        self._point_at(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._point_at(event)

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        self._pan(event, -1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        self._pan(event, 1)

    def _wheel(self, event: events.MouseEvent, direction: int) -> None:
        event.stop()
        if event.shift or event.ctrl:
            self._pan(event, -direction)
        elif (step := self._step_at(event)) is not None:
            self.post_message(self.Zoomed(direction, step))

    def _pan(self, event: events.MouseEvent, direction: int) -> None:
        event.stop()
        self.post_message(self.Panned(direction))

    def _point_at(self, event: events.MouseEvent) -> None:
        if (step := self._step_at(event)) is not None:
            self.post_message(self.CursorMoved(step))

    def _step_at(self, event: events.MouseEvent) -> float | None:
        view, width = self.view, self.size.width
        if view is None or not len(view.curves):
            return None
        left = self.left_of(view, width)
        position = (event.x - self.gutter.left - left + 0.5) / max(width - left, 1)
        x = self.scale_of(view).value(np.array([min(max(position, 0.0), 1.0)]))
        return float(view.curves.steps_of(x, self.viewport.x_axis)[0])

    def _draw(self) -> None:
        view, size = self.view, self.size
        if view is None:
            self._strips = []
            self._entitle(Content(self.NAME), Content(""))
            return
        self._paint(self.draw(view, size.width, size.height))
        self._write(view, size.width)

    def _paint(self, canvas: Canvas) -> None:
        """Turn the rows that differ from what is shown into strips: a terminal far away is sent no others."""
        self._styles = self._styles or self._theme_styles()
        if len(self._strips) != canvas.height:
            self._strips = [Strip.blank(0)] * canvas.height
            rows = range(canvas.height)
        else:
            rows = canvas.rows_unlike(self._canvas)
        for row in rows:
            segments = [Segment(text, self._styles[paint]) for text, paint in canvas.runs(row)]
            self._strips[row] = Strip(segments, canvas.width)
        self._canvas = canvas
        if rows:
            self.refresh(*(Region(0, row, canvas.width, 1) for row in rows))

    def _write(self, view: RunView, width: int) -> None:
        room = width - 4
        # before the first step there is nothing to read, and nothing is not NaN
        latest = self.title_of(view) if len(view.curves) else []
        title = fitting([TitlePiece(self.NAME, ColorRole.NONE), *latest], room)
        subtitle = fitting([*place_reading(view, self.viewport), *self.subtitle_of(view)], room)
        self._entitle(self._content(title), self._content(subtitle))

    def _entitle(self, title: Content, subtitle: Content) -> None:
        """What a new border_title would do, but it would have the whole plot drawn again."""
        above, below = Region(0, -1, self.size.width, 1), Region(0, self.size.height, self.size.width, 1)
        if self._border_title is None or not title.is_same(self._border_title):
            self._border_title = title
            self.refresh(above)
        if self._border_subtitle is None or not subtitle.is_same(self._border_subtitle):
            self._border_subtitle = subtitle
            self.refresh(below)

    def _content(self, pieces: list[TitlePiece]) -> Content:
        styled = (Content.styled(text, f"${paint.variable}") if paint else Content(text) for text, paint, _ in pieces)
        content = Content("").join(styled)
        return in_ascii(content) if self.ascii else content

    def _theme_styles(self) -> dict[ColorRole, Style]:
        """On the panel's own background."""
        base, variables = self.rich_style, self.app.theme_variables
        styles = {ColorRole.NONE: Style(bgcolor=base.bgcolor)}
        for paint in ColorRole:
            if paint:
                try:
                    colour = Color.parse(variables.get(paint.variable, variables["foreground"])).rich_color
                except ColorParseError:
                    colour = base.color
                styles[paint] = Style(color=colour, bgcolor=base.bgcolor, bold=paint is ColorRole.CURVE_CURSOR or None)
        return styles
