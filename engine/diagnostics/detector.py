"""The interface of a detector: it reads the run's statistics and reports when an episode begins and when it is over."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from .run_statistics import RunStatistics

Severity = Literal["info", "warning", "failure"]
Watched = Literal[
    "unusual", "large_norm", "small_norm", "pace", "loss", "high_loss", "low_loss", "start", "block", "val_loss"
]
"""The rows at which a detector is called, so that none costs time at rows that do not concern it:

    unusual      a loss, val_loss or grad_norm is NaN, infinite or beyond `CUTOFF`
    large_norm   the grad_norm is larger than usual, or not finite
    small_norm   the grad_norm is smaller than usual
    pace         there is a tokens_per_s or step_time
    loss         the loss is finite
    high_loss    the loss is far above its best level
    low_loss     the loss is far below that of guessing
    start        the loss is finite, and it is one of the first `START_ROWS` or a finding of the start is open
    block        a block of the loss profile is complete
    val_loss     the val_loss is finite

While a `Resting` detector is not at rest, it is called at every row with such a number, whatever that is.
At "block" and "val_loss" the row has entered the statistics already, otherwise not yet.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """An episode has begun."""

    onset: int
    """The step at which it began; it is detected at the row that was observed, which may be later."""
    severity: Severity
    evidence: str
    """What was seen, in numbers."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The episode is over."""

    evidence: str
    """What was seen of the whole of it."""


class Detector(Protocol):
    """Returns one Detection per episode, and Recovered at most once after it.

    Its evidence is true of the row that was observed last, and stays true when more rows follow: a number that may
    change has its step, and what is forecast lies ahead. Its memory does not grow with the run, its thresholds are its
    fields, and its docstring is its help text.
    """

    kind: ClassVar[str]
    """Id of the finding."""
    watched: ClassVar[Watched]

    def observe(self, run: RunStatistics) -> Detection | Recovered | None: ...

    def evidence(self, run: RunStatistics) -> str:
        """What is seen of the present episode up to the last row; called only while there is one."""
        ...


@runtime_checkable
class Resting(Detector, Protocol):
    """A detector that need not see the rows which show nothing of its kind while it is at rest.

    To see them would change nothing: it would find nothing, and stay at rest.
    """

    def is_at_rest(self, run: RunStatistics) -> bool: ...
