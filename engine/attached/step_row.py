"""Numbers of a step as the event that records them."""

from typing import Any

from ..events import StepFinished
from ..metrics import EACH_STEP


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
