"""Which run an entry belongs to, in a log that holds several one after the other, and at which step of it it stands."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..diagnostics.row import Row

_START = 0.05
"""Share of a run's length that counts as its start."""
_PATIENCE = 8
"""Rows after a step that went back to the start, in which a loss has to show what that means."""
_MEMORY = 0.2
"""Weight of a row in the recent level of a loss."""
_LEVELS = ("loss", "val_loss")


@dataclass
class Runs:
    """Rows of one stream in, rows with the number of their run out.

    A step that goes back to the start while the loss goes back to its initial level is another run. Where the loss
    stays, or the epoch rises, the counter starts again in every epoch, and steps are counted on. A step that goes back
    a little is a resumed run, with steps that come again.
    """

    number: int = 1
    _first: float = math.inf
    _last: float = -math.inf
    _top: float = -math.inf
    _offset: int = 0
    _stride: int = 1
    _epoch: float | None = None
    _initial: dict[str, float] = field(default_factory=dict)
    _recent: dict[str, float] = field(default_factory=dict)
    _waiting: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)

    def place(self, step: int, values: Mapping[str, float]) -> Iterator[tuple[int, Row]]:
        if self._waiting:
            self._waiting.append((step, values))
            if any(name in values and name in self._initial for name in _LEVELS) or len(self._waiting) > _PATIENCE:
                yield from self.finish()
            return
        if step < self._last and self._is_start(step):
            self._waiting.append((step, values))
            if any(name in values and name in self._initial for name in _LEVELS):
                yield from self.finish()
            return
        yield self._placed(step, values)

    def finish(self) -> Iterator[tuple[int, Row]]:
        """Decide about the rows that wait."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        if self._begins_again(waiting):
            fresh = Runs(number=self.number + 1)
            self.__dict__.update(fresh.__dict__)
        else:
            self._offset += int(self._top - self._first) + self._stride
            self._last = self._top = -math.inf
        for step, values in waiting:
            yield self._placed(step, values)

    def _is_start(self, step: int) -> bool:
        return step <= self._first + _START * (self._top - self._first)

    def _begins_again(self, waiting: list[tuple[int, Mapping[str, float]]]) -> bool:
        values: dict[str, float] = {}
        for _, later in reversed(waiting):
            values.update(later)
        epoch = values.get("epoch")
        if epoch is not None and self._epoch is not None and epoch > self._epoch:
            return False
        for name in _LEVELS:
            value, initial, recent = values.get(name), self._initial.get(name), self._recent.get(name)
            if value is not None and initial is not None and recent is not None:
                return _nearer(value, initial, recent)
        return True

    def _placed(self, step: int, values: Mapping[str, float]) -> tuple[int, Row]:
        if step > self._last:
            if self._last > -math.inf:
                self._stride = int(step - self._last)
            if step > self._top:
                self._top = step
        self._last = step
        if step < self._first:
            self._first = step
        for name in _LEVELS:
            value = values.get(name)
            if value is not None:
                before = self._recent.get(name)
                if before is None:
                    self._initial[name] = self._recent[name] = value
                else:
                    self._recent[name] = before + _MEMORY * (value - before) if math.isfinite(before) else value
        self._epoch = values.get("epoch", self._epoch)
        return self.number, Row(step + self._offset, values)


def _nearer(value: float, initial: float, recent: float) -> bool:
    """Whether a loss is back at its initial level and not where it was of late."""
    if not math.isfinite(value):
        return math.isfinite(recent) and not math.isfinite(initial)
    if not math.isfinite(recent):
        return True
    return not math.isfinite(initial) or abs(value / 2 - initial / 2) <= abs(value / 2 - recent / 2)
