"""Files and folders that are not text: which trainer's store each of them is."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .databases import Database, opener, opener_of_bytes
from .event_files import Blocks, EventFiles
from .format import Format
from .magic import SQLITE_MAGIC, WANDB_MAGIC, is_event_file
from .mlflow_store import MlflowMetric, MlflowRuns, run_name
from .names import is_held_out, is_training
from .source import Source, blocks_of
from .wandb_file import WandbFiles

_MOST_FOLDERS = 20_000
_LAST_WORD = re.compile(r"(.*?)[/_-]?([A-Za-z]+)")


def store_in(folder: Path) -> Format | None:
    """The store that a folder is or holds, if it is one."""
    events: list[Path] = []
    runs: list[Path] = []
    metrics: list[Path] = []
    databases: list[Path] = []
    for place, (parent, folders, files) in enumerate(os.walk(folder)):
        if place > _MOST_FOLDERS:
            break
        folders.sort()
        where = Path(parent)
        events += [where / file for file in sorted(files) if ".tfevents." in file]
        runs += [where / file for file in sorted(files) if file.endswith(".wandb")]
        databases += [where / file for file in sorted(files) if file.endswith(".db")]
        if "metrics" in folders and _holds_metrics(where / "metrics"):
            metrics.append(where)
            folders.remove("metrics")
    if events:
        return EventFiles(_event_runs(folder, events))
    if runs:
        return WandbFiles({path.stem: blocks_of(path) for path in runs})
    if metrics:
        names = [run_name(run) for run in metrics]
        unique = [name if names.count(name) == 1 else run.name for name, run in zip(names, metrics, strict=True)]
        return MlflowRuns({name: run / "metrics" for name, run in zip(unique, metrics, strict=True)})
    return Database.recognise(str(databases[0]), opener(databases[0])) if len(databases) == 1 else None


def is_one_run(folder: Path) -> bool:
    """Whether a folder holds the event files of one run alone, if in a folder for each split."""
    store = store_in(folder)
    return isinstance(store, EventFiles) and len(store.runs) == 1


def store_of(source: Source, path: Path | None) -> Format | None:
    """The store that a file's first bytes show it to be."""
    is_file = path is not None and path.is_file()
    blocks = blocks_of(path) if path and is_file else source.blocks
    if source.head.startswith(WANDB_MAGIC):
        return WandbFiles({"": blocks})
    if is_event_file(source.head):
        return EventFiles({"": [("", blocks)]})
    if source.head.startswith(SQLITE_MAGIC):
        connect = opener(path) if path and is_file else opener_of_bytes(b"".join(source.blocks()))
        return Database.recognise(source.name, connect)
    return None


def _event_runs(folder: Path, files: list[Path]) -> dict[str, list[tuple[str, Blocks]]]:
    """Event files by run. Where one trainer has a folder for training and one for validation, both are one run."""
    places = {path: path.parent.relative_to(folder).as_posix() for path in files}
    splits = {place: _stem_and_split(place) for place in places.values()}
    stems = [stem for stem, split in splits.values() if split]
    held_out = {stem for stem, split in splits.values() if is_held_out(split)}
    runs: dict[str, list[tuple[str, Blocks]]] = {}
    for path, place in places.items():
        stem, split = splits[place]
        shared = split and stem in held_out and stems.count(stem) > 1
        run, prefix = (stem, f"{split}/") if shared else (place, "")
        runs.setdefault(run, []).append((prefix, blocks_of(path)))
    return runs


def _stem_and_split(place: str) -> tuple[str, str]:
    """`a/loss_val` as `a/loss` and `val`; a folder may be called by what was measured on alone."""
    found = _LAST_WORD.fullmatch(place)
    stem, word = found.groups() if found else (place, "")
    return (stem or ".", word) if is_held_out(word) or is_training(word) else (place, "")


def _holds_metrics(folder: Path) -> bool:
    """Whether the first file is one of MLflow's metrics."""
    path = next((path for path in sorted(folder.rglob("*")) if path.is_file()), None)
    if not path:
        return False
    head = next(blocks_of(path)(), b"")
    return MlflowMetric.recognise(head[: head.rfind(b"\n") + 1], path.name) is not None
