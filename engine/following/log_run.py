"""A log as a run: the same batches that a training run hands out, and commands that are refused."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

from ..arrivals import Arrival, LinesPrinted, Noticed, described_log
from ..client.run import LOG_TAKES_NOTHING, ClientError
from ..config import RunConfig
from ..events import Accepted, Command, Refused, Stop
from ..readers.source import ReadError
from .child_program import ChildProgram
from .following_log import follow_log
from .piped_input import PipedInput
from .shown_run import ShownRun

_FIRST_PICTURE_S = 0.3
"""To draw the whole curve, once it was taken from here, before its diagnosis takes the interpreter."""
_TURN_S = 0.02


class LogRun:
    """One run of a log; a thread reads, diagnoses and follows it from `begin` until it is closed."""

    config = RunConfig()
    path: Path | None = None
    """It is no run folder."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        run: str | None = None,
        given: Mapping[str, str] | None = None,
        piped: PipedInput | None = None,
        program: ChildProgram | None = None,
    ) -> None:
        """`run` is the name that the log has for it; without one the latest is followed. `program` prints it, where it
        was started to be watched."""
        self.described = described_log(name, run, ["stop"] if program else [])
        self._program = program
        self._shown = ShownRun(name, path, run=run, given=given)
        self._piped = piped
        self._has_ended = False
        self._is_closed = threading.Event()
        self._batches: asyncio.Queue[list[Arrival]] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._begun: asyncio.Future[str] = self._loop.create_future()
        """Empty, or why it cannot be read."""
        self._thread = threading.Thread(target=self._follow, name=f"follow {name}", daemon=True)

    @property
    def live(self) -> bool:
        """Whether it is to be asked what becomes of it where it is left."""
        return self._program is not None and self._program.is_running

    async def begin(self) -> None:
        """Returns once something of it was read; ClientError where it cannot be."""
        self._thread.start()
        if why := await self._begun:
            await self.close()
            raise ClientError(why)

    async def batches(self) -> AsyncIterator[list[Arrival]]:
        yield [self.described]
        while not self._is_closed.is_set():
            batch, taken = await self._batches.get(), 1
            while not self._batches.empty() and len(batch) < 64:
                batch, taken = [*batch, *self._batches.get_nowait()], taken + 1
            if batch:  # an empty one only wakes this up to see that it was closed
                yield batch
            for _ in range(taken):
                self._batches.task_done()

    async def send(self, command: Command) -> Accepted | Refused:
        if isinstance(command, Stop) and self._program is not None:
            self._program.interrupt()
            return Accepted(id=command.id, step=0)
        return Refused(id=command.id, why=LOG_TAKES_NOTHING)

    async def close(self) -> None:
        self._is_closed.set()
        self._batches.put_nowait([])
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _follow(self) -> None:
        try:
            for batch in follow_log(
                self._shown, self._is_closed, after_first=self._await_first_picture, printed=self._printed
            ):
                self._hand_out(batch)
        except ReadError as error:
            self._tell_begun(str(error))
        finally:
            self._shown.close()

    def _await_first_picture(self) -> None:
        with suppress(RuntimeError):  # the program ends
            taken = asyncio.run_coroutine_threadsafe(self._batches.join(), self._loop)
            while not taken.done() and not self._is_closed.wait(_TURN_S):
                pass
            taken.cancel()
        self._is_closed.wait(_FIRST_PICTURE_S)

    def _printed(self) -> list[Arrival]:
        if self._piped is None:
            return []
        printed: list[Arrival] = [LinesPrinted(lines=lines)] if (lines := self._piped.new_lines()) else []
        if self._piped.has_ended and not self._has_ended:
            self._has_ended = True
            self._shown.is_over = True
            printed.append(Noticed(words="the input has ended" if self._program is None else "the program has ended"))
        return printed

    def _hand_out(self, batch: list[Arrival]) -> None:
        if batch and not self._is_closed.is_set():
            self._tell_begun("")
            with suppress(RuntimeError):  # the program ends
                self._loop.call_soon_threadsafe(self._batches.put_nowait, batch)

    def _tell_begun(self, why: str) -> None:
        def tell() -> None:
            if not self._begun.done():
                self._begun.set_result(why)

        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell)
