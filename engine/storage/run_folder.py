"""A run's folder: what its files are called, how they are opened, and whether a worker is at work in it.

The folder may come from a stranger, so nothing in it is opened through a link, and no pipe or device in a file's place.
"""

import errno
import fcntl
import hashlib
import os
import signal
import socket
import stat
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

CONFIG = "config.toml"
EVENTS = "events.jsonl"
CHECKPOINTS = "checkpoints"
WORKER_LOG = "worker.log"
LOCK = "lock"
RELATION = "compared.json"
ORIGIN = "fork.json"
SOCKET = "worker.sock"

LONGEST_ADDRESS = 103
"""Bytes that every system takes as the path of a Unix socket."""


class StoreError(ValueError):
    """A run that cannot be found, read or written; the message is one line that names the file and the remedy."""


def open_file(path: Path, flags: int) -> int:
    """A descriptor of a regular file, created for its owner alone with O_CREAT in `flags`."""
    try:
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: {_why_not(path, error)}") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise StoreError(f"{path}: is not a regular file")
    return file


def _why_not(path: Path, error: OSError) -> str:
    """Why a file cannot be opened, and what helps."""
    match error.errno:
        case errno.ELOOP:
            return "is a link, which is not followed"
        case errno.EACCES | errno.EPERM:
            return f"cannot be opened: {error.strerror}; ask its owner, or go on with a copy of your own"
        case _:
            return f"cannot be opened: {error.strerror}"


def last_words(run: Path) -> str:
    """The last line that the run's worker printed; empty if it printed none. It is text from outside."""
    try:
        log = open_file(run / WORKER_LOG, os.O_RDONLY)
    except StoreError:
        return ""
    with os.fdopen(log, "rb") as file:
        file.seek(max(os.fstat(log).st_size - 4096, 0))
        lines = [line for line in file.read(4096).decode(errors="replace").splitlines() if line.strip()]
    return printable(lines[-1].strip()) if lines else ""


def printable(text: str) -> str:
    """Text from outside as one short line without control characters."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)[:300]


@dataclass(frozen=True)
class Worker:
    """A process that is at work in a run folder."""

    pid: int
    since: float
    """Seconds since 1970."""


def find_worker(run: Path) -> Worker | None:
    with _guarded(run):
        return _find_worker(run)


def kill_worker(run: Path) -> None:
    """End the worker of a run at once, if the pid in the lock, which anybody may have written, is that of one."""
    worker = find_worker(run)
    if worker and worker.pid > 1 and _is_about(run, worker.pid):
        os.kill(worker.pid, signal.SIGKILL)


def _is_about(run: Path, pid: int) -> bool:
    """Whether a process was started with a run's folder; true where the system does not show it."""
    try:
        return os.fsencode(run.name) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self/cmdline").exists()


def hold_watched(run: Path) -> int:
    """A descriptor that marks a run as watched for as long as it is open, whatever ends the process; -1 where none."""
    try:
        log = open_file(run / WORKER_LOG, os.O_RDONLY)
    except StoreError:
        return -1
    fcntl.flock(log, fcntl.LOCK_SH)  # another waits for a moment at most: see is_watched
    return log


def is_watched(run: Path) -> bool:
    """Whether a process follows the run."""
    try:
        log = open_file(run / WORKER_LOG, os.O_RDONLY)
    except StoreError:
        return False
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(log)


@contextmanager
def unoccupied(run: Path) -> Iterator[None]:
    """Keep workers out for a moment; StoreError if there is one already."""
    with _guarded(run):
        if worker := _find_worker(run):
            raise StoreError(f"{run}: a worker (process {worker.pid}) trains this run; attach to it or stop it")
        yield


@contextmanager
def claimed(run: Path) -> Iterator[socket.socket]:
    """Be the one worker of a run; the socket on which it listens. StoreError if there is a worker already."""
    with ExitStack() as kept:
        with unoccupied(run):
            lock = open_file(run / LOCK, os.O_RDWR | os.O_CREAT)
            kept.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d" % os.getpid(), 0)
            address = socket_path(run)
            listener = kept.enter_context(closing(_listen(address)))
            kept.callback(address.unlink, missing_ok=True)
        yield listener


def socket_path(run: Path) -> Path:
    """Where a run's worker listens: in its folder, or, where that path is too long, in the user's runtime folder."""
    address = run.resolve() / SOCKET
    if len(os.fsencode(address)) <= LONGEST_ADDRESS:
        return address
    name = hashlib.sha256(os.fsencode(address)).hexdigest()[:24]
    with warnings.catch_warnings():  # where XDG_RUNTIME_DIR is not set it takes another folder, which is as good
        warnings.simplefilter("ignore")
        runtime = platformdirs.user_runtime_path("tinygpt-tui")
    return _private(runtime) / f"{name}.sock"


@contextmanager
def _guarded(run: Path) -> Iterator[None]:
    """One at a time looks at the lock or takes it, so that a look is never mistaken for a worker."""
    try:
        folder = os.open(run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"{run}: cannot be opened as a run folder: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _find_worker(run: Path) -> Worker | None:
    if not os.path.lexists(run / LOCK):
        return None
    lock = open_file(run / LOCK, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        pid = os.pread(lock, 32, 0)
        return Worker(int(pid) if pid.isdigit() else 0, os.fstat(lock).st_mtime)
    finally:
        os.close(lock)


def _listen(address: Path) -> socket.socket:
    address.unlink(missing_ok=True)  # a worker that was killed left it
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        listener.bind(os.fspath(address))
        listener.listen()
    except OSError as error:
        listener.close()
        raise StoreError(f"{address}: cannot listen there: {error.strerror}") from None
    finally:
        os.umask(mask)
    return listener


def _private(folder: Path) -> Path:
    """A folder that belongs to this user alone; StoreError where another user could have prepared it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise StoreError(f"{folder}: must be a folder of yours with mode 0700; remove it and try again")
    return folder


def run_folders(runs: Path) -> list[Path]:
    try:
        with os.scandir(runs) as entries:
            return sorted(Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False) and is_run(entry))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{runs}: cannot be listed: {error.strerror}; try another --runs") from None


def is_run(folder: os.PathLike[str]) -> bool:
    """Also a folder without read permission, such as another user's run: opening it raises the reason."""
    try:
        with os.scandir(folder) as entries:
            return any(entry.name in (CONFIG, EVENTS) for entry in entries)
    except PermissionError:
        return True
    except OSError:
        return False
