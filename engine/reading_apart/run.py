"""A log or a past that a process of its own reads, as a run; should that process be lost, it is read here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from ..arrivals import Arrival, Noticed, StartedOver
from ..client.run import LOG_TAKES_NOTHING, PAST_TAKES_NOTHING, ClientError, OpenedRun
from ..config import RunConfig
from ..events import Accepted, Command, Refused, RunDescribed
from ..finished_steps import FinishedSteps
from ..readers.step_columns import StepColumns
from .process import ReadingProcess

_STEPS = {StepColumns, FinishedSteps}
_LOST = "the process that read it has ended; it is read again, more slowly"


class RunReadApart:
    live = False

    def __init__(
        self,
        reading: ReadingProcess,
        read_here: Callable[[], Awaitable[OpenedRun]],
        *,
        path: Path | None = None,
        config: RunConfig | None = None,
        described: RunDescribed | None = None,
    ) -> None:
        """`read_here` opens the same in this process. A log is `described`, a past has its folder and configuration."""
        self.path = path
        self.config = config or RunConfig()
        self._reading = reading
        self._read_here = read_here
        self._described = described
        self.beginning: list[Arrival] = []
        """What was read when it had begun, up to the first steps; `batches` gives it too."""
        self._here: OpenedRun | None = None
        self._closed = asyncio.Event()

    async def begin(self) -> None:
        """Returns once its first steps were read, or all that there is; ClientError where it cannot be."""
        if self._described is not None:
            self.beginning.append(self._described)
        try:
            while (batch := await self._reading.next_batch()) is not None:
                self.beginning += batch
                if not batch or not _STEPS.isdisjoint(map(type, batch)):
                    break
            if self._reading.was_lost:
                self._here = await self._read_here()
        except BaseException:
            await self.close()
            raise

    async def batches(self) -> AsyncIterator[Sequence[Arrival]]:
        if self.beginning:
            yield self.beginning
        while (batch := await self._reading.next_batch()) is not None:
            if batch:
                yield batch
        if not self._reading.was_lost and self._described is not None:
            await self._closed.wait()  # a log that cannot be read any more is still looked at
        if not self._reading.was_lost or self._closed.is_set():
            return
        if self._here is None:
            yield [StartedOver(why=_LOST)]
            try:
                self._here = await self._read_here()
            except ClientError as error:
                yield [Noticed(words=str(error))]
                await self._closed.wait()
                return
        async for batch in self._here.batches():
            yield batch

    async def send(self, command: Command) -> Accepted | Refused:
        return Refused(id=command.id, why=LOG_TAKES_NOTHING if self._described else PAST_TAKES_NOTHING)

    async def close(self) -> None:
        self._closed.set()
        await self._reading.close()
        if self._here is not None:
            await self._here.close()
