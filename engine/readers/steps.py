"""Where an entry stands: the step column, or the epoch, or how many entries came before."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .content import Content
from .names import NAMELESS, meaning
from .record import RUN, Cell, Record, number

_COVERED = 0.5
"""Share of the entries with a loss that must have a step, if steps are to be read from there."""
_WHOLE = 0.98
_TELLING = 4
"""Entries from which on it can be seen whether a column counts."""
_STRIDE = 2
"""Of one, it may be epochs or rows that are counted."""
_REPEATED = 0.2
"""Share of a loss's values at a step that was there before: a resume or a next epoch takes back one of many."""
_REPEATS = 10
LARGEST_STEP = 1 << 53
"""Steps beyond this are damage, not progress."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    column: str | None
    """None where entries are counted."""
    total: int | None
    """The planned number of steps, as the log states it in the same unit."""

    def read(self, cell: Cell) -> int | None:
        value = number(cell)
        return int(value) if value is not None and 0 <= value < LARGEST_STEP else None


def choose_steps(
    sample: Sequence[Record], found: Mapping[str, Content], losses: Sequence[str], given: str | None
) -> Steps:
    """`losses` are the columns of losses; entries without any of them need no step."""
    entries = [record for record in sample if any(record.get(name) is not None for name in losses)]
    column = given or _step_column(entries, found, losses) or _epoch_column(entries, found, losses)
    column = column or _nameless_column(found, losses)
    kind = "total_epochs" if column and (what := meaning(column)) and what.canonical == "epoch" else "total_steps"
    return Steps(column=column, total=_total(sample, kind, found, column))


def is_written_twice(sample: Sequence[Record], column: str | None, loss: str) -> bool:
    """Whether steps come again and again with another loss, while they go on: several programs write into one log."""
    rows = [(number(record.get(column or "")), number(record.get(loss))) for record in sample if RUN not in record]
    known = [(step, value) for step, value in rows if step is not None and value is not None]
    repeats = sum(
        after[0] <= before[0] and after[1] != before[1] and after[0] > known[0][0] for before, after in pairwise(known)
    )
    return repeats > max(_REPEATS, _REPEATED * len(known)) and known[-1][0] > known[0][0]


def _step_column(entries: Sequence[Record], found: Mapping[str, Content], losses: Sequence[str]) -> str | None:
    ranked = [(what.rank, name) for name in found if (what := meaning(name)) and what.canonical == "step"]
    fits = [name for _, name in sorted(ranked) if _fits(name, found[name], entries) and _counts(name, entries, losses)]
    return fits[0] if fits else None


def _fits(name: str, held: Content, entries: Sequence[Record]) -> bool:
    """Whole numbers, on most entries that matter, that are not all the same."""
    covered = sum(number(entry.get(name)) is not None for entry in entries)
    is_whole = held.integers >= _WHOLE * held.finite > 0
    return is_whole and covered > _COVERED * len(entries) and (held.high > held.low or len(entries) < 2)


def _counts(name: str, entries: Sequence[Record], losses: Sequence[str]) -> bool:
    """Whether it moves on from one value of a loss to the next; `Steps: 120` may be how many an epoch has."""
    return len(entries) < _TELLING or any(
        len({entry.get(name) for entry in entries if entry.get(loss) is not None}) > 1 for loss in losses
    )


def _epoch_column(entries: Sequence[Record], found: Mapping[str, Content], losses: Sequence[str]) -> str | None:
    """Whole epochs, each with a value or so of every loss; else many entries would stand at one step."""
    for name, held in found.items():
        what = meaning(name)
        if not what or what.canonical != "epoch" or not _fits(name, held, entries):
            continue
        if all(_changes(entries, name, loss) for loss in losses):
            return name
    return None


def _nameless_column(found: Mapping[str, Content], losses: Sequence[str]) -> str | None:
    """A count beside a loss, both without a name, in strides as those of steps: `99 1.9`, `199 1.7`."""
    if not all(name.startswith(NAMELESS) for name in losses):
        return None
    for name, held in found.items():
        is_count = name.startswith(NAMELESS) and name not in losses and held.is_counter and not held.falls
        if is_count and held.high - held.low >= _STRIDE * (held.values - 1):
            return name
    return None


def _changes(entries: Sequence[Record], name: str, loss: str) -> bool:
    epochs = [entry.get(name) for entry in entries if entry.get(loss) is not None]
    same = sum(before == after for before, after in pairwise(epochs))
    return same <= (1 - _WHOLE) * len(epochs) + 1


def _total(sample: Sequence[Record], kind: str, found: Mapping[str, Content], column: str | None) -> int | None:
    names = [name for name in found if (what := meaning(name)) and what.canonical == kind]
    totals = [total for record in reversed(sample) for name in names if (total := number(record.get(name)))]
    highest = found[column].high if column and column in found else 0.0
    return next(
        (int(total) for total in totals if max(highest, 1) <= total < LARGEST_STEP and math.isfinite(total)), None
    )
