"""A process that waits for another to end, however that ends, and deletes what it trained for itself alone.

It waits for the end of its own input, a pipe that nobody writes to: the system closes the other end with the process
that holds it, be that killed or left without a terminal.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from .run_folder import LOCK, StoreError, find_worker, kill_worker
from .run_store import remove


def start_reaper(folder: Path) -> subprocess.Popen[bytes]:
    """Delete a folder of runs when this process ends, or sooner: when the caretaker's input is closed."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, os.fspath(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends the terminal's processes must not end this one
    )


def delete(run: Path) -> None:
    """Kill the worker, wait until the system has let go of its lock, remove the run."""
    with suppress(StoreError, OSError):
        if find_worker(run):
            kill_worker(run)
            with (run / LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)
        remove(run)


def reap_when_input_ends(folder: Path) -> None:
    sys.stdin.buffer.read()
    for run in folder.iterdir():
        delete(run)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    reap_when_input_ends(Path(sys.argv[1]))
