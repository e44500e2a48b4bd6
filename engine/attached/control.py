"""What a person may do to an attached loop: requests are answered between two steps, by the loop's own thread."""

import math
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Protocol

from ..config import ConfigError, require
from ..events import (
    Accepted,
    ChangeSettings,
    Command,
    Evaluate,
    Event,
    LimitSpeed,
    Pause,
    Refused,
    Resume,
    RunPaused,
    RunResumed,
    SaveCheckpoint,
    SettingsChanged,
    SpeedLimited,
    Stop,
    TakeSteps,
)
from ..hosting.host import SLOWEST
from ..hosting.interfaces import Request

ALIVE_S = 1.0
"""How often a paused loop looks whether it is recorded still: without that nothing could resume it."""
ALWAYS = ("pause", "resume", "step", "speed")
"""Tags of the commands that every loop takes."""


class Levers(Protocol):
    """What of a loop can be changed, as `training.loop_probe.LoopProbe` offers it."""

    clip: float | None
    lr_factor: float
    steers_lr: bool
    """Whether `lr_factor` acts on every optimizer."""

    @property
    def lr(self) -> float | None: ...
    @property
    def weight_decay(self) -> float | None: ...
    def set_weight_decay(self, weight_decay: float) -> None: ...


Callback = Callable[[], object]


class Control:
    def __init__(
        self,
        requests: SimpleQueue[Request],
        publish: Callable[[Event], None],
        levers: Levers | None,
        callbacks: Mapping[str, Callback],
        clock: Callable[[], float] = time.monotonic,
        *,
        is_alone: bool = True,
    ) -> None:
        """`is_alone` is False for one process of many that train together: it can make them wait, as each waits for
        the slowest, but what changes or ends this one alone would break them, so that is not taken.

        `callbacks` are the loop's own, by the tag of the command that calls one: `evaluate`, `checkpoint`."""
        self.is_stopped = False
        self.step = 0
        self._requests = requests
        self._publish = publish
        self._levers = levers if is_alone else None
        self._callbacks = callbacks if is_alone else {}
        self._is_alone = is_alone
        self._clock = clock
        self._steps_left = math.inf
        """Until the loop is to be paused."""
        self._reason = ""
        self._step_s = 0.0
        """The least time that a step may take."""
        self._next_step_at = -math.inf

    @property
    def commands(self) -> list[str]:
        """Tags of the commands that this loop takes."""
        return [*ALWAYS, *(["stop"] if self._is_alone else []), *(["change"] if self.changes else []), *self._callbacks]

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

    def after_step(self, step: int, flush: Callable[[], None], is_served: Callable[[], bool]) -> None:
        """Answer what was asked; returns when the loop may go on.

        `flush` records the step, before it is paused there; `is_served` is whether anything can be asked.
        """
        self.step = step
        self._steps_left -= 1
        now = self._clock()
        self._next_step_at = max(self._next_step_at + self._step_s, now)
        if self._requests.empty() and self._steps_left > 0 and not self._step_s:
            return
        flush()
        while not self._requests.empty():
            self._answer(self._requests.get())
        if self._steps_left <= 0 and not self.is_stopped:
            self._hold(is_served)
        while (wait := self._next_step_at - self._clock()) > 0 and not self.is_stopped and self._step_s:
            self._answer_within(min(wait, ALIVE_S))

    def _hold(self, is_served: Callable[[], bool]) -> None:
        self._publish(RunPaused(step=self.step, reason=self._reason))
        while self._steps_left <= 0 and not self.is_stopped and is_served():
            self._answer_within(ALIVE_S)
        if self._steps_left <= 0:  # stopped, or nothing is left that could resume it
            self._steps_left = math.inf
        if not self.is_stopped:
            self._publish(RunResumed(step=self.step))

    def _answer_within(self, seconds: float) -> None:
        try:
            request = self._requests.get(timeout=seconds)
        except Empty:
            return
        self._answer(request)

    def _answer(self, request: Request) -> None:
        id = request.command.id
        try:
            self._obey(request.command)
        except ConfigError as error:
            request.answer(Refused(id=id, why=str(error)))
        else:
            request.answer(Accepted(id=id, step=self.step))

    def _obey(self, command: Command) -> None:
        match command:
            case Pause():
                self._steps_left, self._reason = 0, "as asked"
            case Resume():
                self._steps_left = math.inf
            case TakeSteps(count=count):
                require(count >= 1, "count", count, "must be at least 1")
                self._steps_left, self._reason = count, "the steps asked for are taken"
            case Stop() if self._is_alone:
                self.is_stopped = True
            case LimitSpeed(steps_per_s=speed):
                require(speed >= SLOWEST, "steps_per_s", speed, f"must be at least {SLOWEST}; inf is full speed")
                self._step_s = 1 / speed
                self._publish(SpeedLimited(step=self.step, steps_per_s=speed))
            case ChangeSettings():
                self._publish(SettingsChanged(step=self.step, summary=self._changed(command)))
            case Evaluate() if "evaluate" in self._callbacks:
                self._callbacks["evaluate"]()
            case SaveCheckpoint() if "checkpoint" in self._callbacks:
                self._callbacks["checkpoint"]()
            case _:
                taken = ", ".join(self.commands)
                raise ConfigError(f"this loop takes no {command.__struct_config__.tag}; it takes {taken}")

    def _changed(self, change: ChangeSettings) -> str:
        """Apply a change; what it was and is, in words."""
        asked = {name for name in change.__struct_fields__ if name != "id" and getattr(change, name) is not None}
        if unknown := sorted(asked - set(self.changes)):
            changeable = ", ".join(self.changes) or "nothing"
            raise ConfigError(f"{unknown[0]}: cannot be changed in this loop; it can change {changeable}")
        levers = self._levers
        if not asked or levers is None:
            raise ConfigError("nothing to change is named")
        words: list[str] = []
        if change.lr is not None or change.lr_times is not None:
            words.append(_change_lr(levers, change))
        if change.weight_decay is not None:
            require(change.weight_decay >= 0, "weight_decay", change.weight_decay, "must be 0 or above")
            words.append(f"weight_decay {levers.weight_decay:g} -> {change.weight_decay:g}")
            levers.set_weight_decay(change.weight_decay)
        if change.clip is not None:
            require(change.clip > 0, "clip", change.clip, "must be above 0; inf does not clip")
            words.append(f"clip {levers.clip:g} -> {change.clip:g}")
            levers.clip = change.clip
        return ", ".join(words)


def _change_lr(levers: Levers, change: ChangeSettings) -> str:
    before = levers.lr or 0.0
    if change.lr is not None:
        require(math.isfinite(change.lr) and change.lr > 0, "lr", change.lr, "must be above 0")
        require(before > 0, "lr", change.lr, "cannot be set while the loop's own lr is 0")
        levers.lr_factor *= change.lr / before
    if change.lr_times is not None:
        require(math.isfinite(change.lr_times) and change.lr_times > 0, "lr_times", change.lr_times, "must be above 0")
        levers.lr_factor *= change.lr_times
    return f"lr {before:.3g} -> {levers.lr or 0.0:.3g}"
