"""One run of a followed log, as it comes: the one of a name, or the latest."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from ..arrivals import Arrival, LogRead, Noticed, StartedOver, stem_of
from ..readers.log import Log
from ..readers.source import ReadError
from ..readers.step_columns import StepColumns
from .followed_log import STILL_S, FollowedLog, RunArrival
from .log_files import written_at

_LISTED = 12


class ChosenRun:
    def __init__(
        self, name: str, path: Path, *, run: str | None = None, given: Mapping[str, str] | None = None
    ) -> None:
        self._path = path
        self._log = FollowedLog(name, path, given)
        self._wanted = run
        self._name = run
        self._looks = 0
        self._last_step = -1.0
        self.rows = 0
        """That were handed out."""
        self.read = LogRead()
        """What is known of the log."""

    def close(self) -> None:
        self._log.close()

    @property
    def name(self) -> str:
        """Of the run that is read, as the log has it."""
        return self._name or ""

    @property
    def share_read(self) -> float | None:
        """From 0 to 1, while it is read; None where that is not known."""
        return self._log.share_read

    @property
    def log(self) -> Log | None:
        return self._log.log

    def look(self) -> Iterator[list[Arrival]]:
        """What has come since the last look, piece by piece; of a log that is not written any more all at once.

        ReadError where it can never be read, or holds no run of the name.
        """
        is_still = time.time() - written_at(self._path) > STILL_S
        for arrival in chain(self._log.read_on(), self._log.read_on() if is_still and not self._looks else ()):
            batch = self._taken(arrival)
            if batch:
                yield batch
        if self._log.log is None:
            return
        self._looks += 1
        self.read = replace(self._log.known, runs=self.read.runs, rows=self.rows)
        if is_still and self._wanted is not None and self._wanted not in self.read.runs:
            raise ReadError(no_such_run(self._log.name, self._wanted, self.read.runs))

    def _taken(self, arrival: RunArrival) -> list[Arrival]:
        match arrival:
            case _, StartedOver() as over:
                self._begin(self._wanted)
                self.read = replace(self.read, runs=())
                return [over]
            case name, StepColumns() as columns:
                return self._of_run(name, columns)
            case _, LogRead() as read:
                read = replace(read, runs=self.read.runs)
                if read.waiting == self.read.waiting and read.waiting:
                    return []
                self.read = read
                return [read]
            case _, other:
                return [other]

    def _begin(self, name: str | None) -> None:
        self._name, self._last_step, self.rows = name, -1.0, 0

    def _of_run(self, name: str, columns: StepColumns) -> list[Arrival]:
        arrivals: list[Arrival] = []
        if name not in self.read.runs:
            self.read = replace(self.read, runs=(*self.read.runs, name))
            if self._wanted is None and self._name is not None and stem_of(name) == stem_of(self._name):
                self._begin(name)
                arrivals.append(StartedOver(why="another run has begun in this log" if self._looks else ""))
        if self._name is None:
            self._name = name
        if name != self._name:
            return arrivals
        first, last = float(columns.steps[0]), float(columns.steps[-1])
        if first < self._last_step and self._looks:
            arrivals.append(Noticed(words=f"the run was resumed: after step {self._last_step:.0f} comes {first:.0f}"))
        self._last_step = last
        self.rows += len(columns)
        return [*arrivals, columns]


def no_such_run(log: str, run: str, runs: Sequence[str]) -> str:
    shown = ", ".join(name or "the first" for name in runs[:_LISTED]) or "none"
    more = f" and {len(runs) - _LISTED} more" if len(runs) > _LISTED else ""
    return f"{log}: holds no run {run!r}; its runs are {shown}{more}"
