"""The logs below a folder, newest first: files that look like logs by their names, event files by their folder.

A run of an MLflow store is one log too, called as its run.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..readers.mlflow_store import run_name
from ..storage.run_folder import EVENTS

MOST_LOGS = 5000
_MOST_FILES = 50_000
_DEEPEST = 6
_SUFFIXES = {".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".log", ".out", ".wandb", ".db"}
_NO_LOGS = {
    "package.json", "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json",
    "args.json", "hparams.json", "params.json", "training_args.json",
    "debug.log", "debug-core.log", "debug-internal.log", "wandb-metadata.json", "wandb-summary.json",
}  # fmt: skip
_METRICS, _MLFLOW_RUN = "metrics", "meta.yaml"
"""The folder and the file that a run of MLflow has."""
_MOST_METRICS = 400
_HIDDEN = {"node_modules", "__pycache__", "checkpoints"}


@dataclass(frozen=True, kw_only=True)
class FoundLog:
    name: str
    """Below the folder that was searched."""
    path: Path
    is_run: bool = False
    """A run folder of this program."""
    written_at: float = 0.0
    """In seconds since 1970."""
    bytes: int = 0


def logs_in(folder: Path) -> list[FoundLog]:
    """What cannot be looked into is passed over."""
    found: dict[Path, FoundLog] = {}
    for path, log, is_run in _candidates(folder):
        try:
            stat = path.stat()
        except OSError:
            continue
        known = found.get(log)
        found[log] = FoundLog(
            name=_name(log, folder, path),
            path=log,
            is_run=is_run,
            written_at=max(stat.st_mtime, known.written_at if known else 0.0),
            bytes=stat.st_size + (known.bytes if known else 0),
        )
    return sorted(found.values(), key=lambda log: (-log.written_at, log.name))[:MOST_LOGS]


def _name(log: Path, folder: Path, file: Path) -> str:
    below = log.relative_to(folder)
    if _METRICS in file.relative_to(log).parts[:1]:
        below = below.with_name(run_name(log)) if below.name else Path(run_name(log))
    return below.as_posix()


def _candidates(folder: Path) -> Iterator[tuple[Path, Path, bool]]:
    """A file, the log that it belongs to, and whether that is a run folder."""
    seen = 0
    for parent, folders, files in os.walk(folder):
        where = Path(parent)
        depth = len(where.relative_to(folder).parts)
        folders[:] = [] if depth >= _DEEPEST else sorted(f for f in folders if f not in _HIDDEN and f[:1] != ".")
        if EVENTS in files:
            folders.clear()
            yield where / EVENTS, where, True
            continue
        if _METRICS in folders and _MLFLOW_RUN in files:
            folders.remove(_METRICS)
            metrics = (Path(inside, file) for inside, _, files in os.walk(where / _METRICS) for file in files)
            yield from ((path, where, False) for path in islice(metrics, _MOST_METRICS))
        for file in files:
            seen += 1
            if seen > _MOST_FILES:
                return
            if ".tfevents." in file:
                yield where / file, where, False
            elif os.path.splitext(file)[1].lower() in _SUFFIXES and file not in _NO_LOGS:  # noqa: PTH122
                yield where / file, where / file, False
