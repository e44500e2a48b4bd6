"""What a detector says: an episode has begun, or the run has recovered."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from ..finding_kinds import Topic
from .run_statistics import History

Severity = Literal["info", "warning", "failure"]
Watched = Literal["row", "loss", "gradients", "block", "val_loss"]
"""When a detector is asked: at every row, at those with a loss, with a loss and a gradient norm, with a val_loss, or
when a block of the profile is full."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Symptom:
    onset: int
    """The step at which it began; it is known at the row that was observed."""
    severity: Severity
    evidence: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """The episode is over."""


class Detector(Protocol):
    """One Symptom per episode; its memory does not grow, its thresholds are its fields, its docstring is its help."""

    kind: ClassVar[Topic]
    watched: ClassVar[Watched]

    def observe(self, run: History) -> Symptom | Recovered | None: ...
