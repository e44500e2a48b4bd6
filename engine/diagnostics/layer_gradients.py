"""What the gradients of single layers show and the norm of all together hides."""

import math
from itertools import pairwise
from typing import NamedTuple

from ..events import LayersMeasured

FADED = 1e-3
"""Share of the highest layer's gradient norm that is left in the lowest; with residual connections it is near 1."""
FEWEST = 3
"""Layers between the embeddings and the head in which a fall can be told from chance."""
NOTHING = 1e-7
"""Share of the largest layer's gradient norm that is none: the rounding of 32 bits."""


class Fading(NamedTuple):
    """A gradient that shrinks from layer to layer on its way down."""

    lowest: str
    lowest_norm: float
    highest: str
    highest_norm: float


def fading(layers: LayersMeasured) -> Fading | None:
    """None where the gradient reaches the lowest layer, or a layer alone gets none."""
    names, norms = layers.names[1:-1], layers.grad_norm[1:-1]
    if len(norms) < FEWEST or not all(map(math.isfinite, norms)) or min(norms) <= 0 or norms[0] > FADED * norms[-1]:
        return None
    rising = sum(below < above for below, above in pairwise(norms))
    return Fading(names[0], norms[0], names[-1], norms[-1]) if rising >= len(norms) - 2 else None


def cut_off(layers: LayersMeasured) -> list[str]:
    """The layers that get no gradient while others do."""
    top = max((norm for norm in layers.grad_norm if math.isfinite(norm)), default=0.0)
    if top <= 0 or fading(layers):
        return []
    return [name for name, norm in zip(layers.names, layers.grad_norm, strict=True) if norm <= NOTHING * top]
