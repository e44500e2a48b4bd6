"""The panels of the run screen, and which of them a screen of some size shows; the others are a key away."""

from collections.abc import Iterable, Set

from ..view.run_view import RunView
from .diagnosis import DiagnosisPanel
from .gradient import GradientPanel
from .history import HistoryPanel
from .layers import LayersPanel
from .lesson import LessonPanel
from .loss import LossPanel
from .lr import LrPanel
from .metrics import MetricsPanel
from .plot_panel import PlotPanel
from .printed import PrintedPanel
from .sample import SamplePanel
from .status import StatusPanel
from .text_panel import TextPanel

AnyPanel = PlotPanel | TextPanel

PANELS: tuple[type[AnyPanel], ...] = (
    LossPanel,
    LrPanel,
    GradientPanel,
    LayersPanel,
    DiagnosisPanel,
    SamplePanel,
    StatusPanel,
    HistoryPanel,
    LessonPanel,
    MetricsPanel,
    PrintedPanel,
)
"""In the order of their number keys. A panel is added here and nowhere else."""
PANEL_NAMES: tuple[str, ...] = tuple(panel.NAME for panel in PANELS)

SIDE_BY_SIDE = (72, 20)
"""Columns and rows from which the two columns stand side by side."""
_SPACIOUS = (100, 44)
"""From here on a lesson takes nothing from other panels."""
_NUMBERS = 9
FOREIGN = (MetricsPanel.NAME, PrintedPanel.NAME)
"""Panels that runs of the tiny GPT have not."""
_OLD_NAMES = {panel.OLD_NAME: panel.NAME for panel in PANELS if panel.OLD_NAME}


def fits(size: tuple[int, int], least: tuple[int, int]) -> bool:
    return size[0] >= least[0] and size[1] >= least[1]


def known_panels(names: Iterable[str]) -> frozenset[str]:
    """The names, from a settings file, that are panels, under their present names."""
    return frozenset(_OLD_NAMES.get(name, name) for name in names) & frozenset(PANEL_NAMES)


def panel_keys(panel: type[AnyPanel]) -> tuple[str, ...]:
    """The keys that show a panel in full screen: the number of its place, if that has one digit, and its own."""
    place = PANELS.index(panel) + 1
    numbers = (str(place),) if place <= _NUMBERS else ()
    return (*numbers, panel.KEY) if panel.KEY else numbers


def absent_panels(view: RunView | None) -> frozenset[str]:
    """Those of which the run has nothing to show."""
    if view is None:
        return frozenset(FOREIGN)
    return frozenset(panel.NAME for panel in PANELS if not panel.has_content(view))


def shown_panels(
    size: tuple[int, int],
    hidden: Set[str],
    alone: str | None,
    *,
    lesson: bool = False,
    absent: Set[str] = frozenset(FOREIGN),
) -> frozenset[str]:
    """`alone` is the panel in full screen; `lesson` is whether the run has one. At least one panel is shown."""
    if alone is not None:
        return frozenset({alone})
    hidden = hidden | absent
    fitting = {panel for panel in PANELS if fits(size, panel.SHOWN_FROM)} - {LessonPanel}
    if lesson and LessonPanel.NAME not in hidden and fits(size, LessonPanel.SHOWN_FROM):
        if not fits(size, _SPACIOUS):
            fitting = {panel for panel in fitting if not panel.GIVES_WAY}
        fitting.add(LessonPanel)
    return frozenset(panel.NAME for panel in fitting if panel.NAME not in hidden) or frozenset({LossPanel.NAME})
