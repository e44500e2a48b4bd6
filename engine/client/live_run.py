"""A run that a worker trains: events and answers come over its socket, and what that leaves out from disk."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path

import msgspec

from ..config import RunConfig
from ..events import Accepted, AnyEvent, Command, Follow, Refused, RunEnded, encode
from ..hosting.client_limit import REFUSED_CLIENT
from ..process_end import killed_words
from ..storage.event_log import EVENT_CHUNK, Transcript
from ..storage.run_folder import find_worker, hold_watched, last_words
from .run import ClientError
from .seen import Seen
from .stored_run import stored_batches

MOST_WAITING = 4
"""Batches that are read before somebody takes them."""


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
        self._seen = Seen(next_seq=since, own_from=own_from, pid=pid)
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
            async for batch in stored_batches(self._folder, self._seen.next_seq, self.transcript):
                self._seen.note(batch)
                yield batch
            if not self._seen.has_ended:
                if self._process is None and (worker := find_worker(self._folder)):
                    why = self._refusal or "it may have too many clients"
                    raise ClientError(f"{self._folder.name}: its worker (process {worker.pid}) has hung up: {why}")
                cause = await cause_of_death(self._folder, self._process)
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


async def cause_of_death(path: Path, process: subprocess.Popen[bytes] | None) -> str:
    status = await asyncio.to_thread(process.wait) if process else 0
    if status < 0:
        return killed_words(-status)
    return last_words(path) or (f"it left with exit status {status}" if process else "it was killed")
