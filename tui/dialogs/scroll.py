"""A box that scrolls by the keys that plots do not need."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll


class Scroll(VerticalScroll, inherit_bindings=False):
    """Scrolls up and down only: left, right, home and end move the cursor of the plots wherever the focus is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "up", show=False, id="scroll.up", tooltip="Scroll up"),
        Binding("down", "scroll_down", "down", show=False, id="scroll.down", tooltip="Scroll down"),
        Binding("pageup", "page_up", "page up", show=False, id="scroll.page_up", tooltip="Scroll a page up"),
        Binding("pagedown", "page_down", "page down", show=False, id="scroll.page_down", tooltip="Scroll a page down"),
    ]
