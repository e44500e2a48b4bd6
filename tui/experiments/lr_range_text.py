"""How far an LR range test is, in words."""

from collections.abc import Sequence

from ...engine.experiments.lr_range import range_lrs
from ..formatting import setting, time_left


def lr_range_progress(lrs: Sequence[float], spent_s: float) -> str:
    """Of the lrs that were tried so far; the test ends before the last where the loss diverges."""
    if not lrs:
        return "starting …"
    most = len(range_lrs())
    return f"lr {setting(lrs[-1], 2)}, step {len(lrs)} of at most {most}, {time_left(spent_s, len(lrs), most)} or less"
