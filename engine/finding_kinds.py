"""Ids of the findings that call for action, for lessons and tests to name.

They are listed here, below the diagnosis, because a preset whose lesson misspells one must be refused when it is read.
tests/test_catalogue.py compares this list with `diagnostics/catalogue.py`, which holds everything else about a kind.
"""

from typing import Literal

FindingKind = Literal[
    "nan",
    "divergence",
    "spike",
    "stall",
    "slow",
    "oscillation",
    "overfitting",
    "exploding_gradients",
    "vanishing_gradients",
    "seam",
]
