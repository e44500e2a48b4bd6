"""Says what is being opened while a run's worker starts; gives way to the run."""

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ..text import visible


class OpeningScreen(Screen[None]):
    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self._is_over = False

    def compose(self) -> ComposeResult:
        yield Static(Content(visible(self._words)))

    def on_screen_resume(self) -> None:
        if self._is_over:
            self.dismiss()

    async def finish(self) -> None:
        """Give way, or as soon as the dialog over it is closed: to dismiss a covered screen would close the dialog."""
        self._is_over = True
        if self.is_active:
            await self.dismiss()
