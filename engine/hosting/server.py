"""Serves a run's events and takes its commands over a socket, on a thread of its own.

Events are read back from the file they were stored in: a client is a place in that file, so a slow one holds nothing in
memory and holds nobody up, and the thread that trains does nothing for it. Without clients nothing happens here. What
is announced is not stored, but has its place in the file too, so that all are told everything in the same order.
"""

import asyncio
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

import msgspec

from ..events import Accepted, Event, Follow, PaceLesson, ProtocolError, Refused, decode_command, encode
from ..storage.event_log import lines_at, offset_of
from ..storage.run_folder import EVENTS, open_file
from .client_limit import REFUSED_CLIENT, most_clients
from .interfaces import Request

LOOK_S = 0.2
"""How often the file is looked at for new events while a client follows."""
SOON_S = 0.02
HURRY_S = 0.5
"""And so often for so long after a command, whose effect is waited for."""
LAST_WORDS_S = 5.0
"""How long a client may take to read the end of a run that is over."""
LONGEST_COMMAND = 1 << 16
MOST_REQUESTS = 64
"""Unanswered requests of one client; more are not read before."""


class Server:
    """Puts requests on a queue, and brings answers and stored events back to the clients."""

    def __init__(
        self,
        run: Path,
        listener: socket.socket,
        requests: SimpleQueue[Request],
        clock: Callable[[], float] = time.time,
        *,
        is_daemon: bool = False,
    ) -> None:
        """`is_daemon`: it does not keep a process alive that ends without closing it."""
        self._file = open_file(run / EVENTS, os.O_RDONLY)
        self._listener = listener
        self._requests = requests
        self._clock = clock
        self._clients: set[_Client] = set()
        self._announced: list[_Announcement] = []
        self._closing = False
        self._most_clients = most_clients()
        self._complaints: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._on_error)
        self._closed = self._loop.create_future()
        self._thread = Thread(
            target=self._loop.run_until_complete, args=(self._serve(),), name="server", daemon=is_daemon
        )
        self._thread.start()

    def announce(self, event: Event | None) -> None:
        """Tell all who follow, also those to come, until it is taken back with None; from the thread that stores."""
        said = event and encode(msgspec.structs.replace(event, time=self._clock())) + b"\n"
        self._announced.append(_Announcement(os.fstat(self._file).st_size, said or b""))
        self._loop.call_soon_threadsafe(self._wake_all)

    def close(self) -> None:
        """Let the clients read to the end, then hang up."""
        self._loop.call_soon_threadsafe(self._closed.set_result, None)
        self._thread.join()
        self._loop.close()
        os.close(self._file)

    async def _serve(self) -> None:
        server = await asyncio.start_unix_server(self._meet, sock=self._listener, limit=LONGEST_COMMAND)
        await self._closed
        server.close()
        self._closing = True
        self._wake_all()
        meetings = asyncio.all_tasks() - {asyncio.current_task()}
        if meetings:
            _, late = await asyncio.wait(meetings, timeout=LAST_WORDS_S)
            for client in self._clients:
                client.hang_up()
            for meeting in late:
                meeting.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _wake_all(self) -> None:
        for client in self._clients:
            client.wake()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= self._most_clients:
            self._complain_once(f"more than {self._most_clients} clients; others are refused")
            writer.write(encode(Refused(id=REFUSED_CLIENT, why="it has too many clients; close some")) + b"\n")
            return writer.close()
        client = _Client(self._file, self._announced, writer)
        self._clients.add(client)
        try:
            async with asyncio.TaskGroup() as both_ways:
                both_ways.create_task(self._listen(client, reader))
                both_ways.create_task(client.feed(is_over=lambda: self._closing))
        except* (_HungUp, OSError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()  # what was said last may still be on its way
            self._clients.discard(client)
            if client.paces:  # without it no one may be there to go on
                self._requests.put(Request(PaceLesson()))

    def _complain_once(self, words: str) -> None:
        if words not in self._complaints:
            self._complaints.add(words)
            print(words, file=sys.stderr, flush=True)

    def _on_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Each of a hundred clients that cannot be taken would have a traceback of its own, every second."""
        self._complain_once(f"{context['message']}: {context.get('exception')}")

    async def _listen(self, client: "_Client", reader: asyncio.StreamReader) -> None:
        while True:
            await client.unanswered.acquire()
            try:
                line = await reader.readline()
            except ValueError:
                client.say(Refused(id=0, why=f"a command is at most {LONGEST_COMMAND} bytes long"))
                continue
            if not line:
                raise _HungUp
            try:
                command = decode_command(line)
            except ProtocolError as error:
                client.say(Refused(id=0, why=f"this is no command: {error}"))
                continue
            match command:
                case Follow(since=since):
                    client.follow(max(since, 0))
                case _:
                    client.hurry()
                    client.paces |= isinstance(command, PaceLesson)
                    self._requests.put(Request(command, partial(self._answer, client)))

    def _answer(self, client: "_Client", answer: Accepted | Refused) -> None:
        self._loop.call_soon_threadsafe(client.say, answer)


class _HungUp(Exception):
    """The client has closed the connection, or everything was sent."""


class _Announcement(NamedTuple):
    place: int
    """Offset in the file: lines stored before it are sent before it."""
    line: bytes
    """Empty takes the one before it back."""


class _Client:
    """Somebody at the other end: what was said to them, and how far in the file they are."""

    def __init__(self, file: int, announced: Sequence[_Announcement], writer: asyncio.StreamWriter) -> None:
        self.unanswered = asyncio.Semaphore(MOST_REQUESTS)
        self._file = file
        self._announced = announced
        self.paces = False
        """It has asked for pauses at what a lesson shows."""
        self._heard = 0
        """How many of the announcements."""
        self._writer = writer
        self._place: int | None = None
        """None until they ask for events."""
        self._said: deque[Event] = deque()
        self._woken = asyncio.Event()
        self._in_a_hurry_until = 0.0

    def wake(self) -> None:
        self._woken.set()

    def hang_up(self) -> None:
        """At once, whatever is still on its way to a client that does not read."""
        self._writer.transport.abort()

    def hurry(self) -> None:
        self._in_a_hurry_until = asyncio.get_running_loop().time() + HURRY_S

    def say(self, event: Event) -> None:
        """After the events that are stored by now."""
        self._said.append(event)
        self.wake()

    def follow(self, since: int) -> None:
        self._place = offset_of(self._file, since)
        self._heard = max(len(self._announced) - 1, 0)  # only the last may still be so
        self.unanswered.release()
        self.wake()

    async def feed(self, is_over: Callable[[], bool]) -> None:
        while True:
            self._woken.clear()
            was_over = is_over()
            await self._send_stored()
            await self._send_said()
            if was_over:
                raise _HungUp
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    await self._woken.wait()

    @property
    def _patience_s(self) -> float | None:
        """How long to wait for news before the file is looked at."""
        if self._place is None:
            return None
        return SOON_S if asyncio.get_running_loop().time() < self._in_a_hurry_until else LOOK_S

    async def _send_stored(self) -> None:
        while self._place is not None:
            lines = lines_at(self._file, self._place)
            told = self._with_announcements(lines, self._place)
            if not told:
                return
            self._writer.write(told)
            self._place += len(lines)
            await self._writer.drain()

    def _with_announcements(self, lines: bytes, place: int) -> bytes:
        """Lines of the file with what was announced between them: as they are stored by now, so is it known by now."""
        told: list[bytes] = []
        while self._heard < len(self._announced):
            announcement = self._announced[self._heard]
            before = max(announcement.place - place, 0)
            if before > len(lines):
                break
            told += [lines[:before], announcement.line]
            lines, place = lines[before:], place + before
            self._heard += 1
        return b"".join([*told, lines])

    async def _send_said(self) -> None:
        while self._said:
            await self._send_stored()  # more may have been stored, and then said, since the last look
            event = self._said.popleft()
            self._writer.write(encode(event) + b"\n")
            if isinstance(event, Accepted | Refused):
                self.unanswered.release()
        await self._writer.drain()
