"""When Python's collector may pass: between two redraws, or while nobody types, not when somebody has pressed a key.

A redraw leaves thousands of objects behind that refer to each other. Left to itself the collector passes over them in
the middle of something, for 10 to 70 ms at a time.
"""

import gc
from collections.abc import Callable
from time import monotonic

_SAFETY = 10_000
"""Objects after which the collector passes over the young ones by itself, where `sweep` is not called."""
_AT_THE_START = 100_000
"""As many while the program starts, when nearly everything stays: to pass over it again and again takes a tenth of the
time until the first frame."""
_YOUNG = 10
_NEVER = 1_000_000
"""Passes over the young after which there is one over all by itself."""
_QUIET_S = 2.0
_MOST_LEFT = 3
"""Screens that may be left behind before the collector passes over them at once."""
_DUE, _OVERDUE = 25, 300
"""Passes over the young after which there is to be one over all: while nobody types, and at any time."""


def hold() -> None:
    """Let the collector wait until the program has started."""
    gc.set_threshold(_AT_THE_START, _YOUNG, _NEVER)


def release() -> None:
    """Spare the collector what is there by now, without a pass over it."""
    gc.freeze()
    gc.set_threshold(_SAFETY, _YOUNG, _NEVER)


def settle() -> None:
    """Let the collector pass over what is there for good: that takes 50 ms."""
    gc.unfreeze()
    gc.collect()
    release()


def sweep() -> None:
    """Collect what the last redraw has left behind, about 2 ms."""
    gc.collect(1)


class FullPasses:
    """Passes over everything, which take 50 ms, while nobody types."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._typed_at = now()
        self._left = -2
        """Screens that are not needed any more; the first one and the first run leave none behind."""

    def typed(self) -> None:
        self._typed_at = self._now()

    def opened(self) -> None:
        """Home or a run came, perhaps in place of an earlier one of which much is left behind."""
        self._left += 1
        if self._left >= _MOST_LEFT:
            self._settle()
        else:
            release()

    def pass_when_quiet(self) -> None:
        """To be called now and then."""
        is_quiet = self._now() - self._typed_at >= _QUIET_S
        if is_quiet and self._left > 0:
            self._settle()
        elif (passes := gc.get_count()[2]) >= _OVERDUE or (is_quiet and passes >= _DUE):
            gc.collect()

    def _settle(self) -> None:
        self._left = 0
        settle()


FULL_PASSES = FullPasses()
"""Of this process, as the collector is."""
