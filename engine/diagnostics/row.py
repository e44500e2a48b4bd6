"""One step's numbers under their canonical names, wherever they were measured or written down."""

import math
from collections.abc import Mapping

import msgspec

CUTOFF = 1e150
"""Finite numbers are cut off here, so that no difference or product of two overflows."""


class Row(msgspec.Struct, gc=False):
    """A value, and never changed; frozen, and known to the garbage collector, it takes twice as long to make."""

    step: int
    values: Mapping[str, float]
    resumed: float | None = None
    """A program began to write here: in another file (0), or after a pause, by how many times that is longer than any
    interval before; None where it goes on as before."""

    def finite(self, name: str) -> float | None:
        """The value, unless it is missing, NaN or infinite."""
        value = self.values.get(name)
        if value is None or -CUTOFF < value < CUTOFF:
            return value
        return math.copysign(CUTOFF, value) if math.isfinite(value) else None
