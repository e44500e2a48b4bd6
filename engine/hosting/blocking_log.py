"""Stores what a run says, however long the disk is full: until it is stored nothing more is trained."""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from ..events import Event, StorageBlocked, StorageRestored
from .interfaces import EventSink

_T = TypeVar("_T")


class GaveUp(Exception):
    """The disk is full and nobody waits for it any more; the message is the system's reason."""


class PatientLog:
    """A log that keeps its run waiting until all it was given is written; meanwhile it remembers what happens."""

    def __init__(
        self,
        log: EventSink,
        announce: Callable[[Event | None], None],
        wait_for_space: Callable[[str], None],
    ) -> None:
        self._log = log
        self._announce = announce
        """Tells every client of an event that cannot be stored; None takes it back."""
        self._wait_for_space = wait_for_space
        """Returns when it is time to try again, or raises GaveUp; given why the disk takes nothing."""
        self._unwritten: deque[Event] = deque()
        self._waits = False
        self._gave_up = False

    def record(self, events: Iterable[Event], *, step: int) -> bool:
        """Whether they are on disk: while it is waited for they are written later, in their order."""
        self._unwritten += events
        if self._waits:
            return False
        self.insist(self._write, step=step)
        return True

    def insist(self, write: Callable[[], _T], *, step: int) -> _T:
        """What `write` returns, once it raises no OSError; GaveUp where it is no longer waited for."""
        try:
            return write()
        except OSError as error:
            blocked = StorageBlocked(step=step, detail=str(error))
        if self._gave_up:
            raise GaveUp(blocked.detail)
        self._announce(blocked)
        self._unwritten.appendleft(StorageRestored(step=step))  # the first that can be written again
        written = self._retried(write, blocked.detail)
        self._announce(None)
        self.insist(self._write, step=step)
        return written

    def _retried(self, write: Callable[[], _T], why: str) -> _T:
        self._waits = True
        try:
            while True:
                self._wait_for_space(why)
                with suppress(OSError):
                    return write()
        except GaveUp:
            self._gave_up = True
            raise
        finally:
            self._waits = False

    def _write(self) -> None:
        while self._unwritten:
            self._log.append(self._unwritten[0])
            self._unwritten.popleft()
