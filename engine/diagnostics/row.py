"""One step's numbers under their canonical names, wherever they were measured or written down."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

CUTOFF = 1e150
"""Finite numbers are cut off here, so that no difference or product of two overflows."""

RESUMED = "\x00resumed"
"""The name under which a row holds that a program began to write here: in another file (0), or after a pause, by how
many times that is longer than any interval before. No log can have it, because NUL bytes are dropped."""


@dataclass(slots=True)
class Row:
    """A value, and never changed; it is not frozen because that doubles the time to make one of a million."""

    step: int
    values: Mapping[str, float]

    def finite(self, name: str) -> float | None:
        """The value, unless it is missing, NaN or infinite."""
        value = self.values.get(name)
        if value is None or -CUTOFF < value < CUTOFF:
            return value
        return math.copysign(CUTOFF, value) if math.isfinite(value) else None
