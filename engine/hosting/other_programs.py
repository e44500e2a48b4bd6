"""How much of the processors other programs use, and how a model's threads wait for each other because of that.

Threads that share a matrix product wait a few microseconds for each other, thousands of times a second. On a quiet
machine they do so best by spinning. Beside a program that never waits, a thread that spins holds the processor that the
one which it waits for needs, and two were half as fast as one (`python -m tests.bench.auto_choice --busy 1`). How they
wait changes nothing of what they compute.
"""

import os
import time
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_LONG_ENOUGH_S = 0.08
"""Processor time is counted in hundredths of a second."""
_BUSY = 0.5
"""Cores that other programs use."""


@dataclass(frozen=True)
class _Look:
    at: float
    all_s: float
    """Processor time of all programs on the cores that this process may use."""
    ours_s: float
    """Of this process, and of the one that has started it: a screen is busy for a moment, and then waits."""


class OtherPrograms:
    """On Linux; elsewhere none are seen."""

    def __init__(
        self,
        proc: Path = PROC,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._proc, self._now, self._sleep = proc, now, sleep
        self._before = self._look()

    def cores(self) -> float:
        """That they have used on average since this was made, which was at least a moment ago."""
        before = self._before
        if before is None:
            return 0.0
        self._sleep(max(before.at + _LONG_ENOUGH_S - self._now(), 0.0))
        after = self._look()
        if after is None:
            return 0.0
        theirs_s = (after.all_s - before.all_s) - (after.ours_s - before.ours_s)
        return theirs_s / (after.at - before.at)

    def _look(self) -> _Look | None:
        try:
            cores = {f"cpu{core}" for core in os.sched_getaffinity(0)}
            lines = (line.split() for line in (self._proc / "stat").read_text().splitlines())
            # user, nice, system, then idle and waiting for disks, then interrupts; guests are counted as user
            ticks = sum(_sum(line[1:4]) + _sum(line[6:8]) for line in lines if line and line[0] in cores)
            ours = sum(map(self._ticks_of, (os.getpid(), os.getppid())))
            a_tick = 1 / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError, AttributeError):
            return None
        return _Look(self._now(), ticks * a_tick, ours * a_tick)

    def _ticks_of(self, pid: int) -> int:
        return _sum((self._proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[11:13])


def let_threads_sleep(cores_in_use: float, environment: MutableMapping[str, str]) -> None:
    """Where other programs use so many cores, threads are to wait asleep; before torch is imported."""
    if cores_in_use > _BUSY:
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _sum(ticks: Iterable[str]) -> int:
    return sum(map(int, ticks))
