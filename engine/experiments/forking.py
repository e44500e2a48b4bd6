"""A fork: a new run that goes on from a step of another one, with other settings where that is asked for.

Only files are made here; the fork's worker computes the parent's state at the step again, from the nearest checkpoint
before it. The parent is read and never written.
"""

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..config import ConfigError, RunConfig
from ..events import ChangeSettings
from ..live_changes import config_keys, live_part
from ..storage.origin import Origin, write_origin
from ..storage.relation import Relation, as_related, write_relation
from ..storage.run_folder import CHECKPOINTS, StoreError
from ..storage.run_store import create, read_config, remove
from ..storage.run_summary import summarise
from ..storage.stored_checkpoints import stored_checkpoints
from .journal import read_journal

LONGEST_STEM = 40
_ATTEMPTS = 5
"""To copy a checkpoint: a parent that trains may delete one meanwhile."""
_FREE = ("training.steps", "training.on_nan", "training.processes", "title")
_FREE_SECTIONS = ("instruments", "storage", "fault", "lesson")


def fork(
    runs: Path,
    parent: Path,
    step: int,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    change: ChangeSettings | None = None,
    name: str | None = None,
    fix: str = "",
) -> Path:
    """The folder of a new run, ready for a worker; ConfigError or StoreError where it cannot be.

    `changes` are config keys and their values, as fixes write them, and `change` is one as it is made live, in their
    place; `fix` is the title of the fix that they are.
    """
    config = read_config(parent)
    if change is not None:
        changes = config_keys(change)
    changed = config.with_changes({**threads_anew(changes), **changes})
    require_possible(parent, changed, step, changes)
    journal = read_journal(parent)
    origin = Origin(
        parent=as_related(parent, runs),
        step=step,
        config=config.to_toml(),
        changes=[change for change in journal.changes if change.step <= step],
        planned_steps=journal.planned_steps,
        processes=journal.processes,
        change=change or live_part(changes)[0],
    )
    path = create(runs, changed, name or f"{parent.name[:LONGEST_STEM]}-fork", now, numbered=name is None)
    try:
        copy_nearest_checkpoint(parent, path, step)
        write_relation(path, Relation(runs=(origin.parent,), fix=fix))
        write_origin(path, origin)
    except BaseException as error:
        remove(path)
        if isinstance(error, OSError):
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from None
        raise
    return path


def threads_anew(changes: Mapping[str, Any]) -> dict[str, Any]:
    """With another number of processes each has another number of threads, by the usual rule."""
    return {"training.threads": "auto"} if "training.processes" in changes else {}


def require_possible(parent: Path, config: RunConfig, step: int, changes: Mapping[str, Any]) -> None:
    """ConfigError names what a fork at this step cannot be."""
    if not 0 <= step <= (last := summarise(parent).step):
        raise ConfigError(f"{parent.name} has no step {step}; it can be forked at steps 0 to {last}")
    if config.training.steps <= step:
        steps = config.training.steps
        raise ConfigError(f"training.steps = {steps} is not beyond step {step}; set it to where the fork is to end")
    if step and (fixed := [key for key in changes if not can_change_later(key)]):
        raise ConfigError(f"{fixed[0]} is what a run was begun with; a fork at step 0 can have another")


def can_change_later(key: str) -> bool:
    """Whether a run that has begun can go on with another value; others need weights, moments or batches anew."""
    section, _, name = key.partition(".")
    is_live = not live_part({key: 0})[1]
    return is_live or key in _FREE or section in _FREE_SECTIONS or (section == "optimizer" and name != "kind")


def copy_nearest_checkpoint(parent: Path, fork: Path, step: int) -> None:
    """The latest at or before the step; none where there is none after step 0, from where the seed leads on as well."""
    for _ in range(_ATTEMPTS):
        there = [one for one in stored_checkpoints(parent / CHECKPOINTS) if 0 < one.step <= step]
        if not there:
            return
        partial = fork / CHECKPOINTS / f".partial-{there[-1].path.name}"
        partial.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            shutil.copytree(there[-1].path, partial, symlinks=True)
        except (FileNotFoundError, shutil.Error):
            shutil.rmtree(partial, ignore_errors=True)
            continue
        partial.rename(partial.with_name(there[-1].path.name))
        return
    raise StoreError(f"{parent}: its checkpoints change too fast to be copied; try again")
