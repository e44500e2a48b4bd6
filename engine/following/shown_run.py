"""One run of a followed log: its steps as they come, and its findings a little later."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..arrivals import Arrival, LogRead, Noticed, StartedOver
from ..readers.step_columns import StepColumns
from .followed_log import FollowedLog, RunArrival
from .log_findings import LogFindings

_SLICE_S = 0.03
"""Seconds of diagnosis between two looks at what else there is to do."""
OVER_S = 60.0
"""Seconds since a log was last written after which its whole curve is judged."""

_NUMBER = re.compile(r"(^|\s)\d+$")


class ShownRun:
    """`look` reads what has come, `diagnose_some` looks at it; the two take turns in one thread."""

    def __init__(
        self, name: str, path: Path, *, run: str | None = None, given: Mapping[str, str] | None = None
    ) -> None:
        self._log = FollowedLog(name, path, given)
        self._wanted = run
        self._name: str | None = run
        self._read = LogRead()
        self._is_first_look = True
        self.is_over = False
        """Whether what writes it is known to have ended."""
        self._begin()

    def _begin(self) -> None:
        self._last_step = -1.0
        self._findings = LogFindings()
        self._rows = 0

    def close(self) -> None:
        self._log.close()

    @property
    def read(self) -> LogRead:
        """What is known of the log."""
        return self._read

    @property
    def has_backlog(self) -> bool:
        return self._findings.has_backlog

    def look(self) -> Iterator[list[Arrival]]:
        """What has come since the last look, piece by piece."""
        for arrival in self._log.read_on():
            batch = self._taken(arrival)
            if batch:
                yield batch
        if self._log.log is not None:
            self._is_first_look = False
            yield from self._news(replace(self._log.known, runs=self._read.runs, rows=self._rows))

    def _news(self, read: LogRead) -> Iterator[list[Arrival]]:
        read = replace(read, blind=self._read.blind, diagnosed=self._findings.rows)
        if read != self._read:
            self._read = read
            yield [read]

    def diagnose_some(self) -> list[Arrival]:
        found: list[Arrival] = [*self._findings.some(time.monotonic() + _SLICE_S)]
        if not self._findings.has_backlog:
            found += self._findings.verdict(is_over=self.is_over or time.time() - self._read.written_at > OVER_S)
        blind = self._findings.blind
        if (blind, self._findings.rows) != (self._read.blind, self._read.diagnosed) and not self.has_backlog:
            self._read = replace(self._read, blind=blind, diagnosed=self._findings.rows, rows=self._rows)
            found.append(self._read)
        return found

    def _taken(self, arrival: RunArrival) -> list[Arrival]:
        match arrival:
            case _, StartedOver() as over:
                self._begin()
                self._name = self._wanted
                self._read = replace(self._read, runs=())
                return [over]
            case name, StepColumns() as columns:
                return self._of_run(name, columns)
            case _, LogRead() as read:
                read = replace(read, runs=self._read.runs)
                if read.waiting == self._read.waiting and read.waiting:
                    return []
                self._read = read
                return [read]
            case _, other:
                return [other]

    def _of_run(self, name: str, columns: StepColumns) -> list[Arrival]:
        arrivals: list[Arrival] = []
        if name not in self._read.runs:
            self._read = replace(self._read, runs=(*self._read.runs, name))
            if self._wanted is None and self._name is not None and _stem(name) == _stem(self._name):
                self._begin()
                self._name = name
                arrivals.append(StartedOver(why="" if self._is_first_look else "another run has begun in this log"))
        if self._name is None:
            self._name = name
        if name != self._name:
            return arrivals
        first, last = float(columns.steps[0]), float(columns.steps[-1])
        if first < self._last_step and not self._is_first_look:
            arrivals.append(Noticed(words=f"the run was resumed: after step {self._last_step:.0f} comes {first:.0f}"))
        self._last_step = last
        self._rows += len(columns)
        if self._log.log is not None:
            self._findings.take(columns, self._log.log)
        return [*arrivals, columns]


def _stem(name: str) -> str:
    """Runs that follow each other in one log have names that differ in a number at the end."""
    return _NUMBER.sub("", name)
