"""Which run an entry belongs to, in a log that holds several one after the other, and at which step of it it stands."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ..diagnostics.row import Row

_START = 0.05
"""Share of a run's length that counts as its start."""
_PATIENCE = 8
"""Rows after a step that went back to the start, in which a loss has to show what that means."""
_NEAR = 16
"""Rows whose median is the recent level of a loss; among as many at the beginning is its initial one."""
_LEVELS = ("loss", "val_loss")
LEVELS = (*_LEVELS, "epoch")
"""The metrics that say which run a row belongs to."""


@dataclass
class Runs:
    """Rows of one stream in; rows with the name of their run out.

    A step that goes back to the start while the loss goes back to its initial level is another run. Where the loss
    stays, or the epoch rises, the counter starts again in every epoch, and steps are counted on. A step that goes back
    a little is a resumed run, with steps that come again.
    """

    stream: str
    """The run's name in the log, or ""; the second run in one stream has a 2 behind it."""
    number: int = 1
    name: str = ""
    limit: float = math.inf
    """Steps below this are looked at closely: those that go back, and those of a run of which little is known yet."""
    offset: int = 0
    """What is added to a step of the log where its counter began again."""
    _last: float = -math.inf
    _top: float = -math.inf
    _beginning: list[Row] = field(default_factory=list)
    _recent: deque[Row] = field(default_factory=lambda: deque(maxlen=_NEAR))
    _waiting: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = self.stream if self.number == 1 else f"{self.stream} {self.number}".strip()

    def follow(self, row: Row) -> Row | None:
        """The row as it stands in its run, if that needs no thought; else it is to be placed."""
        step = row.step
        if step < self.limit:
            return None
        self.limit = step
        if self.offset:
            row = self._moved(row)
        self._recent.append(row)
        return row

    def follow_all(self, rows: Sequence[Row]) -> None:
        """As `follow` does it row by row, for many that need no thought, of which these are the last."""
        self._recent.extend(map(self._moved, rows))
        self.limit = rows[-1].step

    def place(self, row: Row) -> Sequence[tuple[str, Row]]:
        """The row with the name of its run; several or none while it is open which run that is."""
        if self.limit < math.inf:
            self._last = self.limit  # as far as `follow` has gone
        self._top = max(self._top, self._last)
        if self._waiting or (row.step < self._last and self._is_start(row.step)):
            self.limit = math.inf
            self._waiting.append(row)
            knows = any(name in row.values for name in _LEVELS)
            return self.finish() if knows or len(self._waiting) > _PATIENCE else ()
        return (self._placed(row),)

    def finish(self) -> Sequence[tuple[str, Row]]:
        """Decide about the rows that wait."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return ()
        if self._begins_again(waiting):
            self.__dict__.update(vars(Runs(self.stream, self.number + 1)))
        else:
            self.offset = self._recent[-1].step + max(self._stride(), 1) - min(row.step for row in waiting)
            self._last = self._top = -math.inf
        return [self._placed(row) for row in waiting]

    def _moved(self, row: Row) -> Row:
        """With the step that it has in its run."""
        return Row(row.step + self.offset, row.values, row.resumed)

    def _placed(self, row: Row) -> tuple[str, Row]:
        step, row = row.step, self._moved(row)
        if len(self._beginning) < _NEAR:
            self._beginning.append(row)
        self._recent.append(row)
        self._last = step
        self.limit = step if len(self._beginning) == _NEAR else math.inf
        return self.name, row

    def _is_start(self, step: int) -> bool:
        first = self._beginning[0].step
        return step <= first + _START * (self._top - first)

    def _stride(self) -> int:
        return max((after.step - before.step for before, after in pairwise(self._recent)), default=1)

    def _begins_again(self, waiting: Sequence[Row]) -> bool:
        values: dict[str, float] = {}
        for row in reversed(waiting):
            values.update(row.values)
        before = _latest("epoch", reversed(self._recent))
        if before is not None and values.get("epoch", before) > before:
            return False
        for name in _LEVELS:
            initial = _latest(name, self._beginning)
            if name in values and initial is not None:
                recent = [row.values[name] for row in self._recent if name in row.values]
                return _is_back(values[name], initial, recent)
        return True


def _latest(name: str, rows: Iterable[Row]) -> float | None:
    return next((row.values[name] for row in rows if name in row.values), None)


def _is_back(value: float, initial: float, recent: Sequence[float]) -> bool:
    """Whether a loss is at its initial level again and not where it was of late."""
    finite = [loss for loss in recent if math.isfinite(loss)]
    if not math.isfinite(value):
        return not math.isfinite(initial) and bool(finite)
    if len(finite) < len(recent) or not finite:
        return True
    # halves, because the difference of two large floats may not be finite
    return not math.isfinite(initial) or abs(value / 2 - initial / 2) <= abs(value / 2 - median(finite) / 2)
