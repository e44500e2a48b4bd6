"""Runs as a screen sees them: batches of events out, commands in, alike for one that trains and one read from disk."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Protocol

import msgspec

from .arrivals import Arrival
from .config import ConfigError, RunConfig
from .events import Accepted, AnyEvent, ChangeSettings, Command, Event, Follow, Refused, RunEnded, RunStarted, encode
from .hosting.client_limit import REFUSED_CLIENT
from .storage.event_log import EVENT_CHUNK, Transcript, line_count, stored_events
from .storage.run_folder import (
    EVENTS,
    WORKER_LOG,
    StoreError,
    find_worker,
    hold_watched,
    last_words,
    open_file,
    socket_path,
)
from .storage.run_store import read_config, run_description
from .storage.run_summary import require_readable

# -P: a torch.py in the folder where a person stands is not imported
WORKER = (sys.executable, "-P", "-m", "tinygpt_tui.engine.worker")

MOST_WAITING = 4
"""Batches that are read before somebody takes them."""


class ClientError(RuntimeError):
    """A run that cannot be started, attached to or opened; the message is one line that says why."""


class Run(Protocol):
    """A run, whatever stands behind it."""

    path: Path | None
    config: RunConfig
    """Of a run of the tiny GPT; one that describes itself has the usual one, of which nothing is shown."""

    @property
    def live(self) -> bool:
        """Whether commands can be sent."""
        ...

    def batches(self) -> AsyncIterator[Sequence[Arrival]]:
        """The stored events, then the live ones; it ends after the last. To be called once."""
        ...

    async def send(self, command: Command) -> Accepted | Refused: ...


async def start(
    path: Path,
    worker: Sequence[str] = WORKER,
    *,
    since: int = 0,
    checkpoint: str = "",
    change: ChangeSettings | None = None,
) -> "LiveRun":
    """Start a worker on a run folder, new or to be resumed; it lives on when this process ends.

    With the name of a checkpoint the run goes back there, and on with the change that is given.
    Batches begin with the event of seq `since`: whoever does not look at a long past need not wait for it.
    """
    config = _config(path)
    try:
        stored = await asyncio.to_thread(line_count, path)
        log = open_file(path / WORKER_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except StoreError as error:
        raise ClientError(str(error)) from None
    back = [checkpoint, *([encode(change).decode()] if change else [])] if checkpoint else []
    try:
        # asyncio's own subprocesses are killed with their loop
        process = subprocess.Popen(
            [*worker, os.fspath(path), *back],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    except OSError as error:
        raise ClientError(f"{worker[0]}: cannot be started: {error.strerror}") from None
    finally:
        os.close(log)
    said = await _first_line(process)
    if said == "ready":
        return await _connect(path, config, process, since, stored, process.pid)
    raise ClientError(said or f"{path.name}: the worker could not start: {await _cause_of_death(path, process)}")


async def attach(path: Path) -> "LiveRun":
    """Watch and command the worker that trains a run."""
    config = _config(path)
    try:
        worker, stored = find_worker(path), await asyncio.to_thread(line_count, path)
    except StoreError as error:
        raise ClientError(str(error)) from None
    if worker is None:
        raise ClientError(f"{path.name}: {_untrained(path)}")
    return await _connect(path, config, own_from=stored, pid=worker.pid)


def open_stored(path: Path) -> "StoredRun":
    """A run on disk; what is no event in it is skipped, and `transcript` tells."""
    config = _config(path)
    try:
        require_readable(path)
    except StoreError as error:
        raise ClientError(str(error)) from None
    return StoredRun(path, config)


class StoredRun:
    """A run read from disk, to its end."""

    live = False

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path: Path | None = path
        self.config = config
        self.transcript = Transcript()
        """Tells which lines were no events."""
        self._folder = path

    async def batches(self) -> AsyncIterator[list[AnyEvent]]:
        seen = _Seen()
        async for batch in _stored(self._folder, 0, self.transcript):
            seen.note(batch)
            yield batch
        if not seen.has_ended and find_worker(self._folder) is None:
            cause = last_words(self._folder) or "its worker was killed, or the machine went down"
            yield [RunEnded(step=seen.step, reason="died", detail=cause)]

    async def send(self, command: Command) -> Accepted | Refused:
        return Refused(id=command.id, why="the run is read from disk; resume it to command it")

    async def close(self) -> None:
        pass


class LiveRun:
    """A run with a worker. Whoever leaves closes it; the worker goes on."""

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        process: subprocess.Popen[bytes] | None = None,
        since: int = 0,
        own_from: int = 0,
        pid: int = 0,
    ) -> None:
        self.path: Path | None = path
        self.config = config
        self.live = True
        self.transcript = Transcript(since)
        self._folder = path
        self._reader = reader
        self._writer = writer
        self._process = process
        self._seen = _Seen(next_seq=since, own_from=own_from, pid=pid)
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[Accepted | Refused]] = {}
        self._batches: asyncio.Queue[list[AnyEvent] | None] = asyncio.Queue()
        self._taken = asyncio.Event()
        self._is_followed = False
        self._is_closed = False
        self._refusal = ""
        """Why the worker did not take us."""
        self.heard = asyncio.Event()
        """Set when the worker has sent anything."""
        self._watch = hold_watched(path)
        self._listening = asyncio.create_task(self._listen())

    async def batches(self) -> AsyncIterator[list[AnyEvent]]:
        self._is_followed = True
        self._write(Follow(since=self._seen.next_seq))
        try:
            while (batch := await self._batches.get()) is not None:
                self._taken.set()
                self._seen.note(batch)
                yield batch
            if self._is_closed:
                return
            # what the socket did not bring before it closed, be it within a line, is on disk
            self.transcript.start_at(self._seen.next_seq)
            async for batch in _stored(self._folder, self._seen.next_seq, self.transcript):
                self._seen.note(batch)
                yield batch
            if not self._seen.has_ended:
                if self._process is None and (worker := find_worker(self._folder)):
                    why = self._refusal or "it may have too many clients"
                    raise ClientError(f"{self._folder.name}: its worker (process {worker.pid}) has hung up: {why}")
                cause = await _cause_of_death(self._folder, self._process)
                yield [RunEnded(step=self._seen.step, reason="died", detail=cause)]
        finally:
            self._ignore_events()

    async def send(self, command: Command) -> Accepted | Refused:
        if not self.live:
            return Refused(id=command.id, why="the run has no worker any more; resume it")
        id = next(self._ids)
        answer = self._answers[id] = asyncio.get_running_loop().create_future()
        self._write(msgspec.structs.replace(command, id=id))
        self._taken.set()
        try:
            return msgspec.structs.replace(await answer, id=command.id)
        finally:
            del self._answers[id]

    async def exit_status(self) -> int | None:
        """Of the worker when it has ended: 0 fine, 1 ended badly, 2 bad input; None if somebody else started it."""
        return None if self._process is None else await asyncio.to_thread(self._process.wait)

    async def close(self) -> None:
        """Detach."""
        self._is_closed = True
        self._ignore_events()
        self._writer.close()
        await self._listening

    def _write(self, command: Command) -> None:
        self._writer.write(encode(command) + b"\n")

    def _ignore_events(self) -> None:
        self._is_followed = False
        while not self._batches.empty():
            self._batches.get_nowait()
        self._taken.set()

    async def _listen(self) -> None:
        with suppress(OSError):
            while data := await self._reader.read(EVENT_CHUNK):
                self.heard.set()
                await self._deliver(self.transcript.feed(data))
        self.live = False
        for id, answer in self._answers.items():
            if not answer.done():
                answer.set_result(Refused(id=id, why=self._refusal or "the worker ended before it answered"))
        self._batches.put_nowait(None)
        self._writer.close()
        if self._watch >= 0:
            os.close(self._watch)

    async def _deliver(self, said: Iterable[AnyEvent]) -> None:
        batch: list[AnyEvent] = []
        for event in said:
            match event:
                case Refused(id=id, why=why) if id == REFUSED_CLIENT:
                    self._refusal = why
                case Accepted() | Refused():
                    answer = self._answers.get(event.id)
                    if answer and not answer.done():
                        answer.set_result(event)
                case _:
                    batch.append(event)
        if batch and self._is_followed:
            self._batches.put_nowait(batch)
            await self._wait_for_reader()

    async def _wait_for_reader(self) -> None:
        """A slow one holds the socket up, but not one who awaits an answer meanwhile: that comes behind the events."""
        while self._batches.qsize() >= MOST_WAITING and not self._answers:
            self._taken.clear()
            await self._taken.wait()


class _Seen:
    """How far a run was followed."""

    def __init__(self, *, next_seq: int = 0, own_from: int = 0, pid: int = 0) -> None:
        """An end is of the worker `pid` if it follows its start, or from the seq `own_from` on; others are older."""
        self.next_seq = next_seq
        self.step = 0
        self.has_ended = False
        self._own_from = own_from
        self._pid, self._started_by = pid, 0

    def note(self, batch: Iterable[Event]) -> None:
        for event in batch:
            self.next_seq = max(self.next_seq, event.seq + 1)
            self.step = getattr(event, "step", self.step)
            if isinstance(event, RunStarted):
                self._started_by = event.pid
            is_own = event.seq < 0 or event.seq >= self._own_from or self._started_by == self._pid
            self.has_ended = isinstance(event, RunEnded) and is_own


async def _stored(run: Path, since: int, transcript: Transcript) -> AsyncIterator[list[AnyEvent]]:
    if not (run / EVENTS).exists():
        return
    for batch in stored_events(run, since, transcript):
        yield batch
        await asyncio.sleep(0)  # let the screen draw


async def _connect(
    path: Path,
    config: RunConfig,
    process: subprocess.Popen[bytes] | None = None,
    since: int = 0,
    own_from: int = 0,
    pid: int = 0,
) -> LiveRun:
    try:
        reader, writer = await asyncio.open_unix_connection(socket_path(path))
    except (OSError, StoreError) as error:
        if process is None:
            raise ClientError(f"{path.name}: its worker cannot be reached: {error}") from None
        # so short a run is over already, and what it said is on disk
        ours, its = socket.socketpair()
        its.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
    return LiveRun(path, config, reader, writer, process, since, own_from, pid)


def _config(path: Path) -> RunConfig:
    try:
        if run_description(path) is not None:
            return RunConfig()
        return read_config(path)
    except (ConfigError, StoreError) as error:
        raise ClientError(str(error)) from None


def _untrained(path: Path) -> str:
    return "its program does not run any more" if run_description(path) else "no worker trains this run; resume it"


async def _first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), process.stdout
    )
    line = await reader.readline()
    transport.close()
    return line.decode(errors="replace").strip()


def killed_words(number: int) -> str:
    cause = f"killed by {signal.Signals(number).name}"
    return f"{cause}, by hand or because memory ran out" if number == signal.SIGKILL else cause


async def _cause_of_death(path: Path, process: subprocess.Popen[bytes] | None) -> str:
    status = await asyncio.to_thread(process.wait) if process else 0
    if status < 0:
        return killed_words(-status)
    return last_words(path) or (f"it left with exit status {status}" if process else "it was killed")
