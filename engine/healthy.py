"""What healthy is, in one place: help, course, plots and tests take it from here, and the baseline fulfils it.

The ranges were measured on the baseline with three seeds; those of the levels beyond them are the tutorial's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class HealthyRange:
    """From `low` to `high`, both included, for nearly all steps of a run."""

    low: float
    high: float
    words: str

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


EXPLODING, VANISHING = 10.0, 1e-6
"""Gradient norms above and below which training is in danger, and nothing is learned."""
THROWN_ABOUT, STANDING_STILL = 1e-1, 1e-5
"""Update ratios at which a step forgets what those before it found, and at which nothing moves."""
MOST_CLIPPED = 0.05
"""Share of the steps; a clip that shortens more of them sets the length of the steps itself."""
LAYER_SPREAD = 10.0
"""Times the smallest that the largest may be, of the layers between the embeddings and the head at one step."""

HEALTHY = {
    "grad_norm": HealthyRange(low=0.1, high=EXPLODING, words="0.1 to 10, steady"),
    "clipped": HealthyRange(low=0.0, high=MOST_CLIPPED, words="now and then, fewer than 1 step in 20"),
    "update_ratio": HealthyRange(low=1e-4, high=1e-2, words="a few thousandths, 1e-4 to 1e-2"),
    "param_norm": HealthyRange(low=1.0, high=1.5, words="grows slowly, by less than a half in 1000 steps"),
    "max_attention_logit": HealthyRange(low=0.0, high=50.0, words="below 50"),
    "log_z": HealthyRange(low=2.0, high=10.0, words="2 to 10, steady"),
}
"""By metric: of `clipped` its share of the steps, of `param_norm` the last value over the first."""


def layer_spread(values: Sequence[float]) -> float:
    """The largest over the smallest of the layers between the embeddings and the head.

    The embeddings get rows of their own only where a byte occurs, and the head of a tied model is a norm alone, the
    gains of which start at 1 and hardly move: neither compares with the layers.
    """
    inner = values[1:-1]
    return max(inner) / min(inner) if inner and min(inner) > 0 else math.inf if inner else 1.0
