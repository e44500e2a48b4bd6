"""Where the rows of a log belong: blocks of columns in, steps of runs out, as `Plan.rows` does it row by row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..diagnostics.row import Row
from ..metrics import METRICS
from .block import NO_ROWS, ColumnBlock, Floats64, Places
from .names import meaning
from .pauses import CLOCKS, Pauses, clock_word
from .plan import Plan
from .record import RUN, WRITTEN
from .runs import LEVELS, Runs
from .step_columns import StepColumns
from .steps import LARGEST_STEP

Flags = NDArray[np.bool_]
Placed = tuple[str, StepColumns]
"""The name of a run, and steps of it."""

_REMEMBERED = 32
"""Rows of those that need no thought that `Runs` gets to know: more than it remembers."""
_LENGTHS = ("total_steps", "total_epochs")
_PLACES = {
    "time": {*CLOCKS},
    "tokens": {"tokens", "tokens_seen", "total_tokens", "num_tokens", "consumed_tokens", "consumed_train_tokens",
               "num_input_tokens_seen", "tokens_trained", "train_tokens"},
}  # fmt: skip
"""What an x axis can show besides steps, by the last part of a column's name."""
_RESERVED = {*METRICS, *_PLACES, "step"}


class Placement:
    """The state behind the blocks that were taken. Metrics without a known name are kept under the log's own."""

    def __init__(self, plan: Plan, hidden: Iterable[str] = ()) -> None:
        """`hidden` are columns of which nothing is wanted."""
        self._plan = plan
        self._telling = plan.telling or None
        """Where a log has no such metric, any number makes an entry one about training."""
        self._runs: dict[str, Runs] = {}
        self._step = np.nan if plan.steps.column else 0.0
        self._is_first_left = plan.is_first_left
        self._pauses = Pauses()
        self._resumed: float | None = None
        """How a program began to write behind the last row with a loss."""
        self._hidden = {*hidden, plan.steps.column, RUN, WRITTEN}
        self._names: dict[str, str | None] = {}
        """What a column without a canonical name is called; None where it is no metric."""

    def take(self, block: ColumnBlock) -> Iterator[Placed]:
        named = self._named(block)
        resumed = self._resumed_at(block)
        counted = _any_present(named, self._telling or named.columns)
        before = self._step
        steps = self._steps(block, counted)
        counted &= ~np.isnan(steps)
        if (
            self._is_first_left
            and "loss" in named.columns
            and (first := np.flatnonzero(counted & named.present("loss"))).size
        ):
            counted[first[0]] = self._is_first_left = False
            named = _without_row(named, int(first[0]))
        named = replace(named, resumed=self._marked(resumed, named, counted))
        beside = ~counted & ~np.isnan(steps)
        if beside.any():
            beside &= _any_present(named, named.columns)
        if beside.any():
            steps = _held_between(steps, counted, before)
        rows = np.flatnonzero(counted | beside)
        for stream, own in _streams(block.runs, rows):
            yield from self._placed(stream, named, own, steps[own], counted[own])

    def finish(self) -> Iterator[Placed]:
        """Rows of which it is still open to which run they belong."""
        for runs in self._runs.values():
            yield from _together(runs.finish())

    def _named(self, block: ColumnBlock) -> ColumnBlock:
        """With the names that metrics have for us."""
        columns: dict[str, Floats64] = {}
        nans: dict[str, Places] = {}
        chosen = {column for _, column, _ in self._plan.columns}
        for name, column, is_nan_a_gap in self._plan.columns:
            if column in block.columns:
                columns[name] = block.columns[column]
                if column in block.nans and not is_nan_a_gap:
                    nans[name] = block.nans[column]
        if WRITTEN in block.columns and "time" not in self._names.values():
            self._names[WRITTEN] = "time"
        for column in [column for column in block.columns if column not in chosen]:
            if (name := self._own_name(column)) is not None:
                columns[name] = block.columns[column]
                if column in block.nans and column in self._plan.losses_without_gaps:
                    nans[name] = block.nans[column]
        ordered = {
            name: columns[name] for name in (*columns.keys() & METRICS.keys(), *block.columns) if name in columns
        }
        return ColumnBlock(rows=block.rows, columns=ordered | columns, nans=nans)

    def _resumed_at(self, block: ColumnBlock) -> Mapping[int, float]:
        """The rows before which a program began to write, by what is written there and by the times of the rows."""
        clock = self._plan.clock
        if clock is None or clock not in block.columns:
            return block.resumed
        return self._pauses.within(block.columns[clock].tolist()) | dict(block.resumed)

    def _marked(self, resumed: Mapping[int, float], named: ColumnBlock, counted: Flags) -> Mapping[int, float]:
        """The same for the first rows with a loss from there on."""
        if not resumed and self._resumed is None:
            return {}
        marked: dict[int, float] = {}
        losses = np.flatnonzero(counted & named.present("loss")) if "loss" in named.columns else NO_ROWS
        waiting = {} if self._resumed is None else {0: self._resumed}
        self._resumed = None
        for row, pause in sorted((waiting | dict(resumed)).items()):
            if (place := np.searchsorted(losses, row)) < len(losses):
                marked[int(losses[place])] = pause
            else:
                self._resumed = pause
        return marked

    def _own_name(self, column: str) -> str | None:
        if column not in self._names:
            what = meaning(column)
            is_metric = column not in self._hidden and not (what and what.canonical in _LENGTHS)
            self._names[column] = self._free_name(column) if is_metric else None
        return self._names[column]

    def _free_name(self, column: str) -> str | None:
        """One that no other column has; None where it says what another one does."""
        place = next((place for place, words in _PLACES.items() if clock_word(column) in words), None)
        if place is not None and place not in self._names.values():
            return place
        if place is not None and column.startswith("_"):
            return None  # W&B keeps two times of its own
        return f"{column} (column)" if column in _RESERVED else column

    def _steps(self, block: ColumnBlock, counted: Flags) -> Floats64:
        """Of every row; what holds no step stands at the step before it."""
        if self._plan.steps.column is None:
            steps = np.cumsum(counted, dtype=np.float64) + self._step
        else:
            own = block.columns.get(self._plan.steps.column, np.full(block.rows, np.nan))
            with np.errstate(invalid="ignore"):
                known = (own >= 0) & (own < LARGEST_STEP)
            last = np.maximum.accumulate(np.where(known & counted, np.arange(block.rows), -1))
            steps = np.where(last >= 0, np.trunc(own[last]), self._step)
            steps = np.where(known & ~counted, np.trunc(own), steps)
        if len(places := np.flatnonzero(counted)):
            self._step = float(steps[places[-1]])
        return steps.astype(np.float64, copy=False)

    def _placed(
        self, stream: str, named: ColumnBlock, rows: Places, steps: Floats64, counted: Flags
    ) -> Iterator[Placed]:
        """`steps` and `counted` are those of the rows alone, which are of one stream."""
        runs = self._runs.get(stream) or self._plan.begun(self._runs, stream)
        place, ends = 0, _ends(steps, counted)
        waiting: list[tuple[str, Row]] = []
        while place < len(rows):
            if counted[place] and steps[place] >= runs.limit:
                yield from _together(waiting)
                waiting = []
                end = int(ends[np.searchsorted(ends, place, side="right")])
                known = _levels(named)
                runs.follow_all([_row(known, rows[at], steps[at]) for at in _last(counted, place, end)])
                yield runs.name, _columns(named, rows[place:end], steps[place:end] + runs.offset)
                place = end
                continue
            row = _row(named, rows[place], steps[place])
            if counted[place]:
                waiting += runs.place(row)
            else:
                waiting.append((runs.name, Row(row.step + runs.offset, row.values, row.resumed)))
            place += 1
        yield from _together(waiting)


