"""The time of the latest steps, by activity, from rows that have a step_time and parts of it."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from ..stopwatch import Activity
from .row import CUTOFF, Row

COMPUTING: frozenset[Activity] = frozenset(("gradients", "update", "training"))
"""What trains the model; the rest is what is done beside it, or what it waits for."""
NAMES: dict[Activity, str] = {
    "data": "data",
    "gradients": "forward and backward",
    "update": "optimizer",
    "training": "the rest of the steps",
    "layers": "layer measurements",
    "evaluation": "evaluations",
    "sample": "samples",
    "checkpoint": "checkpoints",
    "diagnosis": "diagnosis",
    "log": "the log",
}
TIME_WINDOW = 40
"""Rows that are looked back on."""
FEW, MANY = 6, 30
"""Rows needed for a verdict: where each covers many steps, and where each covers one."""
MANY_STEPS = 100
WORTH_NAMING = 0.01
MOSTLY_LOST = 0.5
"""Share of the time that did not go into training, from which a run is slower than it could be."""
_PARTS: dict[str, Activity] = {f"{activity}_time": activity for activity in get_args(Activity) if activity in NAMES}


@dataclass(slots=True)
class TimedRow:
    step: int
    total: float
    parts: dict[Activity, float]
    lost: float
    """What did not go into training."""


@dataclass(slots=True)
class TimeAccount:
    """The last rows that have a step_time and parts of it, each in whatever unit of time a step."""

    lost: float = 0.0
    """Share of the time that did not go into training, without the row in which it was longest: a hiccup is none."""
    _entries: deque[TimedRow] = field(default_factory=lambda: deque(maxlen=TIME_WINDOW), init=False)
    _new: int = field(default=0, init=False)
    """Rows since the last judgement."""

    def learn(self, row: Row) -> None:
        total = row.values.get("step_time", 0.0)
        if not 0 < total < CUTOFF:
            return
        parts: dict[Activity, float] = {
            _PARTS[name]: part for name, part in row.values.items() if name in _PARTS and 0 <= part <= total
        }
        if not parts:
            return
        if self._entries and row.step <= self._entries[-1].step:
            self._entries.clear()
            self._new = 0
        lost = sum(part for activity, part in parts.items() if activity not in COMPUTING)
        parts["training"] = parts.get("training", 0.0) + max(total - sum(parts.values()), 0.0)
        self._entries.append(TimedRow(row.step, total, parts, min(lost, total)))
        self._new += 1
        if self._new >= FEW and (self.steps >= MANY_STEPS or len(self._entries) >= MANY):
            self._new = 0
            self._judge()

    def _judge(self) -> None:
        longest = max(self._entries, key=lambda entry: entry.lost)
        total = sum(entry.total for entry in self._entries) - longest.total
        self.lost = (sum(entry.lost for entry in self._entries) - longest.lost) / total if total > 0 else 0.0

    @property
    def first_step(self) -> int:
        return self._entries[0].step if self._entries else 0

    @property
    def steps(self) -> int:
        """How many steps the account is about."""
        if len(self._entries) < 2:
            return 1
        first, second, last = self._entries[0].step, self._entries[1].step, self._entries[-1].step
        return last - first + second - first

    def shares(self) -> dict[Activity, float]:
        """Share of the time by activity, the largest first; empty where the log has none."""
        return shares_of(entry.parts for entry in self._entries)


def shares_of(spent: Iterable[Mapping[Any, float]]) -> dict[Activity, float]:
    """Each activity's share of what was spent, the largest first, without waiting and what is no activity."""
    sums: dict[Activity, float] = {}
    for seconds in spent:
        for activity in NAMES:
            if (part := seconds.get(activity, 0.0)) > 0:
                sums[activity] = sums.get(activity, 0.0) + part
    total = sum(sums.values())
    return {activity: part / total for activity, part in sorted(sums.items(), key=lambda each: -each[1])}


def time_shares_text(shares: Mapping[Activity, float], most: int = len(NAMES)) -> str:
    """Such as `evaluations 71%, forward and backward 20%`; empty where nothing is known."""
    named = [f"{NAMES[activity]} {share:.0%}" for activity, share in shares.items() if share >= WORTH_NAMING]
    return ", ".join(named[:most])
