"""Opens a run: starts a worker on its folder, attaches to the one that trains it, or reads it from disk."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..config import ConfigError, RunConfig
from ..events import ChangeSettings, encode
from ..storage.event_log import line_count
from ..storage.run_folder import WORKER_LOG, StoreError, find_worker, open_file, socket_path
from ..storage.run_store import read_config, run_description
from ..storage.run_summary import require_readable
from .live_run import LiveRun, cause_of_death
from .run import ClientError
from .stored_run import StoredRun

# -P: a torch.py in the folder where a person stands is not imported
WORKER = (sys.executable, "-P", "-m", "tinygpt_tui.engine.worker")


async def start(
    path: Path,
    worker: Sequence[str] = WORKER,
    *,
    since: int = 0,
    checkpoint: str = "",
    change: ChangeSettings | None = None,
) -> LiveRun:
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
    raise ClientError(said or f"{path.name}: the worker could not start: {await cause_of_death(path, process)}")


async def attach(path: Path) -> LiveRun:
    """Watch and command the worker that trains a run."""
    config = _config(path)
    try:
        worker, stored = find_worker(path), await asyncio.to_thread(line_count, path)
    except StoreError as error:
        raise ClientError(str(error)) from None
    if worker is None:
        raise ClientError(f"{path.name}: {_untrained(path)}")
    return await _connect(path, config, own_from=stored, pid=worker.pid)


def open_stored(path: Path) -> StoredRun:
    """A run on disk; what is no event in it is skipped, and `transcript` tells."""
    config = _config(path)
    try:
        require_readable(path)
    except StoreError as error:
        raise ClientError(str(error)) from None
    return StoredRun(path, config)


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
