"""One step's numbers under their canonical names, wherever they were measured or written down."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

LARGEST = 1e150
"""Finite numbers are cut off here, so that no difference or product of two overflows."""


@dataclass(frozen=True, slots=True)
class Row:
    step: int
    values: Mapping[str, float]

    def finite(self, name: str) -> float | None:
        """The value, unless it is missing, NaN or infinite."""
        value = self.values.get(name)
        if value is None or -LARGEST < value < LARGEST:
            return value
        return math.copysign(LARGEST, value) if math.isfinite(value) else None
