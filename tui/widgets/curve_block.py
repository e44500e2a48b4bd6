"""A small curve with its scale: the values at its edges on the left, the steps below."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from ..plots.small_curve import small_curve

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
