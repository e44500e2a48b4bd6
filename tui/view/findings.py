"""The findings of a run in the order in which a person should read them, and what they are called."""

from ...engine.events import FindingOpened
from ..text import visible
from .episode import Episode
from .run_view import RunView

SEVERITY_GLYPHS = {"failure": ("✖", "$text-error"), "warning": ("▲", "$text-warning"), "info": ("●", "$text-primary")}
"""The worst first: glyph and colour."""


_SEVERITIES = list(SEVERITY_GLYPHS)


def open_findings(view: RunView) -> list[FindingOpened]:
    """The worst first, and among equals the one that began first."""
    still_open = [episode.finding for episode in view.findings if episode.closed is None]
    return sorted(still_open, key=lambda finding: (_SEVERITIES.index(finding.severity), finding.onset))


def in_order_of_importance(view: RunView) -> list[Episode]:
    """The open ones, the worst first; then those that are over, alarms before remarks and the latest first."""
    first = {finding.id: place for place, finding in enumerate(open_findings(view))}
    over = [episode for episode in reversed(view.findings) if episode.closed is not None]
    still_open = [episode for episode in view.findings if episode.closed is None]
    return [
        *sorted(still_open, key=lambda episode: first[episode.finding.id]),
        *sorted(over, key=lambda episode: not episode.finding.is_alarm),
    ]


def name_of(finding: FindingOpened) -> str:
    """Its title, or of what has none its kind in words."""
    return visible(finding.title or finding.kind.replace("_", " ").replace("-", " ").capitalize())
