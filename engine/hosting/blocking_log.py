"""An event log that blocks training while the disk is full and retries until every event is stored."""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from ..events import Event, StorageBlocked, StorageRestored
from .interfaces import EventSink

_T = TypeVar("_T")


class StorageAbandoned(Exception):
    """The disk is full and the run was stopped before there was space; the message is the system's reason."""


class BlockingLog:
    """Appends events to a sink; `record` returns when they are stored. Events that arrive during a retry are queued."""

    def __init__(
        self,
        log: EventSink,
        announce: Callable[[Event | None], None],
        wait_for_space: Callable[[str], None],
    ) -> None:
        self._log = log
        self._announce = announce
        """Sends every client an event that cannot be stored; None withdraws it."""
        self._wait_for_space = wait_for_space
        """Called with the error message; returns when it is time to try again, or raises StorageAbandoned."""
        self._unwritten: deque[Event] = deque()
        self._is_waiting = False
        self._is_abandoned = False

    def record(self, events: Iterable[Event], *, step: int) -> bool:
        """Whether the events are stored; False during a retry, after which they are written in order."""
        self._unwritten += events
        if self._is_waiting:
            return False
        self.write_or_wait(self._write, step=step)
        return True

    def write_or_wait(self, write: Callable[[], _T], *, step: int) -> _T:
        """The result of `write`, called again until it raises no OSError; StorageAbandoned if the run is stopped."""
        try:
            return write()
        except OSError as error:
            blocked = StorageBlocked(step=step, detail=str(error))
        if self._is_abandoned:
            raise StorageAbandoned(blocked.detail)
        self._announce(blocked)
        self._unwritten.appendleft(StorageRestored(step=step))  # the first that can be written again
        written = self._retried(write, blocked.detail)
        self._announce(None)
        self.write_or_wait(self._write, step=step)
        return written

    def _retried(self, write: Callable[[], _T], why: str) -> _T:
        self._is_waiting = True
        try:
            while True:
                self._wait_for_space(why)
                with suppress(OSError):
                    return write()
        except StorageAbandoned:
            self._is_abandoned = True
            raise
        finally:
            self._is_waiting = False

    def _write(self) -> None:
        self._log.append(*self._unwritten)
        self._unwritten.clear()
