"""The findings of a run in the order in which a person should read them, and what they are called."""

from ...engine.events import FindingOpened
from ..text import visible
from .run_view import RunView

SEVERITY_GLYPHS = {"failure": ("✖", "$text-error"), "warning": ("▲", "$text-warning"), "info": ("●", "$text-primary")}
"""The worst first: glyph and colour."""


def open_findings(view: RunView) -> list[FindingOpened]:
    """The worst first, and among equals the one that began first."""
    order = list(SEVERITY_GLYPHS)
    still_open = [finding for finding, closed in view.findings if closed is None]
    return sorted(still_open, key=lambda finding: (order.index(finding.severity), finding.onset))


def name_of(finding: FindingOpened) -> str:
    """Its title, or of what has none its kind in words."""
    return visible(finding.title or finding.kind.replace("_", " ").replace("-", " ").capitalize())
