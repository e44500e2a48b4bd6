"""What a person can change in an attached loop, and the callbacks of the loop that can be asked for."""

import math
from collections.abc import Callable, Mapping
from typing import Protocol

from ..config import ConfigError, require
from ..events import ChangeSettings, Command


class Levers(Protocol):
    """What of a loop can be changed, as `training.loop_probe.LoopProbe` offers it."""

    clip: float | None
    steers_lr: bool
    """Whether `lr_factor` acts on every optimizer."""

    @property
    def lr_factor(self) -> float: ...
    @lr_factor.setter
    def lr_factor(self, factor: float) -> None: ...
    @property
    def lr(self) -> float | None: ...
    @property
    def weight_decay(self) -> float | None: ...
    def set_weight_decay(self, weight_decay: float) -> None: ...


Callback = Callable[[], object]


class Steering:
    """The same change on the same loop has the same effect in each process that trains."""

    def __init__(self, levers: Levers | None, callbacks: Mapping[str, Callback]) -> None:
        """`callbacks` are the loop's own, by the tag of the command that calls one: `evaluate`, `checkpoint`."""
        self.callbacks = callbacks
        self._levers = levers

    @property
    def changes(self) -> list[str]:
        """Fields of ChangeSettings that can be changed in this loop."""
        levers = self._levers
        if levers is None:
            return []
        possible = {
            "lr": levers.lr is not None and levers.steers_lr,
            "lr_times": levers.lr is not None and levers.steers_lr,
            "weight_decay": levers.weight_decay is not None,
            "clip": levers.clip is not None,
        }
        return [name for name, is_possible in possible.items() if is_possible]

    def call(self, tag: str) -> None:
        """A callback that this process was not given is another one's alone."""
        if tag in self.callbacks:
            self.callbacks[tag]()

    def change(self, change: ChangeSettings) -> str:
        """Apply a change; what it was and is, in words. ConfigError where it is none, and then nothing is changed."""
        asked = {name for name in change.__struct_fields__ if name != "id" and getattr(change, name) is not None}
        if unknown := sorted(asked - set(self.changes)):
            changeable = ", ".join(self.changes) or "nothing"
            raise ConfigError(f"{unknown[0]}: cannot be changed in this loop; it can change {changeable}")
        levers = self._levers
        if not asked or levers is None:
            raise ConfigError("nothing to change is named")
        _require_possible(levers, change)
        words: list[str] = []
        if change.lr is not None or change.lr_times is not None:
            words.append(_change_lr(levers, change))
        if change.weight_decay is not None:
            words.append(f"weight_decay {levers.weight_decay:g} -> {change.weight_decay:g}")
            levers.set_weight_decay(change.weight_decay)
        if change.clip is not None:
            words.append(f"clip {levers.clip:g} -> {change.clip:g}")
            levers.clip = change.clip
        return ", ".join(words)


def tag_of(command: Command) -> str:
    """Such as `pause`."""
    return str(command.__struct_config__.tag)


def _require_possible(levers: Levers, change: ChangeSettings) -> None:
    if change.lr is not None:
        require(math.isfinite(change.lr) and change.lr > 0, "lr", change.lr, "must be above 0")
        require((levers.lr or 0) > 0, "lr", change.lr, "cannot be set while the loop's own lr is 0")
    if change.lr_times is not None:
        require(math.isfinite(change.lr_times) and change.lr_times > 0, "lr_times", change.lr_times, "must be above 0")
    if change.weight_decay is not None:
        require(change.weight_decay >= 0, "weight_decay", change.weight_decay, "must be 0 or above")
    if change.clip is not None:
        require(change.clip > 0, "clip", change.clip, "must be above 0; inf does not clip")


def _change_lr(levers: Levers, change: ChangeSettings) -> str:
    before = levers.lr or 0.0
    if change.lr is not None:
        levers.lr_factor *= change.lr / before
    if change.lr_times is not None:
        levers.lr_factor *= change.lr_times
    return f"lr {before:.3g} -> {levers.lr or 0.0:.3g}"
