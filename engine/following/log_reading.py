"""Two ways to follow a log whose columns are known: read on behind the last line, or read the whole of it again."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..arrivals import StartedOver
from ..readers.block import ColumnBlock
from ..readers.log import Log
from ..readers.placement import Placed, Placement
from ..readers.step_columns import StepColumns
from ..readers.text_blocks import TextBlocks
from .log_files import state
from .tail import Change, Tail


class TextReading:
    """A text that is read on from its place."""

    def __init__(self, log: Log, blocks: TextBlocks, path: Path) -> None:
        self.log = log
        self._blocks = blocks
        self._tail = Tail(log.file, path)
        self._placement = Placement(log.plan, log.unmeasured)
        self._is_finished = False
        self.change = self._tail.change
        self.close = self._tail.close

    @property
    def share_read(self) -> float | None:
        return self._tail.share_read

    def read(self) -> Iterator[Placed]:
        self._is_finished = False
        for piece in self._tail.pieces():
            yield from self._placed(self._blocks.blocks(piece))

    def finish(self) -> Iterator[Placed]:
        """What was held back because it could have gone on."""
        if not self._is_finished:
            self._is_finished = True
            if rest := self._tail.rest():
                yield from self._placed(self._blocks.blocks(rest))
            yield from self._placed(self._blocks.finish())
            yield from self._placement.finish()

    def _placed(self, blocks: Iterator[ColumnBlock]) -> Iterator[Placed]:
        for block in blocks:
            yield from self._placement.take(block)


class WholeReading:
    """A store or a document, which is read as a whole each time; what was handed out is not handed out again."""

    def __init__(self, log: Log, path: Path) -> None:
        self.log = log
        self._path = path
        self._state = state(path)
        self._handed: dict[str, int] = {}
        """Rows of each run that were handed out."""

    @property
    def share_read(self) -> float | None:
        return self.log.share_read

    def close(self) -> None:
        pass

    def change(self) -> Change:
        now = state(self._path)
        return "gone" if now is None else "same" if now == self._state else "grown"

    def read(self) -> Iterator[Placed]:
        yield from self._read(self.log, {})

    def finish(self) -> Iterator[Placed]:
        return iter(())

    def read_again(self, log: Log) -> Iterator[tuple[str, StepColumns | StartedOver]]:
        """The rows that are new; a log that has become shorter starts over."""
        self._state = state(self._path)
        self.log = log
        skip, self._handed = self._handed, {}
        placed = [*self._read(log, skip)]
        if any(self._handed.get(run, 0) < rows for run, rows in skip.items()):
            yield "", StartedOver(why=f"{log.file} has become shorter; it is read from its beginning")
            self._handed = {}
            placed = [*self._read(log, {})]
        log.close()
        yield from placed

    def _read(self, log: Log, skip: Mapping[str, int]) -> Iterator[Placed]:
        placement = Placement(log.plan, log.unmeasured)
        for block in log.plan.blocks():
            yield from self._new(placement.take(block), skip)
        yield from self._new(placement.finish(), skip)

    def _new(self, placed: Iterator[Placed], skip: Mapping[str, int]) -> Iterator[Placed]:
        for run, columns in placed:
            before = self._handed.get(run, 0)
            self._handed[run] = before + len(columns)
            # the last row that was handed out may have gone on
            first = max(skip.get(run, 0) - 1 - before, 0)
            if first < len(columns):
                yield run, columns.part(first, len(columns))
