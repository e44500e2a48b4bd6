"""How the program that trains ends, as it is known while it ends."""

import sys

from ..events import RunEnded

_LONGEST = 300


def program_end(step: int, *, is_early: bool) -> RunEnded:
    error = getattr(sys, "last_value", None)
    if isinstance(error, KeyboardInterrupt):
        return RunEnded(step=step, reason="stopped", detail="Ctrl-C")
    if error is None:
        return RunEnded(step=step, reason="stopped" if is_early else "finished")
    return RunEnded(step=step, reason="failed", detail=error_words())


def error_words() -> str:
    """What ended the program, in one line; empty where no error did."""
    error = getattr(sys, "last_value", None)
    return "" if error is None else " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]
