"""Turns what a person wants to see into a run: a new one, one that trains on, or one that is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .departure import ResumeRun, StartAgain

if TYPE_CHECKING:  # the first frame does not wait for the client
    from ..engine.client import Run

    class OpenedRun(Run, Protocol):
        """A run that whoever opened it closes; its worker goes on."""

        async def close(self) -> None: ...


@dataclass(frozen=True)
class OpenRun:
    """Attach to the run's worker, or read the run where it has none."""

    path: Path


Destination = StartAgain | ResumeRun | OpenRun


Opener = Callable[[Destination, Path], "Awaitable[OpenedRun]"]


def in_words(destination: Destination) -> str:
    match destination:
        case StartAgain(config=config):
            return f"Starting {config.title} …"
        case ResumeRun(path=path):
            return f"Resuming {path.name} …"
        case OpenRun(path=path):
            return f"Opening {path.name} …"


async def open_run(destination: Destination, runs: Path) -> OpenedRun:
    """ConfigError, StoreError or ClientError where it cannot be had."""
    from ..engine import client, folder, store

    match destination:
        case StartAgain(config=config):
            path = await asyncio.to_thread(store.create, runs, config, None, datetime.now(UTC))
            return await client.start(path)
        case ResumeRun(path=path):
            return await client.start(path)
        case OpenRun(path=path):
            if await asyncio.to_thread(folder.find_worker, path):
                return await client.attach(path)
            return await asyncio.to_thread(client.open_stored, path)
