"""The frame around one panel, which can show the panel's explanation in its place."""

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from ..dialogs.scroll import Scroll
from .layout import AnyPanel


class Frame(Container):
    DEFAULT_CSS = """
    Frame {
        height: 1fr; width: 1fr;
        & > .explanation { display: none; height: 1fr; padding: 0 1; border: round $primary; }
        &.-explained > .explanation { display: block; }
        &.-explained > .panel { display: none; }
    }
    """

    def __init__(self, panel: AnyPanel) -> None:
        super().__init__(id=panel.NAME)
        self.panel = panel
        panel.add_class("panel")

    def compose(self) -> ComposeResult:
        yield self.panel
        with Scroll(classes="explanation") as box:
            box.border_title = Content(f"{self.panel.TITLE}, explained")
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
