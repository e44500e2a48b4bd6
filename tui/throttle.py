"""How often a run is drawn: seldom enough that following it takes little from its training."""

from collections.abc import Callable

SHARE = 0.04
"""Of a processor that following a run may take, which training needs itself; on a slow or busy machine the screen is
drawn less often, but once in `LONGEST_S`."""
LONGEST_S = 1.0
_AT_ONCE_S = 0.001


def pause_after(cost_s: float, redraws_per_s: float) -> float:
    """Seconds between two redraws, of which one took so much of a processor."""
    return max(1 / redraws_per_s, min(cost_s / SHARE, LONGEST_S))


class RedrawPace:
    """When the next redraw is due, by the clock and by what the last one in turn cost."""

    def __init__(self, redraws_per_s: float, now: Callable[[], float], processor_time: Callable[[], float]) -> None:
        self._redraws_per_s = redraws_per_s
        self._now = now
        self._processor_time = processor_time
        self._drawn_at = 0.0
        self._spent_s = 0.0
        """Of processor time until the last redraw."""
        self._cost_s = 0.0
        """Of processor time that the last one in turn took, with all that was read for it."""

    def wait_s(self) -> float:
        """Seconds until the next redraw in turn."""
        pause_s = pause_after(self._cost_s, self._redraws_per_s)
        return max(self._drawn_at + pause_s - self._now(), _AT_ONCE_S)

    def redraw(self, *, in_turn: bool) -> None:
        """One begins; what could not wait for its turn says nothing of what a turn costs."""
        spent_s = self._processor_time()
        if in_turn:
            self._cost_s = spent_s - self._spent_s
        self._drawn_at, self._spent_s = self._now(), spent_s