def _any_present(block: ColumnBlock, names: Iterable[str]) -> Flags:
    found = np.zeros(block.rows, bool)
    for name in names:
        if name in block.columns:
            found |= block.present(name)
            if found.all():  # of ten thousand columns one is enough
                break
    return found


def _without_row(block: ColumnBlock, row: int) -> ColumnBlock:
    columns = {name: column.copy() for name, column in block.columns.items()}
    for column in columns.values():
        column[row] = np.nan
    return replace(block, columns=columns, nans={name: at[at != row] for name, at in block.nans.items()})


def _held_between(steps: Floats64, counted: Flags, before: float) -> Floats64:
    """What says nothing of training by itself stands between the rows around it that do."""
    places = np.arange(len(steps))
    last = np.maximum.accumulate(np.where(counted, places, -1))
    following = np.minimum.accumulate(np.where(counted, places, len(steps))[::-1])[::-1]
    low = np.where(last >= 0, steps[last], before)
    high = np.append(steps, np.inf)[following]
    held = np.fmax(steps, low)
    return np.where(counted, steps, np.where(high >= held, held, np.fmax(low, np.minimum(held, high))))


def _streams(runs: Sequence[str] | None, rows: Places) -> Iterator[tuple[str, Places]]:
    if runs is None:
        if len(rows):
            yield "", rows
        return
    own: dict[str, list[int]] = {}
    for row in map(int, rows):
        own.setdefault(runs[row], []).append(row)
    for stream, places in own.items():
        yield stream, np.array(places)


def _ends(steps: Floats64, counted: Flags) -> Places:
    """Where rows end whose steps do not fall."""
    places = np.flatnonzero(counted)
    falls = np.flatnonzero(np.diff(steps[places]) < 0)
    return np.append(places[falls + 1], len(steps))


def _last(counted: Flags, start: int, end: int) -> list[int]:
    return (np.flatnonzero(counted[start:end])[-_REMEMBERED:] + start).tolist()


def _levels(block: ColumnBlock) -> ColumnBlock:
    """What `Runs` looks at."""
    return replace(block, columns={name: block.columns[name] for name in LEVELS if name in block.columns})


def _row(block: ColumnBlock, row: int, step: float) -> Row:
    values = {name: value for name, column in block.columns.items() if (value := float(column[row])) == value}
    values |= {name: np.nan for name, at in block.nans.items() if name in block.columns and row in at}
    return Row(int(step), values, block.resumed.get(int(row)))


def _columns(block: ColumnBlock, rows: Places, steps: Floats64) -> StepColumns:
    nans: dict[str, Places] = {}
    for name, at in block.nans.items():
        places = np.searchsorted(rows, at)
        inside = places < len(rows)
        inside[inside] = rows[places[inside]] == at[inside]
        if inside.any():
            nans[name] = places[inside]
    chosen = slice(rows[0], rows[-1] + 1) if rows[-1] - rows[0] == len(rows) - 1 else rows
    columns = {name: column[chosen] for name, column in block.columns.items()}
    held = {
        name: column
        for name, column in columns.items()
        if name in nans or column[0] == column[0] or not np.isnan(column).all()
    }
    marks = {int(np.searchsorted(rows, row)): pause for row, pause in block.resumed.items() if row in rows}
    return StepColumns(steps=steps, columns=held, nans=nans, resumed=marks)


def _together(placed: Sequence[tuple[str, Row]]) -> Iterator[Placed]:
    """Rows of one run whose steps do not fall, as columns."""
    start = 0
    for end in range(1, len(placed) + 1):
        if end == len(placed) or placed[end][0] != placed[start][0] or placed[end][1].step < placed[end - 1][1].step:
            yield placed[start][0], StepColumns.of([row for _, row in placed[start:end]])
            start = end
