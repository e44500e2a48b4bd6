"""A process of a training that is not rank 0: it records nothing, and does at each step what rank 0 decides."""

import os
from collections.abc import Mapping
from typing import Protocol, SupportsFloat

from ..events import ChangeSettings, Command, Evaluate, SaveCheckpoint, Stop
from .meetings import Meetings
from .program_end import error_words
from .steering import Steering, tag_of
from .step_clock import StepClock
from .termination import TerminationWatch


class Clipping(Protocol):
    """What `training.loop_probe.LoopProbe` does here: it measures nothing, but clips as rank 0 does."""

    def begin_step(self) -> None: ...
    def measure_gradients(self) -> Mapping[str, float]: ...
    def remove(self) -> None: ...


class FollowingRank:
    """Where rank 0 is gone or records no more, the loop goes on with the settings that it had last."""

    def __init__(
        self,
        meetings: Meetings | None,
        probe: Clipping | None,
        steering: Steering | None = None,
        step_clock: StepClock | None = None,
        termination: TerminationWatch | None = None,
    ) -> None:
        """`meetings` are those with rank 0, None where nothing leads the loop."""
        self.is_stopped = False
        self._meetings = meetings
        self._probe = probe
        self._steering = steering or Steering(None, {})
        self._step_clock = step_clock
        self._termination = termination
        self._pid = os.getpid()

    @property
    def is_ours(self) -> bool:
        """False in a process that was forked off the loop's."""
        return os.getpid() == self._pid

    def finish_step(self, step: int | None, numbers: Mapping[str, SupportsFloat], tokens: int | None) -> None:
        if self._probe is None:
            return
        if self._meetings is not None:
            self._probe.begin_step()
        self._probe.measure_gradients()

    def answer_requests(self) -> None:
        """Returns when rank 0 goes on."""
        if self._meetings is not None:
            if self._step_clock is not None and self._meetings.is_time_asked:
                self._meetings.tell_time(self._step_clock.busy_s())
            if self._meetings.take_step():
                for command in self._meetings.commands():
                    self._obey(command)
        if self._step_clock is not None:
            self._step_clock.begin_step()

    def end(self) -> None:
        if self._meetings is not None:
            self._meetings.leave(error_words())

    def close(self) -> None:
        """Leave the loop as it was."""
        self.give_up()
        if self._probe is not None:
            self._probe.remove()
        if self._step_clock is not None:
            self._step_clock.remove()

    def give_up(self) -> "FollowingRank":
        """Follow no more; what was changed in the loop stays in effect until the result is closed."""
        meetings, self._meetings = self._meetings, None
        if meetings is not None:
            meetings.leave("")
        if self._termination is not None:
            self._termination.close()
        return self

    def _obey(self, command: Command) -> None:
        match command:
            case Stop():
                self.is_stopped = True
            case ChangeSettings():
                self._steering.change(command)
            case Evaluate() | SaveCheckpoint():
                self._steering.call(tag_of(command))
            case _:
                pass
