"""Says what is being opened while a run's worker starts; gives way to the run."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ..text import visible
from .key_line import KeyLine


class OpeningScreen(Screen[None]):
    BINDING_GROUP_TITLE = "Opening"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.quit", "quit", id="opening.quit", tooltip="Quit, and wait no longer")
    ]

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self._is_over = False

    def compose(self) -> ComposeResult:
        yield Static(Content(visible(self._words)))
        yield KeyLine()

    def on_screen_resume(self) -> None:
        if self._is_over:
            self.dismiss()

    async def finish(self) -> None:
        """Give way, or as soon as the dialog over it is closed: to dismiss a covered screen would close the dialog."""
        self._is_over = True
        if self.is_active:
            await self.dismiss()
