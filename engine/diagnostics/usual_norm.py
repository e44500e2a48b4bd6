"""The usual level of the gradient norm, in constant memory, which tells a large norm and a collapsed one."""

import math
from dataclasses import dataclass, field

from ..healthy import VANISHING

LARGE = 10.0
"""Times the usual level, the geometric mean of the recent norms, from which on a norm is large."""
COLLAPSED = 1e-3
"""Share of the highest usual level ever, below which a norm has collapsed."""
MEMORY = 50
"""Norms over which the level forgets."""
LEAST_NORMS = 5
"""Norms before there is a usual level."""
KNOWN = 20
"""Norms before a usual level is one to fall from."""


@dataclass(slots=True)
class UsualNorm:
    """Learns from every norm that is not large, so that an explosion does not become usual."""

    level: float = 0.0
    large: float = math.inf
    collapsed: float = 0.0
    _log: float = field(default=0.0, init=False)
    _seen: int = field(default=0, init=False)

    def learn(self, norm: float) -> bool:
        """Whether it is neither large, nor next to nothing, nor has it collapsed."""
        if not 0 < norm <= self.large:
            return False
        seen = self._seen = self._seen + 1
        log = self._log = self._log + (math.log(norm) - self._log) / (seen if seen < MEMORY else MEMORY)
        level = self.level = math.exp(log)
        if seen >= LEAST_NORMS:
            self.large = LARGE * level
            if level * COLLAPSED > self.collapsed and seen >= KNOWN:
                self.collapsed = COLLAPSED * level
        return VANISHING <= norm <= self.large and norm >= self.collapsed
