"""Which ranks of a training are alive, and how long a step takes each of them: rank 0 calls the roll in a thread.

The end of a process on the same machine is seen at once. One on another machine is missed: it leaves calls unanswered.
"""

import os
import select
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import RLock, Thread

from .rank_store import RankReport, RankStore, RollCall, this_machine

CALL_S = 1.0
"""Between two calls, each of which rank 0 and every other rank spend a tenth of a millisecond on."""
MOST_MISSED = 60
"""Calls that a rank may miss, while no step is taken either, before it counts as dead."""
PROMPT_S = 2.0
"""Within which a process that is alive answers when it matters."""
_LOOK_S = 0.002


class Roll:
    """The thread ends with `close`, or with the store."""

    def __init__(
        self,
        store: RankStore,
        on_death: Callable[[str], None],
        steps_taken: Callable[[], int],
    ) -> None:
        """`on_death` is called once, in any thread, with which rank died and why."""
        self.reports = store.reports()
        self._store = store
        self._on_death = on_death
        self._steps_taken = steps_taken
        self._calls = 0
        self._steps = 0
        self._missed = dict.fromkeys(self.reports, 0)
        self._gone: set[int] = set()
        self._has_died = False
        self._processes = _processes_here(self.reports)
        self._lock = RLock()
        self._wake: int | None
        self._closed, self._wake = os.pipe()
        self._thread = Thread(target=self._call_all, name="tinygpt-tui ranks", daemon=True)
        self._thread.start()

    def absent(self) -> dict[int, str]:
        """Ranks that do not take part in what is decided now, and why; RuntimeError where the store is gone."""
        self._call_and_wait(PROMPT_S / 4)
        why: dict[int, str] = {}
        for rank, report in self.reports.items():
            if report.has_left or rank in self._gone:
                why[rank] = "has ended"
            elif report.call < self._calls:
                why[rank] = "does not answer"
            elif not report.steps:
                why[rank] = "has taken no step yet"
        return why

    def find_death(self, own_words: str) -> bool:
        """Whether another rank has died, for an error here or a signal, which this may have caused."""
        if self._has_died:
            return True
        with suppress(RuntimeError):
            self._call_and_wait(PROMPT_S)
            for rank, report in self.reports.items():
                if report.call < self._calls and rank not in self._gone:
                    self._die("; ".join(filter(None, (f"{_named(report)} does not answer any more", own_words))))
        return self._has_died

    def close(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            os.close(wake)
            self._thread.join(PROMPT_S)

    def _call_all(self) -> None:
        with suppress(RuntimeError):
            self._call()
            while self._wait():
                with self._lock:
                    self._look()
                    self._count_missed()
                    self._call()
        with self._lock:
            files = (self._closed, *self._processes)
            self._processes = {}
        for file in files:
            os.close(file)

    def _wait(self) -> bool:
        """For a process to end or the time of the next call; False once it is closed."""
        poll = select.poll()
        for file in (self._closed, *(file for file, rank in self._processes.items() if rank not in self._gone)):
            poll.register(file, select.POLLIN)
        return self._closed not in {file for file, _ in poll.poll(CALL_S * 1000)}

    def _call(self) -> None:
        self._calls += 1
        self._store.post(RollCall(number=self._calls))

    def _call_and_wait(self, seconds: float) -> None:
        """Until every rank has answered or ended, at most so long."""
        with self._lock:
            self._call()
            deadline = time.monotonic() + seconds
            while self._look() and time.monotonic() < deadline:
                time.sleep(_LOOK_S)

    def _look(self) -> bool:
        """Read the reports; whether one of those that are alive has not answered the last call."""
        ended = _ended(self._processes)
        self.reports = self._store.reports()
        for rank, report in self.reports.items():
            if rank not in self._gone and (report.has_left or rank in ended):
                self._gone.add(rank)
                if report.words:
                    self._die(f"rank {rank}{_elsewhere(report)}: {report.words}")
                elif not report.has_left:
                    self._die(f"{_named(report)} died")
        return any(report.call < self._calls for rank, report in self.reports.items() if rank not in self._gone)

    def _count_missed(self) -> None:
        steps, before = self._steps_taken(), self._steps
        self._steps = steps
        for rank, report in self.reports.items():
            is_missed = report.call < self._calls and rank not in self._gone and steps == before
            self._missed[rank] = self._missed[rank] + 1 if is_missed else 0
            if self._missed[rank] >= MOST_MISSED:
                self._gone.add(rank)
                self._die(f"{_named(report)} does not answer any more")

    def _die(self, words: str) -> None:
        if not self._has_died:
            self._has_died = True
            self._on_death(words)


def _processes_here(reports: Mapping[int, RankReport]) -> dict[int, int]:
    """Rank by a descriptor that can be read once the process has ended; of those on this machine, where it has such."""
    open_process = getattr(os, "pidfd_open", None)
    found: dict[int, int] = {}
    for rank, report in reports.items():
        if open_process is not None and report.machine == this_machine():
            with suppress(OSError):
                found[open_process(report.pid)] = rank
    return found


def _ended(processes: Mapping[int, int]) -> set[int]:
    poll = select.poll()
    for file in processes:
        poll.register(file, select.POLLIN)
    return {processes[file] for file, _ in poll.poll(0)}


def _named(report: RankReport) -> str:
    return f"rank {report.rank} (process {report.pid}{_elsewhere(report)})"


def _elsewhere(report: RankReport) -> str:
    return "" if report.machine == this_machine() else f" on {report.host}"
