"""An app that keeps its latest notices, and shows few at once: they lie over what a person reads."""

import time
from collections import deque
from dataclasses import dataclass

from textual.notifications import SeverityLevel

from .typed_ahead_app import TypedAheadApp

_MOST = 50
_MOST_SHOWN = 3
"""At once; a log that is torn again and again would cover the screen with them. Errors come in any case."""


@dataclass(frozen=True)
class Notice:
    words: str
    severity: SeverityLevel


class NoticingApp(TypedAheadApp):
    def __init__(self) -> None:
        super().__init__()
        self.notices: deque[Notice] = deque(maxlen=_MOST)
        """The oldest first."""
        self._seen_until: dict[Notice, float] = {}
        """When each that is on the screen goes, on the monotonic clock."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        notice, now = Notice(message, severity), time.monotonic()
        self.notices.append(notice)
        self._seen_until = {shown: until for shown, until in self._seen_until.items() if until > now}
        if notice in self._seen_until or (len(self._seen_until) >= _MOST_SHOWN and severity != "error"):
            return
        self._seen_until[notice] = now + (self.NOTIFICATION_TIMEOUT if timeout is None else timeout)
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)
