"""A place for one panel, in which it can also explain itself."""

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from ..dialogs.scroll import Scroll
from .layout import PanelName
from .plot_panel import PlotPanel
from .text_panel import TextPanel


class Frame(Container):
    DEFAULT_CSS = """
    Frame {
        height: 1fr; width: 1fr;
        & > .explanation { display: none; height: 1fr; padding: 0 1; border: round $primary; }
        &.-explained > .explanation { display: block; }
        &.-explained > .panel { display: none; }
    }
    """

    def __init__(self, name: PanelName, panel: PlotPanel | TextPanel) -> None:
        super().__init__(id=name)
        self.panel = panel
        panel.add_class("panel")
        self._title = f"{panel.NAME if isinstance(panel, PlotPanel) else name.capitalize()}, explained"

    def compose(self) -> ComposeResult:
        yield self.panel
        with Scroll(classes="explanation") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("i back")
            yield Static(Content(self.panel.EXPLANATION))

    @property
    def explained(self) -> bool:
        return self.has_class("-explained")

    def toggle_explanation(self) -> None:
        self.toggle_class("-explained")
        self.take_focus()

    def take_focus(self) -> None:
        inside = self.query_one(".explanation") if self.explained else self.panel
        inside.focus(scroll_visible=False)
