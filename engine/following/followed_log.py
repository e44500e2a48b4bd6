"""A log of any known format that is read as columns, and on from its place as it grows. No thread, no waiting."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ..arrivals import Arrival, LogRead, Noticed, StartedOver
from ..readers.log import Log, open_log
from ..readers.source import SMALL, ReadError
from ..readers.text_blocks import text_blocks
from .log_files import log_size, state, written_at
from .log_reading import TextReading, WholeReading

STILL_S = 1.0
"""Seconds without growth after which a line without an end, and an entry that could still go on, count as they are."""
_SHARE = 0.1
"""Of a processor that reading again what was read already may take."""
_YOUNG_S = 60.0
_GONE = "is gone; waiting for it to come back"
_GROWN = 2.0
"""A log that has become so many times as long as it was when it was surveyed is surveyed again."""

RunArrival = tuple[str, Arrival]
"""The name of a run and what is new of it; the name means nothing for what concerns the log as a whole."""


class FollowedLog:
    """`read_on` gives what has come since it was called last; what it gave may be taken back by a StartedOver."""

    def __init__(
        self,
        name: str,
        path: Path,
        given: Mapping[str, str] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._path = path
        self._given = given
        self._clock = clock
        self._reading: TextReading | WholeReading | None = None
        self._surveyed_size = 0
        self._rest_until = 0.0
        """What costs reading something again waits for this time."""
        self._grew_at = clock()
        self._is_gone = False

    def close(self) -> None:
        if self._reading:
            self._reading.close()
            self._reading = None

    def read_on(self) -> Iterator[RunArrival]:
        """ReadError where it can never be read, or not any more."""
        if self._reading is None:
            yield from self._begun()
            return
        change, was_gone = self._reading.change(), self._is_gone
        self._is_gone = change == "gone"
        match change:
            case "gone":
                if not was_gone:
                    yield "", Noticed(words=f"{self.name} {_GONE}")
            case "same":
                if self._clock() - self._grew_at >= STILL_S:
                    yield from self._reading.finish()
            case "grown":
                self._grew_at = self._clock()
                yield from self._grown()
            case "truncated" | "replaced" | "torn" as how:
                yield (
                    "",
                    StartedOver(why="" if how == "torn" else f"{self.name} was {how}; it is read from its beginning"),
                )
                self.close()
                yield from self._begun()

    def _begun(self) -> Iterator[RunArrival]:
        """The first survey, as soon as there is something to be surveyed."""
        if self._clock() < self._rest_until:
            return
        try:
            log = self._surveyed()
        except EmptyLogError as error:
            yield "", LogRead(waiting=str(error), written_at=written_at(self._path))
            return
        yield from self._taken_up(log)

    def _grown(self) -> Iterator[RunArrival]:
        reading = self._reading
        if isinstance(reading, TextReading):
            yield from reading.read()
        if reading is None or not self._is_survey_due():
            return
        began = self._clock()
        log = self._surveyed()
        if log.plan.signature != reading.log.plan.signature:
            yield "", StartedOver()
            reading.close()
            yield from self._taken_up(log)
        elif isinstance(reading, WholeReading):
            yield from reading.read_again(log)
            self._rest(began)
        else:
            log.close()

    def _taken_up(self, log: Log) -> Iterator[RunArrival]:
        began = self._clock()
        self._grew_at = began - max(time.time() - written_at(self._path), 0.0)
        blocks = text_blocks(log.plan.format, log.plan.reshapes) if self._path.is_file() else None
        self._reading = TextReading(log, blocks, self._path) if blocks else WholeReading(log, self._path)
        yield "", self.known
        yield from self._reading.read()
        log.close()
        if isinstance(self._reading, WholeReading):
            self._rest(began)

    @property
    def known(self) -> LogRead:
        """What is known of the log as a whole."""
        log = self._reading.log if self._reading else None
        if log is None:
            return LogRead(written_at=written_at(self._path))
        return LogRead(
            format=log.format,
            columns=log.columns,
            notes=log.notes,
            skipped=log.skipped,
            steps=log.steps,
            folder=str(self._path.absolute().parent),
            written_at=written_at(self._path),
            waiting=_GONE if self._is_gone else "",
        )

    @property
    def share_read(self) -> float | None:
        return self._reading.share_read if self._reading else None

    @property
    def log(self) -> Log | None:
        return self._reading.log if self._reading else None

    def _surveyed(self) -> Log:
        began = self._clock()
        self._surveyed_size = log_size(self._path)
        try:
            return open_log(self.name, self._path, self._given, needs_loss=False)
        except ReadError as error:
            if self._reading is None and _may_become_a_log(self._path):
                raise EmptyLogError(str(error)) from None
            raise
        finally:
            self._rest(began)

    def _is_survey_due(self) -> bool:
        if isinstance(self._reading, WholeReading):
            return self._clock() >= self._rest_until
        now = log_size(self._path)
        is_other = now >= _GROWN * self._surveyed_size or self._surveyed_size < now <= SMALL
        return is_other and self._clock() >= self._rest_until

    def _rest(self, began: float) -> None:
        now = self._clock()
        self._rest_until = now + (now - began) / _SHARE


class EmptyLogError(ReadError):
    """Nothing in it can be read yet."""


def _may_become_a_log(path: Path) -> bool:
    """What is empty, or was written a moment ago."""
    found = state(path)
    return found is not None and (found[1] == 0 or time.time() - written_at(path) < _YOUNG_S)
