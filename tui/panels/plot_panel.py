"""A panel with a plot: drawn when something has changed and can be seen, and otherwise only a list of strips."""

import math
from dataclasses import fields
from typing import ClassVar

import numpy as np
from textual import events, on
from textual.content import Content
from textual.geometry import Region
from textual.reactive import var
from textual.strip import Strip

from ..content import in_ascii
from ..plots.axes import Scale
from ..plots.canvas import Canvas
from ..plots.draw import PlotArea
from ..plots.viewport import Viewport
from ..textual_private import set_border_titles
from ..throttle import Redraws, Throttle
from ..view.figures import x_scale
from ..view.plot_titles import TitlePiece, fitting, place_reading
from ..view.run_view import RunView, was_read
from .canvas_strips import CanvasStrips, RoleStyles, role_styles
from .panel import Group, Panel
from .plot_mouse import PlotMouse

_VIEWPORT_FIELDS = frozenset(field.name for field in fields(Viewport))


class PlotPanel(Panel, PlotMouse, can_focus=True):
    """A subclass computes what it draws and reads from a view and its viewport alone."""

    DEFAULT_CSS = """
    PlotPanel { height: 1fr; width: 1fr; }
    """
    GROUP: ClassVar[Group] = "curves"
    UNAFFECTED_BY: ClassVar[frozenset[str]] = frozenset()
    """Fields of a viewport that change nothing here, so that a key redraws no more than it changes."""
    INTERVAL: ClassVar[float] = 0.3
    """Seconds between drawings while data comes in; longer for what changes slowly."""

    view: var[RunView | None] = var(None)
    viewport: var[Viewport] = var(Viewport())

    def __init__(self) -> None:
        super().__init__()
        self._strips = CanvasStrips()
        self._styles: RoleStyles = {}
        """Empty after the theme or the background has changed."""
        self._throttle = Throttle(self.INTERVAL, longest_s=math.inf)
        self.redraws = Redraws(self, self.redraw, self._throttle)

    def draw(self, view: RunView, width: int, height: int) -> Canvas:
        return Canvas.blank(width, height)

    def scale_of(self, view: RunView) -> Scale:
        """Its x axis."""
        return x_scale(view, self.viewport)

    def left_of(self, view: RunView, width: int) -> int:
        """Cells left of the x axis."""
        return PlotArea.of(width, 1).left

    def title_of(self, view: RunView) -> list[TitlePiece]:
        return []

    def subtitle_of(self, view: RunView) -> list[TitlePiece]:
        return []

    @property
    def text(self) -> str:
        if self.view is None:
            return ""
        return "  ".join(piece.text for piece in (*place_reading(self.view, self.viewport), *self.title_of(self.view)))

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.notify_style_update())
        self.redraw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}
        self.redraw_whole()

    @on(events.Resize)
    @on(events.Show)
    def redraw_whole(self) -> None:
        self._strips.clear()
        self.redraw()

    def watch_viewport(self, before: Viewport, after: Viewport) -> None:
        if any(getattr(before, name) != getattr(after, name) for name in _VIEWPORT_FIELDS - self.UNAFFECTED_BY):
            self.redraw()

    def watch_view(self, before: RunView | None, view: RunView | None) -> None:
        if not self.is_mounted:
            return
        if before is not None and view is not None and was_read(before, view):
            self.redraw()
        else:
            self.redraws.request()

    def redraw(self) -> None:
        self.redraws.cancel()
        view, size = self.view, self.size
        if not (self.is_mounted and self.display and size):
            return
        if view is None:
            self._strips.clear()
            title, subtitle = Content(self.heading), Content("")
        else:
            self._throttle.begin()
            self._styles = self._styles or role_styles(self)
            rows = self._strips.update(self.draw(view, size.width, size.height), self._styles)
            if rows:
                self.refresh(*(Region(0, row, size.width, 1) for row in rows))
            title, subtitle = _titles(self, view, size.width - 4)
            self._throttle.drawn()
        title_changed, subtitle_changed = set_border_titles(self, title, subtitle)
        if title_changed:
            self.refresh(Region(0, -1, size.width, 1))
        if subtitle_changed:
            self.refresh(Region(0, size.height, size.width, 1))

    def render_line(self, y: int) -> Strip:
        return self._strips.row(y) or Strip.blank(self.size.width, self.rich_style)

    def step_at(self, column: int) -> float | None:
        view, width = self.view, self.size.width
        if view is None or not len(view.curves):
            return None
        left = self.left_of(view, width)
        position = (column - self.gutter.left - left + 0.5) / max(width - left, 1)
        x = self.scale_of(view).value(np.array([min(max(position, 0.0), 1.0)]))
        return float(view.curves.steps_of(x, self.viewport.x_axis)[0])


def _titles(panel: PlotPanel, view: RunView, width: int) -> tuple[Content, Content]:
    """What the upper and the lower border read."""
    latest = panel.title_of(view) if len(view.curves) else []  # before the first step there is no value, not NaN
    title = fitting([TitlePiece(panel.heading), *latest], width)
    subtitle = fitting([*place_reading(view, panel.viewport), *panel.subtitle_of(view)], width)
    return _content(title, panel.ascii), _content(subtitle, panel.ascii)


def _content(pieces: list[TitlePiece], ascii: bool) -> Content:
    styled = (Content.styled(text, f"${role.variable}") if role else Content(text) for text, role, _ in pieces)
    content = Content("").join(styled)
    return in_ascii(content) if ascii else content
