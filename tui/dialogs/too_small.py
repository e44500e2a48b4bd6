"""Covers every screen while the terminal is too small for any of them, and goes when there is room again."""

from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

LEAST = Size(40, 10)


def is_too_small(size: Size) -> bool:
    return size.width < LEAST.width or size.height < LEAST.height


class TooSmallScreen(Screen[None]):
    def compose(self) -> ComposeResult:
        yield Static(f"Too small: needs {LEAST.width} x {LEAST.height}")

    def on_resize(self) -> None:
        self._give_way()

    def on_screen_resume(self) -> None:
        self._give_way()

    def _give_way(self) -> None:
        if self.is_active and not is_too_small(self.app.size):
            self.dismiss()
