"""The files that this program makes in a run folder. They alone are counted and deleted; links are never followed."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from .run_folder import CHECKPOINTS, CONFIG, EVENTS, LOCK, ORIGIN, RELATION, SOCKET, WORKER_LOG, StoreError, open_file

CREATED = b"# A run of tinygpt-tui, created "
"""How the configuration of a run begins."""
_EVENT = b'{"event":"'
_FILES = (CONFIG, EVENTS, WORKER_LOG, LOCK, SOCKET, RELATION, ORIGIN)
_UNFINISHED_CONFIG = ".new-"
_CHECKPOINT = ("step-", ".partial-")
_CHECKPOINT_FILES = ("model.safetensors", "optimizer.safetensors", "state.json")


def is_own_run(run: Path) -> bool:
    """Whether the configuration or the log begins as this program writes it; PermissionError where that is hidden."""
    return _begins(run / CONFIG, CREATED) or _begins(run / EVENTS, _EVENT)


def created(run: Path) -> datetime:
    """The date in its configuration, or of an attached loop's first event, or else of the folder's last change."""
    try:
        with os.fdopen(open_file(run / CONFIG, os.O_RDONLY), "rb") as file:
            line = file.readline(100).decode().strip()
        created = datetime.fromisoformat(line.removeprefix(CREATED.decode())).astimezone(UTC)
        return created.replace(year=min(max(created.year, 1970), 9998))  # any time zone has a date for it
    except (OSError, ValueError, OverflowError):
        return datetime.fromtimestamp(_first_event_s(run) or run.lstat().st_mtime, UTC)


def _first_event_s(run: Path) -> float | None:
    """Its time, in seconds since 1970; None where there is none, or none that is a date."""
    try:
        with os.fdopen(open_file(run / EVENTS, os.O_RDONLY), "rb") as file:
            time = re.search(rb'"time":(\d{1,10}(?:\.\d+)?)[,}]', file.read(100))
    except (OSError, StoreError):
        return None
    return float(time[1]) if time else None


def _begins(path: Path, opening: bytes) -> bool:
    try:
        file = open_file(path, os.O_RDONLY)
    except StoreError as error:
        if isinstance(cause := error.__context__, PermissionError):
            raise cause from None
        return False
    try:
        return os.pread(file, len(opening), 0) == opening
    finally:
        os.close(file)


def own_files(run: Path) -> Iterator[os.DirEntry[str]]:
    """Files by their known names, at their known places; also a link in the place of one, or of a folder of them."""
    for entry in _entries(run):
        if entry.name == CHECKPOINTS and not _is_file(entry):
            for checkpoint in _entries(entry):
                if checkpoint.name.startswith(_CHECKPOINT) and not _is_file(checkpoint):
                    yield from (file for file in _entries(checkpoint) if file.name in _CHECKPOINT_FILES)
                elif checkpoint.is_symlink():
                    yield checkpoint
        elif entry.name in (*_FILES, CHECKPOINTS) or entry.name.startswith(_UNFINISHED_CONFIG):
            yield entry


def delete_own_files(run: Path) -> list[Path]:
    """Delete a run; the files and folders in it that this program did not make are left, and returned."""
    # the configuration last: it marks the rest as ours, should the deletion be cut short
    for entry in sorted(own_files(run), key=lambda entry: entry.name == CONFIG):
        if _is_file(entry):
            Path(entry).unlink()
    checkpoints = run / CHECKPOINTS
    if checkpoints.is_dir():
        for entry in _entries(checkpoints):
            if entry.name.startswith(_CHECKPOINT) and not _is_file(entry) and not any(_entries(entry)):
                Path(entry).rmdir()
        if not any(_entries(checkpoints)):
            checkpoints.rmdir()
    if not (left := [Path(entry) for entry in _entries(run)]):
        run.rmdir()
    return sorted(left)


def _entries(folder: os.PathLike[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:  # a worker has thinned its checkpoints meanwhile
        return []


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Anything but a folder, such as a link or a pipe."""
    return not entry.is_dir(follow_symlinks=False)
