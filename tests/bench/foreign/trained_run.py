"""What a task hands over: the rows that its training logged, and what a careful person would find in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

LogRow = dict[str, float]
"""Names of metrics and their values; `step` is always there, `epoch` where the run counts epochs. A name that the row
has no value for is absent."""

BROKEN = ("divergence", "exploding_gradients", "nan", "oscillation", "spike", "stall", "vanishing_gradients")
"""Kinds that are no false alarm on a run that is lost anyway."""


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    rows: Sequence[LogRow]
    must: tuple[tuple[str, ...], ...] = ()
    """Of each group at least one kind is to be found; empty for a healthy run."""
    may: tuple[str, ...] = ()
    """Kinds that are no false alarm beside those."""
    onset: int | None = None
    """The row at which a careful person could first call it; None: not judged."""
    by_epoch: bool = False
    """One row is one epoch."""
    rewards: bool = False
    """A policy learns from rewards: written as the tables of reinforcement learning."""
    seam: int | None = None
    """The row at which a resumed run begins anew, having lost something."""
    is_snippet: bool = False
    """A few rows out of a run, as people paste them."""
    ending: LogRow | None = None
    """The last row that was planned, where the rows end before it."""

    @property
    def last(self) -> LogRow:
        return self.ending or self.rows[-1]


Task = Callable[[Random], TrainedRun]
"""Trains one small model, with one fault or none. Its name is the case's name, its docstring says why the label holds;
all randomness comes from the argument."""
