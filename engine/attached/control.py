"""What a person may do to an attached loop: requests are answered between two steps, by the loop's own thread."""

import math
import time
from collections.abc import Callable
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
from .steering import Steering, tag_of

ALIVE_S = 1.0
"""How often a paused loop looks whether it is recorded still: without that nothing could resume it."""
_LOOK_S = 0.02
ALWAYS = ("pause", "resume", "step", "speed")
"""Tags of the commands that every loop takes."""


class Others(Protocol):
    """The other processes of a training, which do at the same step what is done here."""

    def is_due(self) -> bool:
        """Count a step; whether they wait after it for what is decided."""
        ...

    def call(self) -> None:
        """Have them wait for it after a step that is near."""
        ...

    def require_all(self) -> None:
        """ConfigError where one of them does not take part."""
        ...

    def send(self, command: Command) -> None: ...
    def go_on(self, most: float) -> None:
        """Let them go on, by at most so many steps."""
        ...


class Control:
    def __init__(
        self,
        requests: SimpleQueue[Request],
        publish: Callable[[Event], None],
        steering: Steering,
        clock: Callable[[], float] = time.monotonic,
        *,
        can_stop: bool = True,
        others: Others | None = None,
    ) -> None:
        self.is_stopped = False
        self.step = 0
        self._requests = requests
        self._publish = publish
        self._steering = steering
        self._can_stop = can_stop
        self._others = others
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
        stop, change = ["stop"] if self._can_stop else [], ["change"] if self._steering.changes else []
        return [*ALWAYS, *stop, *change, *self._steering.callbacks]

    def after_step(self, step: int, flush: Callable[[], None], is_served: Callable[[], bool]) -> None:
        """Answer what was asked; returns when the loop may go on.

        `flush` records the step, before it is paused there; `is_served` is whether anything can be asked.
        """
        self.step = step
        self._steps_left -= 1
        self._next_step_at = max(self._next_step_at + self._step_s, self._clock())
        if self._others is None:
            self._answer_all(flush, is_served)
        elif self._others.is_due():
            self._answer_all(flush, is_served)
            self._others.go_on(self._steps_left)
        else:
            self._call_others(self._others)

    def _call_others(self, others: Others) -> None:
        """A request is answered where they wait; until there is one, the speed is limited here."""
        while self._requests.empty() and (wait := self._next_step_at - self._clock()) > 0 and self._step_s:
            time.sleep(min(wait, _LOOK_S))
        if not self._requests.empty():
            others.call()

    def _answer_all(self, flush: Callable[[], None], is_served: Callable[[], bool]) -> None:
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
            case Stop() if self._can_stop:
                self._send(command)
                self.is_stopped = True
            case LimitSpeed(steps_per_s=speed):
                require(speed >= SLOWEST, "steps_per_s", speed, f"must be at least {SLOWEST}; inf is full speed")
                self._step_s = 1 / speed
                self._publish(SpeedLimited(step=self.step, steps_per_s=speed))
            case ChangeSettings():
                if self._others is not None:
                    self._others.require_all()
                summary = self._steering.change(command)
                self._send(command)
                self._publish(SettingsChanged(step=self.step, summary=summary))
            case Evaluate() | SaveCheckpoint() if tag_of(command) in self._steering.callbacks:
                self._send(command)
                self._steering.call(tag_of(command))
            case _:
                taken = ", ".join(self.commands)
                raise ConfigError(f"this loop takes no {tag_of(command)}; it takes {taken}")

    def _send(self, command: Command) -> None:
        if self._others is not None:
            self._others.require_all()
            self._others.send(command)
