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

    async def on_screen_resume(self) -> None:
        await self._give_way()

    async def finish(self) -> None:
        self._is_over = True
        await self._give_way()

    async def _give_way(self) -> None:
        if self._is_over and self.is_current:
            await self.dismiss()
