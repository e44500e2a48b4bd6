"""A canvas as Textual paints it: a strip a row, in the colours of the theme."""

from collections.abc import Mapping, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.strip import Strip
from textual.widget import Widget

from ..plots.canvas import Canvas, ColorRole

RoleStyles = Mapping[ColorRole, Style]


def role_styles(widget: Widget) -> RoleStyles:
    """The theme's colour for each role, on the widget's own background."""
    base, variables = widget.rich_style, widget.app.theme_variables
    styles = {ColorRole.NONE: Style(bgcolor=base.bgcolor)}
    for role in ColorRole:
        if role:
            try:
                colour = Color.parse(variables.get(role.variable, variables["foreground"])).rich_color
            except ColorParseError:
                colour = base.color
            styles[role] = Style(color=colour, bgcolor=base.bgcolor, bold=role is ColorRole.CURVE_CURSOR or None)
    return styles


class CanvasStrips:
    def __init__(self) -> None:
        self._canvas = Canvas.blank(0, 0)
        self._strips: list[Strip] = []

    def clear(self) -> None:
        """The next update makes every row anew."""
        self._strips = []

    def update(self, canvas: Canvas, styles: RoleStyles) -> Sequence[int]:
        """Make new strips for the rows that changed and return those rows: a remote terminal is sent no others."""
        if len(self._strips) != canvas.height:
            self._strips = [Strip.blank(0)] * canvas.height
            rows: Sequence[int] = range(canvas.height)
        else:
            rows = canvas.rows_unlike(self._canvas)
        for row in rows:
            segments = [Segment(text, styles[role]) for text, role in canvas.runs(row)]
            self._strips[row] = Strip(segments, canvas.width)
        self._canvas = canvas
        return rows

    def row(self, y: int) -> Strip | None:
        return self._strips[y] if y < len(self._strips) else None
