"""A log or a past that a process of its own reads, as a run; should that process be lost, it is read here."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from ..arrivals import Arrival, StartedOver
from ..client.run import LOG_TAKES_NOTHING, PAST_TAKES_NOTHING, OpenedRun
from ..config import RunConfig
from ..events import Accepted, Command, Refused, RunDescribed
from .process import ReadingProcess

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
        self._first: list[Arrival] | None = None
        self._here: OpenedRun | None = None
        self._is_closed = False

    async def begin(self) -> None:
        """Returns once something of it was read; ClientError where it cannot be."""
        try:
            self._first = await self._reading.next_batch()
            if self._reading.was_lost:
                self._here = await self._read_here()
        except BaseException:
            await self.close()
            raise

    async def batches(self) -> AsyncIterator[Sequence[Arrival]]:
        if self._described is not None:
            yield [self._described]
        batch, self._first = self._first, None
        while batch is not None:
            yield batch
            batch = await self._reading.next_batch()
        if not self._reading.was_lost or self._is_closed:
            return
        if self._here is None:
            yield [StartedOver(why=_LOST)]
            self._here = await self._read_here()
        async for batch in self._here.batches():
            yield batch

    async def send(self, command: Command) -> Accepted | Refused:
        return Refused(id=command.id, why=LOG_TAKES_NOTHING if self._described else PAST_TAKES_NOTHING)

    async def close(self) -> None:
        self._is_closed = True
        await self._reading.close()
        if self._here is not None:
            await self._here.close()
