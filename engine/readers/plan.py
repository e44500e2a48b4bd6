"""How a log is read once it is known what its columns are: from entries to rows of runs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..diagnostics.row import Row
from .block import ColumnBlock
from .format import Format
from .names import BESIDE
from .pauses import Pauses
from .record import RESUMED, RUN, Record, number
from .reshape import Reshape, reshaped
from .runs import Runs
from .source import ReadError, Source
from .steps import LARGEST_STEP, Steps
from .text_blocks import record_blocks

_MOST_RUNS = 256


@dataclass(frozen=True, kw_only=True)
class Plan:
    format: Format
    source: Source | None
    reshapes: Sequence[Reshape]
    columns: Sequence[tuple[str, str, bool]]
    """Canonical name, column, and whether NaN is a gap there."""
    steps: Steps
    is_first_left: bool
    """The first row is not to be had."""
    clock: str | None = None
    """The column of times, where there is one."""
    losses_without_gaps: frozenset[str] = frozenset()
    """Columns of further losses in which NaN is no gap."""
    read_before: Sequence[ColumnBlock] | None = field(default=None, repr=False, compare=False)
    """All of a store's entries, where its survey has read them and they are not reshaped."""

    def rows(self, losses: tuple[tuple[str, str, bool], ...] = ()) -> Iterator[tuple[str, Row]]:
        records = reshaped(self.records(), self.reshapes)
        column, columns = self.steps.column, [*self.columns, *losses]
        is_first_left, telling = self.is_first_left, self.telling.union(name for name, _, _ in losses)
        streams: dict[str, Runs] = {}
        stream = ""
        runs: Runs | None = None
        step: int | None = None if column else 0
        clock, pauses, resumed = self.clock, Pauses(), None
        for record in records:
            values = _values(record, columns)
            if clock is not None and (pause := pauses.at(record.get(clock))) is not None:
                resumed = pause
            if RESUMED in record:
                resumed = number(record[RESUMED])
            if "loss" not in values and telling.isdisjoint(values):
                continue
            if column is None:
                step = (step or 0) + 1
            elif isinstance(here := record.get(column), float) and 0 <= here < LARGEST_STEP:
                step = int(here)
            elif (here := self.steps.read(here)) is not None:
                step = here
            if step is None:  # what comes before the first step is a program or its settings
                continue
            if is_first_left and "loss" in values:
                is_first_left = False
                continue
            named = str(record[RUN]) if RUN in record else ""
            if runs is None or named != stream:
                stream, runs = named, streams.get(named) or self.begun(streams, named)
            row = Row(step, values)
            if resumed is not None and "loss" in values:
                row, resumed = Row(step, values, resumed), None
            if (placed := runs.follow(row)) is not None:
                yield runs.name, placed
            else:
                yield from runs.place(row)
        for runs in streams.values():
            yield from runs.finish()

    @cached_property
    def telling(self) -> frozenset[str]:
        """Metrics that make an entry one about training; of a log that has none of them, the reward."""
        named = frozenset(canonical for canonical, _, _ in self.columns)
        return named - BESIDE or named & {"reward"}

    @property
    def signature(self) -> object:
        """Two surveys of a log that grows have the same where the log is read in the same way."""
        kind = (self.format.name, getattr(self.format, "names", ()), len(self.reshapes), self.is_first_left)
        return (*kind, tuple(self.columns), self.steps.column)

    def begun(self, streams: dict[str, Runs], stream: str) -> Runs:
        if len(streams) >= _MOST_RUNS:
            raise ReadError(f"{self._file}: holds more than {_MOST_RUNS} runs; diagnose them in parts")
        runs = streams[stream] = Runs(stream)
        return runs

    def records(self) -> Iterator[Record]:
        """The entries as they stand in the file, before they are reshaped."""
        return self.format.records(self.source.chunks() if self.source else ())

    def blocks(self) -> Iterable[ColumnBlock]:
        """The entries of a format that is read as a whole."""
        if self.read_before is not None:
            return self.read_before
        return record_blocks(self.records(), self.reshapes)

    @property
    def _file(self) -> str:
        return self.source.name if self.source else self.format.name


def _values(record: Record, columns: Sequence[tuple[str, str, bool]]) -> dict[str, float]:
    values: dict[str, float] = {}
    for canonical, name, is_nan_a_gap in columns:
        cell = record.get(name)
        if type(cell) is not float:
            cell = number(cell) if cell is not None else None
            if cell is None:
                continue
        if is_nan_a_gap and cell != cell:
            continue
        values[canonical] = cell
    return values
