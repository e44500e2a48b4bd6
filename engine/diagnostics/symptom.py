"""What a detector says: an episode has begun, or the run has recovered."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from ..kinds import Kind
from .row import Row

Severity = Literal["info", "warning", "failure"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Symptom:
    onset: int
    """When it began; it is known at the row that was observed."""
    severity: Severity
    evidence: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """The episode is over."""


class Detector(Protocol):
    """Rows in, one Symptom per episode out; its memory does not grow and its docstring is its help text."""

    kind: ClassVar[Kind]

    def observe(self, row: Row) -> Symptom | Recovered | None: ...
