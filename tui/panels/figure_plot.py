"""A plot of one figure, drawn again where the figure, the size or the theme changes."""

from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from ..plots.draw import draw_figure
from ..plots.figure import Figure
from .canvas_strips import CanvasStrips, RoleStyles, role_styles


class FigurePlot(Widget):
    DEFAULT_CSS = """
    FigurePlot { height: 1fr; min-height: 6; border: round $border-blurred; border-title-color: $text; }
    .-ascii FigurePlot { border: ascii $border-blurred; }
    """

    figure: var[Figure | None] = var(None)

    def __init__(self, *, ascii: bool) -> None:
        super().__init__()
        self._ascii = ascii
        self._strips = CanvasStrips()
        self._styles: RoleStyles = {}

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.notify_style_update())

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}
        self.redraw()

    def watch_figure(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def on_show(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        if not (self.is_mounted and self.size and self.figure):
            return
        self._styles = self._styles or role_styles(self)
        self._strips.clear()
        self._strips.update(draw_figure(self.figure, *self.size, ascii_only=self._ascii), self._styles)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        return self._strips.row(y) or Strip.blank(self.size.width, self.rich_style)
