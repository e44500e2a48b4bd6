"""The checkpoints of a run on disk: their step and val_loss, the best one, and the one that a name selects.

No tensor is read here: that is the part of the training code.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from ..config import ConfigError, LiveSettings
from ..events import Count, require_known_settings

STATE_BYTES = 100_000

Reason = Literal["series", "best", "change", "asked", "stop"]


class CheckpointError(ValueError):
    """A checkpoint that cannot be found or restored; the message names the file and why."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    step: Count
    tokens: Count
    reason: Reason
    fingerprint: str
    best_val_loss: float
    settings: LiveSettings


@dataclass(frozen=True, slots=True)
class Stored:
    """One checkpoint on disk."""

    path: Path
    step: int
    reason: Reason
    val_loss: float
    """The best so far when it was saved."""
    size: int


def read_state(folder: Path) -> State:
    """The state file of a checkpoint, without its tensors; CheckpointError where that cannot be read."""
    path = folder / "state.json"
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > STATE_BYTES:
            raise CheckpointError(f"{path}: is missing or is no plain file of at most {STATE_BYTES} bytes")
        data = path.read_bytes()
        state = msgspec.json.decode(data, type=State, strict=False)
        require_known_settings(msgspec.json.decode(data)["settings"])
        return state
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ConfigError) as error:
        raise CheckpointError(f"{path}: {' '.join(str(error).split())[:200]}") from None


def stored_checkpoints(folder: Path) -> list[Stored]:
    """In the order they were saved; what is no checkpoint is passed over."""
    found = []
    for path in folder.glob("step-*"):
        if path.is_symlink():
            continue
        try:
            state = read_state(path)
        except CheckpointError:
            continue
        found.append(Stored(path, state.step, state.reason, state.best_val_loss, bytes_of(path)))
    return stored_in_order(found)


def stored_in_order(stored: Iterable[Stored]) -> list[Stored]:
    return sorted(stored, key=lambda one: (one.step, len(one.path.name), one.path.name))


def best_stored(stored: Sequence[Stored]) -> Stored | None:
    """The first with the lowest val_loss; None before there is an evaluation."""
    best = min(stored, key=lambda one: one.val_loss, default=None)
    return best if best is not None and math.isfinite(best.val_loss) else None


def find_checkpoint(folder: Path, wanted: str) -> Stored:
    """By "latest", "best", a step, or the name of its folder; of several at one step the last that was saved."""
    stored = stored_checkpoints(folder)
    if not stored:
        raise CheckpointError(f"{folder.parent.name}: has no checkpoint yet")
    match wanted:
        case "latest":
            return stored[-1]
        case "best":
            if best := best_stored(stored):
                return best
            raise CheckpointError(f"{folder.parent.name}: nothing was evaluated, so no checkpoint is the best")
        case _:
            for one in reversed(stored):
                if wanted in (str(one.step), one.path.name):
                    return one
    steps = ", ".join(dict.fromkeys(str(one.step) for one in stored))
    raise CheckpointError(
        f"{folder.parent.name}: has no checkpoint at {wanted!r}; there are {steps}, and 'best' and 'latest'"
    )


def bytes_of(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir() if file.is_file())
