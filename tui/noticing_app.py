"""An app that keeps its latest notices: on a narrow screen a notice is one line, and goes after some seconds."""

from collections import deque
from dataclasses import dataclass

from textual.notifications import SeverityLevel

from .typed_ahead_app import TypedAheadApp

_MOST = 50


@dataclass(frozen=True)
class Notice:
    words: str
    severity: SeverityLevel


class NoticingApp(TypedAheadApp):
    def __init__(self) -> None:
        super().__init__()
        self.notices: deque[Notice] = deque(maxlen=_MOST)
        """The oldest first."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        self.notices.append(Notice(message, severity))
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)
