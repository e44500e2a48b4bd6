"""How far a probe is, in words."""

from ...engine.experiments.probes import ProbeWork
from ..formatting import time_left


def probe_progress(work: ProbeWork | None) -> str:
    """Most probes take a moment, and `work` is None; those that train count their steps."""
    if work is None:
        return "measuring …"
    left = time_left(work.spent_s, work.done, work.of)
    return f"step {work.done} of {work.of}, {'at most ' if work.done else ''}{left}"
