"""How the processes of one training reach each other: through the key-value store that torch.distributed has anyway.

Nothing of ours listens anywhere, so processes on one machine and on several are the same. Rank 0 posts messages, which
every other rank reads in their order; each rank keeps a report of itself there, which rank 0 reads now and then.
"""

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Protocol, Self

import msgspec

JOIN_S = 10.0
"""How long the processes wait for each other when they attach."""
LEADER_SILENCE_S = 60.0
"""Without a message for so long, a rank goes on without rank 0, which calls the roll every second."""
_LOOK_S = 0.02
_ALL_THERE = b"all"


class RankError(RuntimeError):
    """The processes of a training cannot be led; the message is one line that says why."""


class SharedStore(Protocol):
    """A key-value store of all processes, as torch.distributed has one; RuntimeError where it is gone."""

    def set(self, key: str, value: str, /) -> None: ...
    def get(self, key: str, /) -> bytes:
        """Waits until there is the key."""
        ...

    def check(self, keys: list[str], /) -> bool: ...
    def add(self, key: str, amount: int, /) -> int: ...
    def delete_key(self, key: str, /) -> bool: ...
    def multi_set(self, keys: list[str], values: list[str], /) -> None: ...
    def multi_get(self, keys: list[str], /) -> list[bytes]: ...
    def set_timeout(self, timeout: timedelta, /) -> None: ...
    def clone(self) -> Self:
        """A connection of its own: one that waits keeps every other use of it waiting."""
        ...


class RollCall(msgspec.Struct, frozen=True, kw_only=True, tag="roll"):
    """Each rank reports, with this number."""

    number: int


class Meet(msgspec.Struct, frozen=True, kw_only=True, tag="meet"):
    """Each rank waits after this step for what is decided, if it has not gone beyond it."""

    number: int
    step: int


class Do(msgspec.Struct, frozen=True, kw_only=True, tag="do"):
    """At the meeting after this step."""

    step: int
    command: str
    """One of `events`, as a line."""


class GoOn(msgspec.Struct, frozen=True, kw_only=True, tag="go on"):
    """The end of the meeting after this step."""

    step: int
    until: int | None = None
    """The step after which the next one is, where that is known."""


class Close(msgspec.Struct, frozen=True, kw_only=True, tag="close"):
    """Nothing comes any more."""


Message = RollCall | Meet | Do | GoOn | Close


class RankReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a rank says about itself. Steps are calls of `AttachedRun.step`, whatever number the loop gives them."""

    rank: int
    pid: int
    host: str
    machine: str
    """The same for processes that see each other's ids."""
    call: int = 0
    """The last roll call that it has heard."""
    steps: int = 0
    busy_s: float | None = None
    """Seconds of a step in which it did not wait for other processes; None where that is not known."""
    has_left: bool = False
    words: str = ""
    """What ended it, if that was an error."""


_messages = msgspec.json.Decoder(Message)
_report = msgspec.json.Decoder(RankReport)


def own_report(rank: int) -> RankReport:
    return RankReport(rank=rank, pid=os.getpid(), host=socket.gethostname(), machine=this_machine())


def this_machine() -> str:
    """Containers of one machine have process ids of their own."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return "/".join(parts)


class RankStore:
    """The part of the store that one rank of one training uses; RuntimeError where the store is gone."""

    def __init__(self, store: SharedStore, key: str, rank: int, size: int) -> None:
        """`key` is that of this training among those of the same processes."""
        self._store = store.clone()
        self._waiting = store.clone()
        self._waiting.set_timeout(timedelta(seconds=LEADER_SILENCE_S))
        self._key = f"tinygpt-tui/{key}"
        self.rank = rank
        self.size = size
        self._next = 0
        """Number of the next message."""
        self._lock = Lock()

    @property
    def others(self) -> Sequence[int]:
        return range(1, self.size)

    def gather(self) -> None:
        """In rank 0: wait for the first report of each other rank. RankError where one is missing."""
        missing = [*self.others]
        deadline = time.monotonic() + JOIN_S
        while missing := [rank for rank in missing if not self._store.check([self._of("report", rank)])]:
            if time.monotonic() > deadline:
                self._store.set(self._of("joined"), "not all ranks have attached")
                raise RankError(f"{_named(missing)} did not attach within {JOIN_S:g} s")
            time.sleep(_LOOK_S)
        self._store.set(self._of("joined"), _ALL_THERE.decode())

    def join(self, report: RankReport) -> None:
        """In another rank. RankError where not all of them come."""
        self.report(report)
        deadline = time.monotonic() + 2 * JOIN_S
        while not self._store.check([self._of("joined")]):
            if time.monotonic() > deadline:
                raise RankError(f"rank 0 did not attach within {2 * JOIN_S:g} s")
            time.sleep(_LOOK_S)
        if (words := self._store.get(self._of("joined"))) != _ALL_THERE:
            raise RankError(words.decode())

    def post(self, message: Message) -> None:
        """From rank 0 to all others; returns before they have it."""
        with self._lock:
            words = msgspec.json.encode(message).decode()
            keys = [self._of("to", rank, self._next) for rank in self.others]
            self._store.multi_set(keys, [words] * len(keys))
            self._next += 1

    def receive(self) -> Message:
        """The next message, which is waited for."""
        key = self._of("to", self.rank, self._next)
        message = _messages.decode(self._waiting.get(key))
        self._waiting.delete_key(key)
        self._next += 1
        return message

    def wake(self) -> None:
        """Let `receive` return in this rank, with the end of all messages."""
        self._store.set(self._of("to", self.rank, self._next), msgspec.json.encode(Close()).decode())

    def report(self, report: RankReport) -> None:
        self._store.set(self._of("report", self.rank), msgspec.json.encode(report).decode())

    def reports(self) -> dict[int, RankReport]:
        """Of all other ranks, which have come."""
        found = self._store.multi_get([self._of("report", rank) for rank in self.others])
        return dict(zip(self.others, map(_report.decode, found), strict=True))

    def agree(self, meeting: int) -> None:
        if self._store.add(self._of("meeting", meeting, "agreed"), 1) == len(self.others):
            self._store.set(self._of("meeting", meeting), "")

    def decline(self, meeting: int, steps: int) -> None:
        """It has taken so many steps already."""
        self._store.set(self._of("meeting", meeting), str(steps))

    def answer(self, meeting: int) -> int | None:
        """None while not all have agreed; 0 where they have; else how many steps one has taken that has declined."""
        key = self._of("meeting", meeting)
        return int(self._store.get(key) or b"0") if self._store.check([key]) else None

    def _of(self, *parts: str | int) -> str:
        return "/".join(map(str, (self._key, *parts)))


def _named(missing: Sequence[int]) -> str:
    few = ", ".join(map(str, missing[:8]))
    return f"rank {few}" if len(missing) == 1 else f"ranks {few}{' ...' if len(missing) > 8 else ''}"
