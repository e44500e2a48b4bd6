"""A run as a screen sees it: batches of events out, commands in."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

from ..arrivals import Arrival
from ..config import RunConfig
from ..events import Accepted, Command, Refused

LOG_TAKES_NOTHING = "this is a log of another program, which takes no commands from here"
PAST_TAKES_NOTHING = "the run is read from disk; resume it to command it"
"""Why a command is refused."""


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


class OpenedRun(Run, Protocol):
    """A run that its opener closes; its worker goes on."""

    async def close(self) -> None: ...
