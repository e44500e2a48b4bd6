"""Turns what a person wants to see into a run: a new one, one that trains on, or one that is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .navigation import OpenRun, ResumeRun, RunDestination, StartRun

if TYPE_CHECKING:  # the first frame does not wait for the client
    from ..engine.client import Run

    class OpenedRun(Run, Protocol):
        """A run that whoever opened it closes; its worker goes on."""

        async def close(self) -> None: ...


Opener = Callable[[RunDestination, Path], "Awaitable[OpenedRun]"]


def in_words(destination: RunDestination) -> str:
    match destination:
        case StartRun(config=config):
            return f"Starting {config.title} …"
        case ResumeRun(path=path):
            return f"Resuming {path.name} …"
        case OpenRun(path=path):
            return f"Opening {path.name} …"


async def open_run(destination: RunDestination, runs: Path) -> OpenedRun:
    """ConfigError, StoreError or ClientError where it cannot be had."""
    from ..engine import client
    from ..engine.storage import run_folder, run_store

    match destination:
        case StartRun(config=config, name=name):
            numbered = name is None
            path = await asyncio.to_thread(run_store.create, runs, config, name, datetime.now(UTC), numbered=numbered)
            return await client.start(path)
        case ResumeRun(path=path, checkpoint=checkpoint, change=change, steps=steps):
            if steps is not None:
                config = await asyncio.to_thread(run_store.read_config, path)
                longer = config.with_changes({"training.steps": steps})
                await asyncio.to_thread(run_store.write_config, path, longer)
            return await client.start(path, checkpoint=checkpoint, change=change)
        case OpenRun(path=path):
            if await asyncio.to_thread(run_folder.find_worker, path):
                return await client.attach(path)
            return await asyncio.to_thread(client.open_stored, path)
