"""Texts one below the other that scroll, so that the chosen one is in sight on a small screen."""

from collections.abc import Sequence

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ..content import in_ascii


class ScrolledBlocks(VerticalScroll, can_focus=False):
    """The arrow keys choose a block, which is the screen's matter; the scrolling follows."""

    def __init__(self, *, id: str, ascii: bool) -> None:
        self._text = Static()
        self._ascii = ascii
        super().__init__(self._text, id=id)

    @property
    def width(self) -> int:
        """Cells of a line; 0 where that is not known yet."""
        return self.scrollable_content_region.width

    def show(
        self, lead: Sequence[Content], blocks: Sequence[Content], chosen: int, trail: Sequence[Content] = ()
    ) -> None:
        """`lead` and `trail` cannot be chosen; they are in sight with the first and with the last of the blocks."""
        parts = [*lead, *blocks, *trail]
        content = Content("\n").join(parts)
        self._text.update(in_ascii(content) if self._ascii else content)
        heights = [part.plain.count("\n") + 1 for part in parts]
        place = len(lead) + chosen
        first = sum(heights[:place]) if chosen else 0
        last = sum(heights) if chosen == len(blocks) - 1 else sum(heights[: place + 1])
        top = min(max(self.scroll_target_y, last - self.scrollable_content_region.height), first)
        self.scroll_to(y=max(top, 0), animate=False)
