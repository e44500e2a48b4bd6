"""Says what is being opened while a run's worker starts; gives way to the run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ..text import visible
from .key_line import KeyLine

if TYPE_CHECKING:
    from ..open_run import OpenedRun


def load_run_screen() -> None:
    """What draws curves takes longer to import than the first frame may take."""
    import_module("..run.screen", __package__)


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
        if self._is_over and self.is_active:
            self._leave()

    def _leave(self) -> None:
        self.dismiss()

    def finish(self) -> None:
        """Give way, or as soon as the dialog over it is closed: to dismiss a covered screen would close the dialog.

        The end of the screen is not awaited: who leaves the app cancels what awaits it, and with it the screen's task.
        """
        self._is_over = True
        if self.is_active:
            self._leave()

    def give_up(self) -> None:
        """Give way where there is nothing to show."""
        self.finish()


class FirstScreen(OpeningScreen):
    """Stands where Home would, while the program opens what was asked for; `go_home` is for when nothing covers it."""

    def __init__(self, words: str, go_home: Callable[[], object]) -> None:
        super().__init__(words)
        self._go_home = go_home
        self.is_found = False
        """Whether what was asked for covers it, or will at once."""

    def _leave(self) -> None:
        self._go_home()

    def finish(self) -> None:
        self.is_found = True
        self._is_over = not self.is_active

    def on_screen_suspend(self) -> None:
        self._is_over = self.is_found

    def give_up(self) -> None:
        super().finish()


async def open_or_notify(app: App[None], run: Awaitable[OpenedRun], words: str) -> OpenedRun | None:
    """The run, with `words` on the screen while it opens; None, and a notice with the reason, where it cannot."""
    from ...engine.client.run import ClientError
    from ...engine.config import ConfigError
    from ...engine.storage.run_store import StoreError

    base = app.screen_stack[0]
    if isinstance(base, FirstScreen) and not base.is_found:
        opening = base
    else:
        opening = OpeningScreen(words)
        await app.push_screen(opening)
    try:
        found, _ = await asyncio.gather(run, asyncio.to_thread(load_run_screen))
    except (ConfigError, StoreError, ClientError) as error:
        opening.give_up()
        app.notify(visible(str(error)), severity="error", timeout=10, markup=False)
        return None
    opening.finish()
    return found
