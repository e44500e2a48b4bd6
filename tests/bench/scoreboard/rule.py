"""Rules that others have published for reading a training log: their interface, and the step of their first alarm.

Each is written in a few lines of our own, with its own defaults. Where its source leaves something open, it is read in
the way that raises fewer alarms.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tinygpt_tui.engine.diagnostics.row import Row

from .counting import Alarm, Kinds

Log = Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Rule:
    name: str
    meant: Kinds
    """What an alarm of this rule may mean; it counts as right if any of them is."""
    steps: Callable[[Log, int], Iterable[int]]
    """Steps at which it raises an alarm, from a log and the number of the model's parameters."""


def alarms(rules: Iterable[Rule], rows: Log, parameters: int) -> Iterator[Alarm]:
    """The first alarm of each rule; later ones are not counted."""
    for rule in rules:
        step = next(iter(rule.steps(rows, parameters)), None)
        if step is not None:
            yield Alarm(rule.meant, step)


def series(rows: Log, name: str) -> Iterator[tuple[int, float]]:
    return ((row.step, row.values[name]) for row in rows if name in row.values)
