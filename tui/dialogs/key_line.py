"""The keys at the bottom, in one line, as many as there is room for; a click does what the key does.

Textual's Footer makes a widget of every key anew whenever the focus or the run's state changes, which takes 80 ms here:
longer than a person should wait for a key. This one is a line of text.
"""

from dataclasses import dataclass

from textual import events
from textual.binding import ActiveBinding
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget

ASKED_ON_CLICK = frozenset({"run.again"})
"""Ids of bindings."""


@dataclass(frozen=True)
class ShownKey:
    binding: ActiveBinding
    display: str
    start: int
    """Its first column."""

    @property
    def words(self) -> str:
        return self.binding.binding.description

    @property
    def end(self) -> int:
        return self.start + Content(f"{self.display} {self.words}").cell_length


class KeyLine(Widget):
    DEFAULT_CSS = """
    KeyLine { dock: bottom; height: 1; padding: 0 1; background: $footer-background; }
    """
    ALLOW_SELECT = False

    class Doubted(Message):
        """A click that may have been meant for a neighbour; the screen asks before it acts."""

        def __init__(self, active: ActiveBinding) -> None:
            super().__init__()
            self.active = active

    keys: reactive[tuple[ShownKey, ...]] = reactive(())

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._take)
        self._take(self.screen)

    def on_resize(self) -> None:
        self._take(self.screen)

    def _take(self, screen: Screen[object]) -> None:
        """One key for an action; those that do not fit are left to the help."""
        keys: list[ShownKey] = []
        start = 0
        for active in screen.active_bindings.values():
            binding = active.binding
            done = {key.binding.binding.action for key in keys}
            if not (binding.show and binding.description and active.enabled) or binding.action in done:
                continue
            key = ShownKey(active, self.app.get_key_display(binding), start)
            if key.end > self.size.width:
                break
            keys.append(key)
            start = key.end + 2
        self.keys = tuple(keys)

    def render(self) -> Content:
        shown = (
            Content.assemble(
                (key.display, "bold $footer-key-foreground"), (f" {key.words}", "$footer-description-foreground")
            )
            for key in self.keys
        )
        return Content("  ").join(shown)

    async def on_click(self, event: events.Click) -> None:
        column = event.x - self.gutter.left
        for key in self.keys:
            if key.start <= column < key.end:
                binding = key.binding.binding
                if binding.id in ASKED_ON_CLICK:
                    self.post_message(self.Doubted(key.binding))
                else:
                    await self.app.run_action(binding.action, key.binding.node)
