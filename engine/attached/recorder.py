"""Writes an attached loop's run folder and serves its socket, beside the loop: the loop waits for none of it.

The loop hands over events; a thread of ours diagnoses and stores them and lets the server of `hosting` bring them to
the clients. Requests of clients come out of `requests`, for the loop to answer between two steps.
"""

import os
from collections import deque
from contextlib import ExitStack, closing
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Flag
from threading import Thread

from ..events import Event, RunEnded, StepFinished
from ..hosting.interfaces import Observer, Request, refuse_all, with_findings
from ..hosting.server import Server
from ..storage.event_log import EventLog
from ..storage.run_folder import claimed
from .step_row import StepNumbers, step_row

STORE_S = 0.2
"""Steps of this time are stored together, as often as a server looks for new ones. What is no step is stored at once.

Each store takes the interpreter from the loop, and a row in a large store costs half of one alone."""
CLOSING_S = 5.0
"""How long the end of a run may take to be stored, so that a full disk does not hold up the end of a program."""
MOST_UNSTORED = 200_000
"""Events that wait to be stored: above it they come faster than this machine can write them."""


class RecordingError(RuntimeError):
    """The run cannot be recorded any more; the message is one line that says why."""


class Recorder:
    """One run, until it is closed. Once it is started, `trouble` holds what went wrong."""

    def __init__(self, run: Path, diagnosis: Observer) -> None:
        """StoreError or OSError where the run cannot be recorded or is being recorded already."""
        self.requests: SimpleQueue[Request] = SimpleQueue()
        self.trouble: BaseException | None = None
        self._diagnosis = diagnosis
        self._waiting: deque[Event | StepNumbers] = deque()
        self._is_over = False
        self._is_due = Flag()
        self._pid = os.getpid()
        with ExitStack() as parts:
            listener = parts.enter_context(claimed(run))
            self._log = parts.enter_context(closing(EventLog(run)))
            parts.enter_context(closing(Server(run, listener, self.requests, is_daemon=True)))
            self._parts = parts.pop_all()
        self._thread = Thread(target=self._record_all, name="tinygpt-tui recorder", daemon=True)

    def start(self) -> None:
        """Store what was recorded so far, so that the run shows at once what it is; the rest is stored beside the loop.

        StoreError or OSError where it cannot be stored; the run is given free then.
        """
        try:
            self._store()
        except BaseException:
            self._is_over = True
            self._parts.close()
            raise
        self._thread.start()

    @property
    def is_ours(self) -> bool:
        """False in a process that was forked off the one that records."""
        return os.getpid() == self._pid

    def record(self, event: Event | StepNumbers) -> None:
        """RecordingError where the run cannot be stored any more."""
        if self.trouble is not None:
            raise RecordingError(str(self.trouble))
        if len(self._waiting) >= MOST_UNSTORED:
            raise RecordingError(f"{MOST_UNSTORED} events wait to be written")
        self._waiting.append(event)
        if not isinstance(event, StepNumbers):
            self._is_due.set()

    def end(self, end: RunEnded) -> None:
        """Store the end of the run at once; what comes later is refused with its reason. From any thread."""
        self.record(end)
        self.trouble = RecordingError(end.detail)
        self._is_over = True
        self._is_due.set()

    def close(self) -> None:
        """Store what is left, let the clients read it, and give the folder free."""
        self._is_over = True
        self._is_due.set()
        if self.is_ours and self._thread.is_alive():
            self._thread.join(CLOSING_S)

    def _record_all(self) -> None:
        try:
            with self._parts:
                while not self._is_over:
                    self._is_due.wait(STORE_S)
                    self._is_due.clear()
                    self._store()
                self._store()
        except BaseException as error:  # whatever it is, it must not reach the program that trains
            self.trouble = error
        finally:
            refuse_all(self.requests, "the run has ended or is not recorded any more")

    def _store(self) -> None:
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if waiting:
            events = [_row(each) if isinstance(each, StepNumbers) else each for each in waiting]
            self._log.append(*(each for event in events for each in with_findings(event, self._diagnosis)))


def _row(numbers: StepNumbers) -> StepFinished:
    return step_row(numbers.step, numbers.numbers, at=numbers.at, tokens=numbers.tokens)
