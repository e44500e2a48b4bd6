"""The checkpoints of a run: when one is due, how it gets to disk, which are given up for it.

A checkpoint is a folder that appears in one rename, so a reader sees all of it or none. It is written for the death of
the process; after a power cut a torn one is noticed and an older one taken.
"""

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..config import StorageConfig
from ..events import CheckpointSaved, Evaluated, Event, StepFinished
from ..storage.stored_checkpoints import (
    CheckpointError,
    Reason,
    Stored,
    best_stored,
    bytes_of,
    read_state,
    stored_checkpoints,
    stored_in_order,
)
from .snapshot import Snapshot, restore, take
from .trainer import Trainer

SERIES = 16
"""Checkpoints that only the thinning series keeps."""
PARTIAL = ".partial-"
"""Before the name of one that is being written or deleted; what a crash leaves of it goes at the next start."""


class Checkpoints:
    """The checkpoints of one run: when one is due, saving it, and giving up old ones so that the disk is bounded."""

    def __init__(self, folder: Path, trainer: Trainer, storage: StorageConfig) -> None:
        self._folder = folder
        self._trainer = trainer
        self._storage = storage
        self._best = math.inf
        self._waiting: Snapshot | None = None
        """The best state, when it is not on disk yet."""
        if folder.is_symlink():
            raise CheckpointError(f"{folder}: is a link; a run keeps its checkpoints in a folder of its own")
        if folder.exists() and not folder.is_dir():
            raise CheckpointError(f"{folder}: is no folder; move it away, a run keeps its checkpoints there")
        folder.mkdir(mode=0o700, exist_ok=True)
        for torn in folder.glob(f"{PARTIAL}*"):
            if not torn.is_symlink():
                shutil.rmtree(torn)
        self._stored = stored_checkpoints(folder)

    def due(self, events: Sequence[Event], *, ending: bool = False) -> list[Reason]:
        """What to save after these events.

        The best state waits in memory for as long as every evaluation is better than the last, so that a run that goes
        well does not write at each of them; whatever is written to disk has the best so far beside it. A state that is
        no longer finite is not worth keeping: an earlier one leads to it again.
        """
        step = self._trainer.step
        is_series, is_past_best = False, ending
        for event in events:
            match event:
                case StepFinished(loss=float() as loss) if not math.isfinite(loss):
                    return ["best"] if self._waiting else []
                case StepFinished():
                    is_series = event.step % self._storage.checkpoint_every == 0
                case Evaluated() if event.step == step and event.val_loss < self._best:
                    self._best = event.val_loss
                    self._waiting = take(self._trainer, "best", self._best).detached()
                case Evaluated():
                    is_past_best = True
                case _:
                    pass
        is_older = self._waiting is not None and self._waiting.state.step < step
        best: list[Reason] = ["best"] if is_older and (is_series or is_past_best) else []
        return [*best, "series"] if is_series else best

    def save(self, reason: Reason) -> CheckpointSaved:
        """OSError where the disk is full; what was stored before is untouched."""
        waiting = self._waiting
        snapshot = waiting if waiting and reason == "best" else take(self._trainer, reason, self._best)
        step = snapshot.state.step
        name = next(name for name in _names(step) if not os.path.lexists(self._folder / name))
        writing = self._folder / f"{PARTIAL}{name}"
        self._make_room(snapshot.size)
        try:
            writing.mkdir(mode=0o700)
            snapshot.write(writing)
            path = writing.rename(self._folder / name)
        except BaseException:
            shutil.rmtree(writing, ignore_errors=True)
            raise
        self._stored = stored_in_order([*self._stored, Stored(path, step, reason, self._best, bytes_of(path))])
        if waiting and waiting.state.step == step:
            self._waiting = None
        return CheckpointSaved(step=step, name=name, reason=reason)

    def _make_room(self, size: int) -> None:
        for old in surplus(self._stored, budget=self._storage.max_megabytes * 1_000_000 - size):
            self._stored.remove(old)
            self._delete(old)

    def restore(self, chosen: Stored) -> None:
        """CheckpointError changes nothing."""
        self._best = restore(chosen.path, self._trainer).best_val_loss

    def delete_after(self, chosen: Stored) -> None:
        """Those that were saved after it: a run that goes back takes back what came later."""
        place = [one.path for one in self._stored].index(chosen.path)
        for later in self._stored[place + 1 :]:
            self._delete(later)
        self._stored = self._stored[: place + 1]

    def keep_only_latest(self) -> None:
        """What a fork was computed from is no state of the fork."""
        for earlier in self._stored[:-1]:
            self._delete(earlier)
        self._stored = self._stored[-1:]

    def _delete(self, old: Stored) -> None:
        shutil.rmtree(old.path.rename(self._folder / f"{PARTIAL}{old.path.name}"))

    def restore_latest(self) -> bool:
        """Whether there was one; CheckpointError where there are some and none can be read."""
        problems: list[str] = []
        for stored in reversed(self._stored):
            try:
                self.restore(stored)
            except CheckpointError as error:
                problems.append(str(error))
                print(error, flush=True)
            else:
                return True
        if problems := problems or _damage(self._folder):
            raise CheckpointError(f"{problems[0]}; no other checkpoint of this run can be read, so start it anew")
        return False


def _damage(folder: Path) -> list[str]:
    """Why what is called a checkpoint is none, the latest first."""
    problems = []
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            read_state(path)
        except CheckpointError as error:
            problems.append(str(error))
    return problems


def surplus(stored: Sequence[Stored], *, budget: int, series: int = SERIES) -> list[Stored]:
    """Which to delete: the series is thinned towards the past, then changes go, oldest first, and never the best.

    The latest goes last, where there is no room for it beside the best and the one to be saved.
    """
    kept = list(stored)
    best = best_stored(kept)
    protected = {one.path for one in kept if one.reason == "change" or one is best} | {one.path for one in kept[-1:]}
    thinning = [one for one in kept if one.path not in protected]
    gone: list[Stored] = []
    while thinning and (len(thinning) > series or sum(one.size for one in kept) > budget):
        least = min(thinning, key=lambda one: _loneliness(one, kept))
        thinning.remove(least)
        kept.remove(least)
        gone.append(least)
    while len(kept) > 1 and sum(one.size for one in kept) > budget:
        oldest = next(one for one in kept if one is not best)
        kept.remove(oldest)
        gone.append(oldest)
    return gone


def _loneliness(one: Stored, kept: Sequence[Stored]) -> float:
    """The gap its loss would leave, as a share of its age: the past may be sparse, the present is dense."""
    index = kept.index(one)
    before = kept[index - 1].step if index else 0
    after = kept[index + 1].step if index + 1 < len(kept) else one.step
    return (after - before) / max(kept[-1].step - before, 1)


def _names(step: int) -> Iterator[str]:
    """step-000400, and after it step-000400-2 for what changed without a step."""
    yield f"step-{step:06d}"
    count = 2
    while True:
        yield f"step-{step:06d}-{count}"
        count += 1
