"""How the processes of one training meet: rank 0 listens, and its address stands in a store that all of them share.

They speak JSON lines over one connection each, on the loopback interface: they are processes of one machine. Rank 0
sends commands of `events`; what the others send is defined here.
"""

import os
import secrets
import socket
import time
import weakref
from typing import Protocol

import msgspec

JOIN_S = 10.0
"""How long the processes wait for each other when they attach."""
_LOOK_S = 0.02
_LOOPBACK = "127.0.0.1"
_LONGEST_GREETING = 500
_ALL_THERE = b"!"
"""Sent once by rank 0 when all have joined."""

_open: weakref.WeakSet[socket.socket] = weakref.WeakSet()


class RankError(RuntimeError):
    """The processes of a training cannot be led; the message is one line that says why."""


class SharedStore(Protocol):
    """A key-value store of all processes, as torch.distributed has one."""

    def set(self, key: str, value: str) -> None: ...
    def get(self, key: str) -> bytes: ...
    def check(self, keys: list[str]) -> bool: ...


class Joined(msgspec.Struct, frozen=True, kw_only=True, tag="joined"):
    """The first line of a process."""

    rank: int
    pid: int
    token: str


class StepTaken(msgspec.Struct, frozen=True, kw_only=True, tag="step"):
    """The process takes part in the exchanges of its steps."""

    busy_s: float | None = None
    """Seconds of a step in which it did not wait for other processes; None where that is not known."""


class Left(msgspec.Struct, frozen=True, kw_only=True, tag="left"):
    """The last line of a process that ends."""

    words: str = ""
    """What ended it, if that was an error."""


class _Address(msgspec.Struct, frozen=True):
    port: int
    token: str


_address = msgspec.json.Decoder(_Address)
_joined = msgspec.json.Decoder(Joined)


class Meeting:
    """One meeting, under a key of its own."""

    def __init__(self, store: SharedStore, key: str) -> None:
        self._store = store
        self._key = f"tinygpt-tui/{key}"

    def gather(self, size: int) -> dict[int, tuple[socket.socket, int]]:
        """In rank 0: connection and process id of each other rank. RankError where one is missing."""
        token = secrets.token_hex(16)
        missing, found = set(range(1, size)), {}
        with socket.create_server((_LOOPBACK, 0), backlog=size) as listener:
            address = _Address(listener.getsockname()[1], token)
            self._store.set(self._key, msgspec.json.encode(address).decode())
            deadline = time.monotonic() + JOIN_S
            while missing:
                listener.settimeout(max(deadline - time.monotonic(), 0.001))
                try:
                    connection, _ = listener.accept()
                    joined = _greeting(connection)
                except TimeoutError:
                    for each, _ in found.values():
                        each.close()
                    raise RankError(f"{_ranks(missing)} did not attach within {JOIN_S:g} s") from None
                if joined is None or joined.token != token or joined.rank not in missing:
                    connection.close()
                    continue
                missing.remove(joined.rank)
                found[joined.rank] = connection, joined.pid
        for connection, _ in found.values():
            connection.sendall(_ALL_THERE)
        return found

    def join(self, rank: int) -> socket.socket:
        """In another rank: the connection to rank 0. RankError or OSError where there is none."""
        deadline = time.monotonic() + JOIN_S
        while not self._store.check([self._key]):
            if time.monotonic() > deadline:
                raise RankError(f"rank 0 did not attach within {JOIN_S:g} s")
            time.sleep(_LOOK_S)
        address = _address.decode(self._store.get(self._key))
        connection = prepared(socket.create_connection((_LOOPBACK, address.port), timeout=2 * JOIN_S))
        connection.sendall(line(Joined(rank=rank, pid=os.getpid(), token=address.token)))
        if connection.recv(1) != _ALL_THERE:
            connection.close()
            raise RankError("not all ranks have attached")
        connection.settimeout(None)
        return connection


def line(message: msgspec.Struct) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def prepared(connection: socket.socket) -> socket.socket:
    """It is closed in processes that are forked off this one: the end of this one alone is its end."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    _open.add(connection)
    return connection


def _greeting(connection: socket.socket) -> Joined | None:
    connection.settimeout(1.0)
    words = b""
    try:
        prepared(connection)
        while not words.endswith(b"\n") and len(words) < _LONGEST_GREETING and (letter := connection.recv(1)):
            words += letter  # one by one: what follows the line is for another reader
        return _joined.decode(words)
    except (OSError, msgspec.DecodeError):
        return None


def _ranks(missing: set[int]) -> str:
    few = ", ".join(map(str, sorted(missing)[:8]))
    return f"rank {few}" if len(missing) == 1 else f"ranks {few}{' ...' if len(missing) > 8 else ''}"


def _close_all() -> None:
    for connection in list(_open):
        connection.close()


os.register_at_fork(after_in_child=_close_all)
