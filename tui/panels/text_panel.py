"""A panel of words beside the plots: it scrolls, takes the focus and redraws only when its words have changed."""

from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import var
from textual.widgets import Static

from ..content import in_ascii
from ..dialogs.scroll import Scroll
from ..throttle import Redraws, Throttle
from ..view.run_view import RunView
from .panel import Panel

_READABLE_S = 1.0
"""Seconds between two changes of numbers that keep changing."""
_AFTER_PLOTS_S = 0.04
"""By which words come later than the plots of the same step."""


class TextPanel(Panel, Scroll):
    """`words` turns the run into the panel's title and content."""

    DEFAULT_CSS = """
    TextPanel { height: 1fr; padding: 0 0 0 1; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    """
    view: var[RunView | None] = var(None)

    _title = Content("")
    _content = Content("")

    def __init__(self) -> None:
        super().__init__()
        self._throttle = Throttle(_READABLE_S)
        self._redraws = Redraws(self, self.write, self._throttle, after_s=_AFTER_PLOTS_S)

    def compose(self) -> ComposeResult:
        yield Static()

    def on_mount(self) -> None:
        self.write()

    def watch_view(self, before: RunView | None, view: RunView | None) -> None:
        """Write what is new at once, and numbers that keep changing no more often than they can be read."""
        if not self.is_mounted:
            return
        if before is None or view is None or view.has_news_since(before):
            self.write()
        else:
            self._redraws.request()

    def write(self) -> None:
        self._redraws.cancel()
        if self.view is None:
            return
        title, content = self.words(self.view)
        if self.ascii:
            title, content = in_ascii(title), in_ascii(content)
        if not title.is_same(self._title):
            self._title = title
            self.border_title = title
        if not content.is_same(self._content):
            static = self.query_one(Static)
            width = static.size.width
            taller = width == 0 or content.get_height({}, width) != self._content.get_height({}, width)
            self._content = content
            static.update(content, layout=taller)
        self._throttle.drawn(in_turn=False)

    def on_resize(self) -> None:
        self.write()

    @property
    def room(self) -> int:
        """Cells that a line has; 0 before that is known."""
        return self.scrollable_content_region.width

    @property
    def text(self) -> str:
        """Its content as plain text."""
        return self._content.plain

    def words(self, view: RunView) -> tuple[Content, Content]:
        raise NotImplementedError
