"""Which panels of a run a screen of some size shows; the others are a key away, in full screen."""

from collections.abc import Set
from typing import Literal, get_args

PanelName = Literal["loss", "rate", "gradient", "layers", "diagnosis", "sample", "status", "history"]
PANELS: tuple[PanelName, ...] = get_args(PanelName)

ROOMY = (100, 30)
"""Columns and rows from which every panel is shown."""
USUAL = (72, 20)

_USUAL_PANELS = frozenset[PanelName]({"loss", "rate", "gradient", "diagnosis", "sample"})
_FEW_PANELS = frozenset[PanelName]({"loss", "diagnosis"})
_DIAGNOSIS_ROWS = 12
"""Below these rows the loss has the screen to itself."""


def fits(size: tuple[int, int], least: tuple[int, int]) -> bool:
    return size[0] >= least[0] and size[1] >= least[1]


def shown_panels(size: tuple[int, int], hidden: Set[str], alone: PanelName | None) -> frozenset[PanelName]:
    """`alone` is the panel in full screen; at least one panel is always shown."""
    if alone is not None:
        return frozenset({alone})
    if fits(size, ROOMY):
        fitting = frozenset(PANELS)
    elif fits(size, USUAL):
        fitting = _USUAL_PANELS
    elif size[1] >= _DIAGNOSIS_ROWS:
        fitting = _FEW_PANELS
    else:
        fitting = frozenset[PanelName]({"loss"})
    return frozenset(name for name in fitting if name not in hidden) or frozenset({"loss"})
