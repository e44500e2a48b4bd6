"""The diagnosis of a followed run, some rows at a time, so that nothing else waits for it.

The detectors are imported when the first row is looked at, for a log is to be seen before.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

import msgspec

from ..diagnostics.confidence import foreign_confidence
from ..diagnostics.row import Row
from ..events import FindingClosed, FindingEvent, FindingOpened
from ..readers.log import Log
from ..readers.step_columns import StepColumns

if TYPE_CHECKING:
    from ..diagnostics.further_losses import FurtherLosses
    from ..diagnostics.report import Finding, Reporter

_LATER = 1.05
_FURTHER = 1 << 20
"""The ids of findings in other losses begin here, behind those of the run's own."""
_LOOK_AT_CLOCK = 64
"""Rows between two looks at the clock."""


class LogFindings:
    def __init__(self) -> None:
        self.rows = 0
        """That were looked at."""
        self._log: Log | None = None
        self._reporter: Reporter | None = None
        self._backlog: deque[Iterator[Row]] = deque()
        self._last = Row(-1, {})
        self._next_id = 0
        self._verdict: int | None = None
        """The id of what the whole curve showed when it seemed to be over."""
        self._is_judged = False
        self._telling: frozenset[str] = frozenset()
        """Metrics without which a row is not looked at."""
        self._further: FurtherLosses | None = None
        """The log's other losses, where it has any."""
        self._known: set[str] = set()
        """Kinds of findings that were handed out."""
        self._look_again_at = 0.0
        """Rows at which the other losses are looked at again."""

    @property
    def has_backlog(self) -> bool:
        return bool(self._backlog)

    @property
    def blind(self) -> tuple[str, ...]:
        """What it could not see, and why."""
        return self._reporter.blind if self._reporter and self.rows else ()

    def take(self, columns: StepColumns, log: Log) -> None:
        """Steps to be looked at."""
        self._log = self._log or log
        names = (*log.columns, *log.roles)
        rows = columns.rows(names)
        for first in columns.part(0, 1).rows(names):
            self._backlog.append(chain((self._new(first),), islice(rows, 1, None)))
        for last in columns.part(len(columns) - 1, len(columns)).rows(names):
            self._last = last

    def some(self, end: float) -> Iterator[FindingEvent]:
        """The findings in the rows that can be looked at before a time of the monotonic clock."""
        if self._reporter is None and self._log is not None:
            self._begin(self._log)
        while self._backlog and time.monotonic() < end:
            for row in self._backlog[0]:
                yield from self._found(row)
                if self.rows % _LOOK_AT_CLOCK == 0 and time.monotonic() >= end:
                    break
            else:
                self._backlog.popleft()

    def _begin(self, log: Log) -> None:
        from ..diagnostics.further_losses import FurtherLosses
        from ..diagnostics.report import Reporter

        self._reporter = Reporter(log.facts, signals=tuple(log.columns))
        self._further = FurtherLosses(log.roles, log.facts) if log.roles else None
        self._telling = log.plan.telling

    def verdict(self, *, is_over: bool) -> Iterator[FindingEvent]:
        """What the other losses show by now, and the whole curve of a log that seems to be over."""
        yield from self._of_further_losses(is_due=is_over and not self._is_judged)
        if not is_over or self._is_judged or self._reporter is None:
            return
        self._is_judged = True
        for finding in self._reporter.report().findings[len(self._reporter.found_so_far) :]:
            self._verdict = _FURTHER - 1
            yield _event(finding, self._verdict)

    def _of_further_losses(self, *, is_due: bool) -> Iterator[FindingEvent]:
        if self._further is None or not (is_due or self.rows >= self._look_again_at):
            return
        self._look_again_at = self.rows * _LATER + _LOOK_AT_CLOCK
        for finding in self._further.findings(frozenset(self._known)):
            self._known.add(finding.kind)
            self._next_id += 1
            yield _event(finding, _FURTHER + self._next_id)

    def _found(self, row: Row) -> Iterator[FindingEvent]:
        reporter = self._reporter
        if self._further is not None:
            self._further.observe(row)
            own = {name: value for name, value in row.values.items() if name not in self._further.columns}
            row = Row(row.step, own, row.resumed)
        if reporter is None or self._telling.isdisjoint(row.values):
            return
        if self._verdict is not None:  # the log goes on after all
            yield FindingClosed(id=self._verdict, step=row.step)
            self._verdict = None
        self._is_judged = False
        self.rows += 1
        for event in reporter.observe(row):
            if isinstance(event, FindingOpened):
                self._next_id = max(self._next_id, event.id + 1)
                self._known.add(event.kind)
                sure = foreign_confidence(event.kind, self.rows)
                yield msgspec.structs.replace(event, confidence=sure)
            else:
                yield event

    def _new(self, row: Row) -> Row:
        """What a row adds to the one before it: the last row of a store is handed out again when it has gone on."""
        last = self._last
        if row.step != last.step or not last.values.items() <= row.values.items():
            return row
        return Row(row.step, {name: value for name, value in row.values.items() if name not in last.values})


def _event(finding: Finding, id: int) -> FindingOpened:
    return FindingOpened(
        id=id,
        step=finding.detected,
        onset=finding.onset,
        kind=finding.kind,
        severity="warning" if finding.severity == "warning" else "failure" if finding.severity == "failure" else "info",
        title=finding.title,
        evidence=finding.evidence,
        causes=[*finding.causes],
        fixes=[*finding.fixes],
        confidence=finding.confidence,
    )
