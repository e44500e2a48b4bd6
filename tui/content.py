"""Textual content that several screens share: ASCII stand-ins, hanging text, named facts, captioned curves."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from .plots.sparkline import small_curve

_PLAIN = str.maketrans("▶‖■▲✓✖✕●○◌·→←↓↑–×─∞…“”", '>=#!+xx*o.-><v^-x-8.""')


def in_ascii(content: Content) -> Content:
    """The content with every other character as a question mark."""
    text = content.plain.translate(_PLAIN).encode("ascii", "replace").decode()
    return Content(text, spans=list(content.spans))


_NARROWEST = 16
"""Cells of text beside its label; where there are fewer it wraps below the label."""


def hanging(label: Content, text: Content, width: int) -> Content:
    """In lines of so many cells; 0 where that is not known yet."""
    room = width - label.cell_length
    if room < _NARROWEST:
        return label + text
    return label + Content(f"\n{' ' * label.cell_length}").join(line.rstrip() for line in text.wrap(room))


_NAME = 10


def fact(name: str, text: str, width: int = 0) -> list[Content]:
    """The name and its text, in lines of at most so many cells; in one line without a width."""
    label, value = Content.styled(f"{name:<{_NAME}}", "$curve-plan"), Content.styled(text, "$foreground")
    return hanging(label, value, width).split("\n")


_LABEL = 8
"""Cells for a value and a space."""


def curve_block(
    values: Sequence[float], steps: tuple[int, int], width: int, height: int, *, colour: str, ascii: bool
) -> list[Content]:
    """At most `height` lines; none where there is nothing to draw or no room for it."""
    across = width - _LABEL - 1
    curve = small_curve(values, across, height - 1, ascii=ascii) if across >= 8 and height >= 3 else None
    if curve is None:
        return []
    labels = {0: f"{curve.high:.2g}", len(curve.lines) - 1: f"{curve.low:.2g}"}
    if curve.high == curve.low:
        labels = {len(curve.lines) // 2: f"{curve.high:.2g}"}
    edge = "|" if ascii else "│"
    lines = [
        Content.assemble(
            (f"{labels.get(y, ''):>{_LABEL - 1}} ", "$curve-plan"), (edge, "$curve-axis"), (line, f"${colour}")
        )
        for y, line in enumerate(curve.lines)
    ]
    first, last = f"{steps[0]}", f"step {steps[1]}"
    gap = max(across - len(first) - len(last), 1)
    return [*lines, Content.assemble(" " * (_LABEL + 1), (f"{first}{' ' * gap}{last}", "$curve-plan"))]
