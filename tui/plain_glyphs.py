"""Glyphs of the run screen for terminals that have only ASCII; each is as wide as what it stands for."""

from textual.content import Content

_PLAIN = str.maketrans("▶‖■▲✓✖✕●○◌·→←↓↑–×─∞…“”", '>=#!+xx*o.-><v^-x-8.""')


def in_ascii(content: Content) -> Content:
    """The content with every other character as a question mark."""
    text = content.plain.translate(_PLAIN).encode("ascii", "replace").decode()
    return Content(text, spans=list(content.spans))
