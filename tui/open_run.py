"""Opens the run of a destination: a new one, one that is resumed, or one that exists."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .navigation import ForkRun, OpenLog, OpenRun, ResumeRun, RunDestination, StartRun

if TYPE_CHECKING:  # the first frame does not wait for the client
    from ..engine.client.run import OpenedRun
    from ..engine.reading_apart.process import ReadingProcess
    from ..engine.reading_apart.run import RunReadApart

Opener = Callable[[RunDestination, Path], "Awaitable[OpenedRun]"]


def in_words(destination: RunDestination) -> str:
    match destination:
        case StartRun(config=config):
            return f"Starting {config.title} …"
        case ResumeRun(path=path):
            return f"Resuming {path.name} …"
        case ForkRun(parent=parent, step=step):
            return f"Forking {parent.name} at step {step} …"
        case OpenRun(path=path):
            return f"Opening {path.name} …"
        case OpenLog(name=name):
            return f"Reading {name} …"


def reading_of(destination: OpenRun | OpenLog) -> ReadingProcess | None:
    """The process that reads it, where it is long: that one is at work while the screen is still imported."""
    from ..engine.reading_apart import process

    match destination:
        case OpenRun(path=path):
            return process.reading_past(path)
        case OpenLog(path=path, name=name, piped=None, program=None):
            return process.reading_log(path, name, destination.run, destination.columns)
        case OpenLog():
            return None


async def open_run(destination: RunDestination, runs: Path) -> OpenedRun:
    """ConfigError, StoreError or ClientError where it cannot be had."""
    from ..engine.client import opening
    from ..engine.storage import run_folder

    match destination:
        case StartRun():
            return await opening.start(await asyncio.to_thread(_created, destination, runs))
        case ResumeRun(path=path, checkpoint=checkpoint, change=change, steps=steps):
            if steps is not None:
                await asyncio.to_thread(_lengthened, path, steps)
            return await opening.start(path, checkpoint=checkpoint, change=change)
        case ForkRun():
            return await opening.start(await asyncio.to_thread(_forked, destination, runs))
        case OpenRun(path=path):
            if await asyncio.to_thread(run_folder.find_worker, path):
                if destination.reading:  # a worker has begun since
                    await destination.reading.close()
                return await opening.attach(path)
            return await _read(destination)
        case OpenLog():
            return await _followed(destination)


async def _read(wanted: OpenRun) -> OpenedRun:
    from ..engine.client import opening
    from ..engine.client.run import ClientError

    reading = wanted.reading or reading_of(wanted)
    try:
        run = await asyncio.to_thread(opening.open_stored, wanted.path)
    except ClientError:
        if reading:
            await reading.close()
        raise
    if reading is None:
        return run
    from ..engine.reading_apart.run import RunReadApart

    return await _begun(RunReadApart(reading, lambda: _here(run), path=run.path, config=run.config))


async def _followed(wanted: OpenLog) -> OpenedRun:
    if reading := wanted.reading or reading_of(wanted):
        from ..engine.arrivals import described_log
        from ..engine.reading_apart.run import RunReadApart

        described = described_log(wanted.name, wanted.run)
        return await _begun(RunReadApart(reading, lambda: _followed_here(wanted), described=described))
    return await _followed_here(wanted)


async def _begun(run: RunReadApart) -> RunReadApart:
    await run.begin()
    return run


async def _here(run: OpenedRun) -> OpenedRun:
    return run


async def _followed_here(wanted: OpenLog) -> OpenedRun:
    from ..engine.following.log_run import LogRun

    program = wanted.program
    piped = wanted.piped if program is None else program.output
    run = LogRun(wanted.name, wanted.path, run=wanted.run, given=wanted.columns, piped=piped, program=program)
    await run.begin()
    return run


def _created(wanted: StartRun, runs: Path) -> Path:
    from ..engine.storage import relation, run_store

    numbered = wanted.numbered or wanted.name is None
    path = run_store.create(runs, wanted.config, wanted.name, datetime.now(UTC), numbered=numbered)
    if (related := wanted.relation) is not None:
        names = tuple(relation.as_related(Path(run), runs) for run in related.runs)
        relation.write_relation(path, relation.Relation(runs=names, fix=related.fix, better_by=related.better_by))
    return path


def _forked(wanted: ForkRun, runs: Path) -> Path:
    from ..engine.experiments import forking

    now = datetime.now(UTC)
    return forking.fork(runs, wanted.parent, wanted.step, wanted.changes, now, change=wanted.change, fix=wanted.fix)


def _lengthened(run: Path, steps: int) -> None:
    """The run is to end at a later step."""
    from ..engine.storage import run_store

    run_store.write_config(run, run_store.read_config(run).with_changes({"training.steps": steps}))
