"""Numbers of a step as the event that records them."""

from typing import Any, NamedTuple

from ..events import StepFinished
from ..metrics import EACH_STEP


class StepNumbers(NamedTuple):
    """What becomes a step's row, in the thread that stores it: there it takes a fraction of the time, many in a row."""

    step: int
    numbers: dict[str, float]
    at: float
    tokens: int


def step_row(step: int, numbers: dict[str, float], *, at: float = 0.0, tokens: int = 0) -> StepFinished:
    """`at` is seconds since 1970, 0 for when it is stored; `tokens` counts from the beginning of the run."""
    values = {**numbers}
    known: dict[str, Any] = {name: values.pop(name) for name in EACH_STEP if name in values}
    if "clipped" in known:
        known["clipped"] = bool(known["clipped"])
    if tokens:
        known["tokens"] = tokens
    if values:
        known["others"] = values
    return StepFinished(step=step, time=at, **known)
