"""All private attributes of Textual that this program uses; `tests/test_textual_private.py` checks each."""

from textual.content import Content
from textual.widget import Widget

PRIVATE_ATTRIBUTES = ("_border_title", "_border_subtitle")
"""Of Widget."""


def border_titles(widget: Widget) -> tuple[Content | None, Content | None]:
    """Title and subtitle as the border draws them."""
    return widget._border_title, widget._border_subtitle


def set_border_titles(widget: Widget, title: Content, subtitle: Content) -> tuple[bool, bool]:
    """Set title and subtitle without a repaint; returns which of them changed, for the caller to repaint.

    The public `border_title` repaints the whole widget, which for a plot that changes five times a second is most of
    what the terminal is sent.
    """
    before = border_titles(widget)
    changed = tuple(old is None or not new.is_same(old) for new, old in zip((title, subtitle), before, strict=True))
    if changed[0]:
        widget._border_title = title
    if changed[1]:
        widget._border_subtitle = subtitle
    return changed[0], changed[1]
