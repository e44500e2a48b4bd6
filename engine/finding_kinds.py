"""What can be wrong with a run: the names that findings, presets and exercises share."""

from typing import Literal

Kind = Literal[
    "nan",
    "divergence",
    "spike",
    "stall",
    "slow",
    "oscillation",
    "overfitting",
    "exploding_gradients",
    "vanishing_gradients",
]

Remark = Literal["initial_loss", "warmup_bump", "plateau", "best_passed", "below_data", "throughput_drop"]
"""What is worth knowing and no alarm."""

Topic = Kind | Remark
