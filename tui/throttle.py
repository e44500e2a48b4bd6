"""How often something is redrawn: rarely enough that following a run takes little processor time from its training."""

import math
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from textual.timer import Timer

SHARE = 0.04
"""Share of a processor that redrawing may take; where a redraw costs more, the pause after it is longer."""
LONGEST_S = 1.0
"""The longest pause between two redraws of a screen, however much one costs."""
_SHORTEST_S = 0.001


def pause_after(cost_s: float, interval_s: float, longest_s: float = LONGEST_S) -> float:
    """Seconds between two redraws, the first of which took `cost_s` of a processor."""
    return max(interval_s, min(cost_s / SHARE, longest_s))


class Throttle:
    """When the next redraw is due: `interval_s` after the last one, or later if that was costly. Pure."""

    def __init__(
        self,
        interval_s: float,
        now: Callable[[], float] | None = None,
        cost_clock: Callable[[], float] | None = None,
        *,
        longest_s: float = LONGEST_S,
    ) -> None:
        """`cost_clock` counts the seconds that redraws are charged for, such as a process's processor time."""
        self._interval_s = self._pause_s = interval_s
        self._now = now or monotonic
        self._cost_clock = cost_clock or self._now
        self._longest_s = longest_s
        self._drawn_at = -math.inf
        self._cost_from = 0.0
        """Reading of the cost clock from which the next redraw is charged."""

    @property
    def is_due(self) -> bool:
        return self._now() >= self._drawn_at + self._pause_s

    def wait_s(self) -> float:
        """Seconds until the next redraw is due, and never 0, for a timer."""
        return max(self._drawn_at + self._pause_s - self._now(), _SHORTEST_S)

    def begin(self) -> None:
        """Charge the next redraw from now on only, not from the end of the last one."""
        self._cost_from = self._cost_clock()

    def drawn(self, *, in_turn: bool = True) -> None:
        """A redraw is done. One out of turn does not change the pause."""
        cost_from, self._cost_from = self._cost_from, self._cost_clock()
        if in_turn:
            self._pause_s = pause_after(self._cost_from - cost_from, self._interval_s, self._longest_s)
        self._drawn_at = self._now()


class _SetsTimers(Protocol):
    def set_timer(self, delay: float, callback: Callable[[], None]) -> Timer: ...


class Redraws:
    """The redraws of one widget: at once where the throttle allows it, otherwise by a timer, of which there is one."""

    def __init__(
        self, widget: _SetsTimers, redraw: Callable[[], None], throttle: Throttle, *, after_s: float = 0.0
    ) -> None:
        """`after_s` puts off each redraw a little, so that a key is not held up by all that one step changes."""
        self._after_s = after_s
        self._widget = widget
        self._redraw = redraw
        self._throttle = throttle
        self._timer: Timer | None = None

    @property
    def pending(self) -> bool:
        return self._timer is not None

    def request(self) -> None:
        """Redraw when it is due."""
        if self._throttle.is_due and not self._after_s:
            self._redraw()
        elif self._timer is None:
            self._timer = self._widget.set_timer(max(self._throttle.wait_s(), self._after_s), self._redraw)

    def cancel(self) -> None:
        """A redraw happens for another reason: the timer is not needed any more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
