"""Rings the bell, or shows a notice, when a failure is found."""

from collections.abc import Iterable

from textual.widget import Widget

from ...engine.arrivals import Arrival, Noticed, StartedOver
from ...engine.events import FindingOpened
from ..text import visible
from ..view.findings import name_of

_FRESH_S = 5.0
"""An older finding is part of a run's past, which is only read now."""


def call_for_attention(screen: Widget, events: Iterable[Arrival], bell: str, now: float) -> None:
    """`bell` is the setting of that name; `now` is in seconds since 1970, as the times of events are."""
    for event in events:
        match event:
            case FindingOpened(severity="failure") if now - event.time < _FRESH_S:
                if bell == "bell":
                    screen.app.bell()
                elif bell == "notice":
                    title = f"{name_of(event)} since step {event.onset}"
                    screen.notify(visible(event.evidence), title=title, severity="error", timeout=3, markup=False)
            case Noticed(words=words) | StartedOver(why=words) if words:
                screen.notify(visible(words), severity="warning", timeout=6, markup=False)
            case _:
                pass
