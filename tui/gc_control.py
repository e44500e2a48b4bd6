"""When Python's collector may pass: between two redraws, not when a person has pressed a key.

A redraw leaves thousands of objects behind that refer to each other. Left to itself the collector passes over them in
the middle of something, for 10 to 70 ms at a time.
"""

import gc

_SAFETY = 10_000
"""Objects after which the collector passes by itself, where `sweep` is not called."""
_AT_THE_START = 100_000
"""As many while the program starts, when nearly everything stays: to pass over it again and again takes a tenth of the
time until the first frame."""


def hold() -> None:
    """Let the collector wait until the program has started."""
    gc.set_threshold(_AT_THE_START)


def release() -> None:
    """Spare the collector what the start has made, without a pass over it."""
    gc.freeze()
    gc.set_threshold(_SAFETY)


def settle() -> None:
    """Let the collector pass over what is there for good: a full pass takes 50 ms."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_SAFETY)


def sweep() -> None:
    """Collect what the last redraw has left behind, about 2 ms."""
    gc.collect(1)
