"""The files of a log, a file or the folder of a store: how large they are, and when they were last written."""

import os
from collections.abc import Iterator
from pathlib import Path

_MOST_FILES = 20_000


def state(path: Path) -> tuple[int, int, int] | None:
    """What differs once a log was written: files, bytes, and the newest time; None where it is gone."""
    found = [*_stats(path)]
    if not found:
        return None
    return len(found), sum(each.st_size for each in found), max(each.st_mtime_ns for each in found)


def log_size(path: Path) -> int:
    return sum(each.st_size for each in _stats(path))


def written_at(path: Path) -> float:
    """Seconds since 1970; 0 where it is gone."""
    return max((each.st_mtime for each in _stats(path)), default=0.0)


def _stats(path: Path) -> Iterator[os.stat_result]:
    """Of the file, or of the files below the folder."""
    try:
        if not path.is_dir():
            yield path.stat()
            return
    except OSError:
        return
    seen = 0
    for parent, _, files in os.walk(path):
        for file in files:
            seen += 1
            if seen > _MOST_FILES:
                return
            try:
                yield Path(parent, file).stat()
            except OSError:  # gone since it was listed
                continue
