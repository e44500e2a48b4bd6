"""One run of a followed log: its steps as they come, and its findings a little later."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..arrivals import Arrival, LogRead, StartedOver
from ..readers.step_columns import StepColumns
from .chosen_run import ChosenRun
from .log_findings import LogFindings

_SLICE_S = 0.03
"""Seconds of diagnosis between two looks at what else there is to do."""
OVER_S = 60.0
"""Seconds since a log was last written after which its whole curve is judged."""


class ShownRun:
    """`look` reads what has come, `diagnose_some` looks at it; the two take turns in one thread."""

    def __init__(
        self, name: str, path: Path, *, run: str | None = None, given: Mapping[str, str] | None = None
    ) -> None:
        self._chosen = ChosenRun(name, path, run=run, given=given)
        self._findings = LogFindings()
        self._read = LogRead()
        self.is_over = False
        """Whether what writes it is known to have ended."""

    def close(self) -> None:
        self._chosen.close()

    @property
    def read(self) -> LogRead:
        """What is known of the log."""
        return self._read

    @property
    def has_backlog(self) -> bool:
        return self._findings.has_backlog

    def look(self) -> Iterator[list[Arrival]]:
        """What has come since the last look, piece by piece."""
        for batch in self._chosen.look():
            for arrival in batch:
                self._take(arrival)
            yield batch
        if self._chosen.log is not None:
            read = replace(
                self._chosen.read, blind=self._read.blind, diagnosed=self._findings.rows, is_over=self.is_over
            )
            if read != self._read:
                self._read = read
                yield [read]

    def diagnose_some(self) -> list[Arrival]:
        found: list[Arrival] = [*self._findings.some(time.monotonic() + _SLICE_S)]
        if not self._findings.has_backlog:
            found += self._findings.verdict(is_over=self.is_over or time.time() - self._read.written_at > OVER_S)
        blind = self._findings.blind
        if (blind, self._findings.rows) != (self._read.blind, self._read.diagnosed) and not self.has_backlog:
            rows = self._chosen.rows
            self._read = replace(self._read, blind=blind, diagnosed=self._findings.rows, rows=rows)
            found.append(self._read)
        return found

    def _take(self, arrival: Arrival) -> None:
        match arrival:
            case StartedOver():
                self._findings = LogFindings()
            case StepColumns() if (log := self._chosen.log) is not None:
                self._findings.take(arrival, log)
            case LogRead():
                self._read = arrival
            case _:
                pass
