"""The sets of published rules that the diagnosis is measured against."""

from collections.abc import Mapping

from .cloud_debugger import DEBUGGER
from .rule import Rule
from .spike_detectors import SPIKE_DETECTORS
from .tutorial import TUTORIAL

PUBLISHED: Mapping[str, tuple[Rule, ...]] = {
    "the tutorial's thresholds": TUTORIAL,
    "rules of a cloud debugger": DEBUGGER,
    "spike detectors of two large trainers": SPIKE_DETECTORS,
    "all of these together": TUTORIAL + DEBUGGER + SPIKE_DETECTORS,
}
