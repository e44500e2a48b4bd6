"""A label with a text beside it that wraps in its own column."""

from textual.content import Content

_NARROWEST = 16
"""Cells of text beside its label; where there are fewer it wraps below the label."""


def hanging(label: Content, text: Content, width: int) -> Content:
    """In lines of so many cells; 0 where that is not known yet."""
    room = width - label.cell_length
    if room < _NARROWEST:
        return label + text
    return label + Content(f"\n{' ' * label.cell_length}").join(line.rstrip() for line in text.wrap(room))
