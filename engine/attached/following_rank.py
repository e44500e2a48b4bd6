"""A process of a training that is not rank 0: it records nothing, and does at each step what rank 0 decides."""

import math
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Protocol, SupportsFloat

from ..events import ChangeSettings, Command, Evaluate, SaveCheckpoint, Stop, TakeSteps, decode_command
from .leading_rank import RANK_REPORT_S
from .program_end import error_words
from .rank_meeting import Left, StepTaken, line
from .steering import Steering, tag_of
from .step_clock import StepClock

_CHUNK = 1 << 12


class Clipping(Protocol):
    """What `training.loop_probe.LoopProbe` does here: it measures nothing, but clips as rank 0 does."""

    def begin_step(self) -> None: ...
    def measure_gradients(self) -> Mapping[str, float]: ...
    def remove(self) -> None: ...


class FollowingRank:
    """Where rank 0 is gone or records no more, the loop goes on with the settings that it had last."""

    def __init__(
        self,
        connection: socket.socket | None,
        probe: Clipping | None,
        steering: Steering | None = None,
        step_clock: StepClock | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`connection` is that to rank 0, None where nothing leads the loop."""
        self.is_stopped = False
        self._connection = connection
        self._probe = probe
        self._steering = steering or Steering(None, {})
        self._step_clock = step_clock
        self._clock = clock
        self._rest = b""
        self._steps_left = 1
        self._reports_at = -math.inf
        self._pid = os.getpid()

    @property
    def is_ours(self) -> bool:
        """False in a process that was forked off the loop's."""
        return os.getpid() == self._pid

    def finish_step(self, step: int | None, numbers: Mapping[str, SupportsFloat], tokens: int | None) -> None:
        if self._probe is None:
            return
        if self._connection is not None:
            self._probe.begin_step()
        self._probe.measure_gradients()

    def answer_requests(self) -> None:
        """Returns when rank 0 goes on."""
        self._steps_left -= 1
        if self._steps_left <= 0 and self._connection is not None:
            self._report()
            while (command := self._received()) is not None and not self._obey(command):
                pass
        if self._step_clock is not None:
            self._step_clock.begin_step()

    def end(self) -> None:
        self._send(Left(words=error_words()))

    def close(self) -> None:
        """Leave the loop as it was."""
        self._hang_up()
        if self._probe is not None:
            self._probe.remove()
        if self._step_clock is not None:
            self._step_clock.remove()

    def give_up(self) -> "FollowingRank":
        """Follow no more; what was changed in the loop stays in effect until the result is closed."""
        self._hang_up()
        return self

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _report(self) -> None:
        if self._clock() >= self._reports_at:
            self._reports_at = self._clock() + RANK_REPORT_S
            self._send(StepTaken(busy_s=self._step_clock.busy_s() if self._step_clock else None))

    def _send(self, message: StepTaken | Left) -> None:
        if self._connection is not None:
            try:
                self._connection.sendall(line(message))
            except OSError:
                self._hang_up()

    def _received(self) -> Command | None:
        """The next command; None where rank 0 does not lead any more."""
        while self._connection is not None:
            first, end, rest = self._rest.partition(b"\n")
            if end:
                self._rest = rest
                return decode_command(first)
            try:
                data = self._connection.recv(_CHUNK)
            except OSError:
                data = b""
            if not data:
                self._hang_up()
            self._rest += data
        return None

    def _obey(self, command: Command) -> bool:
        """Whether the loop goes on after it."""
        match command:
            case TakeSteps(count=count):
                self._steps_left = count
                return True
            case Stop():
                self.is_stopped = True
            case ChangeSettings():
                self._steering.change(command)
            case Evaluate() | SaveCheckpoint():
                self._steering.call(tag_of(command))
            case _:
                pass
        return False
