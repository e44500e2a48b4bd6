"""Rank 0 of a training on several processes: the others do at the same step what it decides.

It never waits for them, and knows when one of them dies. A thread reads what they send.
"""

import math
import selectors
import socket
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event as Flag
from threading import Thread

import msgspec

from ..config import ConfigError
from ..events import Command, TakeSteps
from .rank_meeting import Left, StepTaken, line

AFFORDABLE_SHARE = 0.01
"""Share of a step's time that the exchange may take; where it takes more, only every n-th step has one."""
RECEIVING_S = 50e-6
"""What an exchange costs in another rank: it wakes up and reads a line."""
LATENCY_S = 0.2
"""How long a command may wait for the next exchange."""
RANK_REPORT_S = 1.0
"""Between two reports of how long a step takes a rank."""
_HEARING_S = 0.5
"""How long the cause of an error is waited for: where a rank has died, its connection ends at the same time."""
_CHUNK = 1 << 16

ConnectedRanks = Mapping[int, tuple[socket.socket, int]]
"""Connection and process id by rank."""

_messages = msgspec.json.Decoder(StepTaken | Left)


class LeadingRank:
    def __init__(
        self,
        others: ConnectedRanks,
        on_death: Callable[[str], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`on_death` is called in a thread of ours, with which rank died and why."""
        self._connections = {rank: connection for rank, (connection, _) in others.items()}
        self._pids = {rank: pid for rank, (_, pid) in others.items()}
        self._on_death = on_death
        self._clock = clock
        self._absent = dict.fromkeys(others, "has taken no step yet")
        """Ranks that do not take part, and why."""
        self.busy_s: dict[int, float] = {}
        """Seconds of a step by rank, as they were reported last."""
        self.steps = self._countdown = 1
        """From the last exchange to the next, and from now."""
        self._cost_s = RECEIVING_S
        """Of the last exchange."""
        self._went_on_at = clock()
        self._reported_at = clock()
        self._has_died = Flag()
        self._thread = Thread(target=self._hear_all, name="tinygpt-tui ranks", daemon=True)
        self._thread.start()

    def is_due(self) -> bool:
        self._countdown -= 1
        return self._countdown <= 0

    def require_all(self) -> None:
        for rank, why in self._absent.copy().items():
            raise ConfigError(f"rank {rank} {why}, so that this would act on the others alone; try again, or pause it")

    def send(self, command: Command) -> None:
        """A process that has stopped to read what it is sent does not take part any more."""
        words = line(command)
        for rank, connection in self._connections.copy().items():
            try:
                is_sent = connection.send(words) == len(words)
            except OSError:
                is_sent = False
            if not is_sent:
                self._absent[rank] = "does not take steps"
                self._connections.pop(rank, None)
                self._hang_up(connection)

    def go_on(self, most: float) -> None:
        began = self._clock()
        step_s = (began - self._went_on_at) / self.steps
        affordable = self._affordable_steps(step_s)
        self.steps = self._countdown = int(max(min(affordable, most), 1))
        self.send(TakeSteps(count=self.steps))
        self._went_on_at = self._clock()
        self._cost_s = self._went_on_at - began + RECEIVING_S

    def _affordable_steps(self, step_s: float) -> float:
        """Between two exchanges."""
        step_s = max(step_s, 1e-9)
        return min(math.ceil(self._cost_s / (AFFORDABLE_SHARE * step_s)), LATENCY_S / step_s)

    def rank_times(self, own_busy_s: Callable[[], float | None]) -> dict[str, float]:
        """Metrics of how long a step takes each rank, now and then; empty in between and where that is not known."""
        now = self._clock()
        if now - self._reported_at < RANK_REPORT_S:
            return {}
        self._reported_at = now
        own = own_busy_s()
        times = self.busy_s | ({0: own} if own is not None else {})
        if len(times) <= len(self._connections):
            return {}
        slowest = max(times, key=times.__getitem__)
        return {
            "slowest_rank": float(slowest),
            "rank_time_max": times[slowest],
            "rank_time_median": statistics.median(times.values()),
        }

    def wait_for_death(self) -> bool:
        """Whether another rank has died, for an error that this may have caused."""
        return self._has_died.wait(_HEARING_S)

    def close(self) -> None:
        """They go on without being led."""
        connections, self._connections = self._connections, {}
        for connection in connections.values():
            self._hang_up(connection)

    def _hang_up(self, connection: socket.socket) -> None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # the thread that reads closes it

    def _hear_all(self) -> None:
        with selectors.DefaultSelector() as selector:
            rests = dict.fromkeys(self._connections, b"")
            for rank, connection in self._connections.items():
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ, rank)
            while selector.get_map():
                for key, _ in selector.select():
                    rank, connection = key.data, key.fileobj
                    assert isinstance(connection, socket.socket)
                    data = _received(connection)
                    *lines, rests[rank] = (rests[rank] + data).split(b"\n")
                    has_left = [self._hear(rank, words) for words in lines][-1:] == [True]
                    if has_left or not data:
                        selector.unregister(connection)
                        connection.close()
                        if not has_left and rank in self._connections:
                            self._die(f"rank {rank} (process {self._pids[rank]}) died")
                        self._connections.pop(rank, None)

    def _hear(self, rank: int, words: bytes) -> bool:
        """Whether it was the last."""
        match _messages.decode(words):
            case StepTaken(busy_s=busy_s):
                self._absent.pop(rank, None)
                if busy_s is not None:
                    self.busy_s[rank] = busy_s
                return False
            case Left(words=""):
                self._absent[rank] = "has ended"
            case Left(words=why):
                self._die(f"rank {rank}: {why}")
        return True

    def _die(self, words: str) -> None:
        self._has_died.set()
        self._on_death(words)


def _received(connection: socket.socket) -> bytes:
    """Empty at the end."""
    try:
        return connection.recv(_CHUNK)
    except OSError:
        return b""
