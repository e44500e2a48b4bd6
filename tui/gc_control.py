"""When Python's collector may pass: between two redraws, not when a person has pressed a key.

A redraw leaves thousands of objects behind that refer to each other. Left to itself the collector passes over them in
the middle of something, for 10 to 70 ms at a time.
"""

import gc

_SAFETY = 10_000
"""Objects after which the collector passes by itself, where `sweep` is not called."""


def settle() -> None:
    """Let the collector pass over what is there for good: a full pass takes 50 ms."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_SAFETY)


def sweep() -> None:
    """Collect what the last redraw has left behind, about 2 ms."""
    gc.collect(1)
