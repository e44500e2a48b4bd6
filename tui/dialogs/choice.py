"""One of a few words, chosen with the arrows, on one line of a form."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class Choice(Widget, can_focus=True):
    """Has no widgets inside, so that it can be removed at any moment of its mounting, as Textual's Select cannot."""

    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; }
    Choice:focus { background: $block-cursor-background; color: $block-cursor-foreground; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "step(-1)", "before", show=False, id="choice.before", tooltip="The choice before"),
        Binding("right,down", "step(1)", "next", show=False, id="choice.next", tooltip="The next choice"),
    ]

    value: reactive[str] = reactive("", init=False)

    class Changed(Message):
        """Another word was chosen."""

    def __init__(self, words: Sequence[str], value: str) -> None:
        super().__init__()
        self._words = words
        self.set_reactive(Choice.value, value)

    def watch_value(self) -> None:
        self.post_message(self.Changed())

    def render(self) -> Content:
        return Content(f"< {self.value} >  {self._place + 1} of {len(self._words)}")

    @property
    def _place(self) -> int:
        return self._words.index(self.value)

    def action_step(self, by: int) -> None:
        self.value = self._words[(self._place + by) % len(self._words)]
