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
