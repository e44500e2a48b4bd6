"""Which panels of a run a screen of some size shows; the others are a key away, in full screen."""

from collections.abc import Set
from typing import Literal, get_args

PanelName = Literal["loss", "rate", "gradient", "layers", "diagnosis", "sample", "status", "history", "lesson"]
PANELS: tuple[PanelName, ...] = get_args(PanelName)

ROOMY = (100, 30)
"""Columns and rows from which every panel is shown."""
USUAL = (72, 20)
_SPACIOUS = (100, 44)
"""From here on a lesson takes nothing from other panels."""

_USUAL_PANELS = frozenset[PanelName]({"loss", "rate", "gradient", "diagnosis", "sample"})
_LESSON = frozenset[PanelName]({"lesson"})
_WITHOUT_LESSON = frozenset(PANELS) - _LESSON
_BEHIND_LESSON = frozenset[PanelName]({"sample", "history", "status"})
_FEW_PANELS = frozenset[PanelName]({"loss", "diagnosis"})
_DIAGNOSIS_ROWS = 12
"""Below these rows the loss has the screen to itself."""


def fits(size: tuple[int, int], least: tuple[int, int]) -> bool:
    return size[0] >= least[0] and size[1] >= least[1]


def shown_panels(
    size: tuple[int, int], hidden: Set[str], alone: PanelName | None, *, lesson: bool = False
) -> frozenset[PanelName]:
    """`alone` is the panel in full screen, `lesson` says whether the run has one; at least one panel is shown."""
    if alone is not None:
        return frozenset({alone})
    if fits(size, ROOMY):
        fitting = _WITHOUT_LESSON
    elif fits(size, USUAL):
        fitting = _USUAL_PANELS
    elif size[1] >= _DIAGNOSIS_ROWS:
        fitting = _FEW_PANELS
    else:
        fitting = frozenset[PanelName]({"loss"})
    if lesson and "lesson" not in hidden and fits(size, USUAL):
        fitting = (fitting if fits(size, _SPACIOUS) else fitting - _BEHIND_LESSON) | _LESSON
    return frozenset(name for name in fitting if name not in hidden) or frozenset({"loss"})
