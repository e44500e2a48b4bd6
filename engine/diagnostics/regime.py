"""The part of a run in which a loss can be compared with that of other rows."""

from dataclasses import dataclass, field

from .row import Row

MEASURED_BY = frozenset({"seq_len", "batch_size", "accumulation"})
"""What a loss that is summed over tokens, samples or batches is proportional to."""
HELD = 5
"""Rows for which a value must have stood: one that changes with every batch is no plan."""
CHANGE = 1.1
"""Times larger or smaller."""


@dataclass(slots=True)
class Regime:
    """Notices that the length of sequences, the batch or the accumulation was changed: a new part begins there."""

    _values: dict[str, float] = field(default_factory=dict, init=False)
    _held: dict[str, int] = field(default_factory=dict, init=False)

    def ends_at(self, row: Row) -> bool:
        left = [self._is_left(name, row.values[name]) for name in MEASURED_BY & row.values.keys()]
        return True in left

    def _is_left(self, name: str, value: float) -> bool:
        before = self._values.get(name, value)
        held = self._held.get(name, 0)
        if max(before, value) <= CHANGE * min(before, value):
            self._values[name], self._held[name] = before, held + 1
            return False
        self._values[name], self._held[name] = value, 1
        return held >= HELD
