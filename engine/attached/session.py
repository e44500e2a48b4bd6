"""One attached loop while it trains: its numbers become events, and requests are answered between its steps.

Methods may raise whatever goes wrong; `attach.AttachedRun` keeps that away from the loop.
"""

import os
import time
from collections.abc import Mapping
from functools import partial
from typing import Protocol, SupportsFloat

from ..events import Evaluated, RunDescribed, RunEnded, RunStarted, SampleGenerated
from .control import Control
from .following_rank import FollowingRank
from .leading_rank import LeadingRank
from .loop_warning import warn_loop
from .program_end import error_words, program_end
from .rank_store import RankStore
from .recorder import Recorder
from .steering import Levers, Steering
from .step_clock import StepClock
from .step_row import StepNumbers
from .termination import TerminationWatch

ShownSettings = Mapping[str, float | int | str | bool | None]


class LoopMeasures(Levers, Protocol):
    """What is measured of a loop, as `training.loop_probe.LoopProbe` does it."""

    @property
    def parameters(self) -> int: ...
    def begin_step(self) -> None: ...
    def measure_gradients(self) -> dict[str, float]: ...
    def update_ratio(self) -> float | None: ...
    def remove(self, *, keep_changes: bool = False) -> None: ...


class Session:
    def __init__(
        self,
        recorder: Recorder,
        probe: LoopMeasures | None,
        steering: Steering,
        *,
        can_stop: bool = True,
        others: RankStore | None = None,
        step_clock: StepClock | None = None,
    ) -> None:
        """`others` are the other processes of the same training; without them this one can be made to wait."""
        self._recorder = recorder
        self._probe = probe
        self._ranks = LeadingRank(others, self._end_by_death) if others else None
        termination = partial(_end_by_signal, self._ranks, recorder)
        self._termination = TerminationWatch(termination) if others else None
        self._step_clock = step_clock
        self._steering = steering
        self._control = Control(recorder.requests, recorder.record, steering, can_stop=can_stop, others=self._ranks)
        self._step = 0
        self._planned: int | None = None
        self._tokens = 0
        self._stepped_at = time.time()
        self._is_measuring = probe is not None
        self._numbers: dict[str, float] = {}
        """Logged since the last step."""
        self._finished: tuple[int, float, dict[str, float]] | None = None
        """Number, time and metrics of a step whose update is still to be measured."""

    @property
    def is_stopped(self) -> bool:
        return self._control.is_stopped

    @property
    def is_ours(self) -> bool:
        """False in a process that was forked off the loop's."""
        return self._recorder.is_ours

    def start(self, *, title: str, steps: int | None, chance_loss: float | None, settings: ShownSettings) -> None:
        self._planned = steps
        described = RunDescribed(
            title=title,
            kind="loop",
            chance_loss=chance_loss,
            commands=self._control.commands,
            changes=self._steering.changes,
            settings=dict(settings),
        )
        parameters = self._probe.parameters if self._probe else None
        self._recorder.record(described)
        self._recorder.record(RunStarted(step=0, steps=steps, parameters=parameters, pid=os.getpid()))
        try:
            self._recorder.start()
        except BaseException:
            self.give_up()
            raise

    def log(self, numbers: Mapping[str, SupportsFloat]) -> None:
        self._numbers |= {name: plain_number(value) for name, value in numbers.items()}

    def finish_step(self, step: int | None, numbers: Mapping[str, SupportsFloat], tokens: int | None) -> None:
        """Between the loop's `backward` and its update; returns when the loop may go on."""
        self.flush()
        now = time.time()
        self._step = self._step + 1 if step is None else step
        self.log(numbers)
        values, self._numbers = self._numbers, {}
        if tokens is not None:
            self._tokens += tokens
            values.setdefault("tokens_per_s", tokens / max(now - self._stepped_at, 1e-9))
        self._stepped_at = now
        if self._probe is not None:
            if "lr" not in values and (lr := self._probe.lr) is not None:
                values["lr"] = lr
            values = {**self._measured(self._probe), **values}
        if self._ranks is not None and self._step_clock is not None:
            values |= self._ranks.rank_times(self._step_clock.busy_s)
        self._finished = (self._step, now, values)

    def _measured(self, probe: LoopMeasures) -> dict[str, float]:
        """A loop whose gradients are of a kind that cannot be measured still has its losses recorded."""
        if not self._is_measuring:
            return {}
        try:
            probe.begin_step()
            return probe.measure_gradients()
        except Exception as error:
            if probe.clip is not None:
                raise  # unclipped, it would go on as another training
            self._is_measuring = False
            warn_loop(f"gradients and updates are not measured any more: {error}")
            return {}

    def amend(self, numbers: Mapping[str, SupportsFloat]) -> None:
        """Add to the last step, or to the next one if that is recorded already."""
        if self._finished is None:
            self.log(numbers)
        else:
            values = self._finished[2]
            values |= {name: plain_number(value) for name, value in numbers.items()}

    def answer_requests(self) -> None:
        """Returns when the loop may go on."""
        self._control.after_step(self._step, self.flush, lambda: self._recorder.trouble is None)
        if self._probe is None:
            self.flush()
        if self._step_clock is not None:
            self._step_clock.begin_step()

    def flush(self) -> None:
        """Record the last step, with what was measured of its update."""
        if self._finished is None:
            return
        (step, at, values), self._finished = self._finished, None
        if self._is_measuring and self._probe and (ratio := self._probe.update_ratio()) is not None:
            values["update_ratio"] = ratio
        self._recorder.record(StepNumbers(step, values, at, self._tokens))

    def evaluate(self, val_loss: float) -> None:
        self.flush()
        self._recorder.record(Evaluated(step=self._step, val_loss=val_loss))

    def sample(self, prompt: str, text: str) -> None:
        self._recorder.record(SampleGenerated(step=self._step, prompt=prompt, text=text, temperature=0.0, top_k=0))

    def end(self) -> None:
        if self._ranks is not None and (words := error_words()):
            self._ranks.find_death(words)
        self.flush()
        is_early = self.is_stopped or (self._planned is not None and self._step < self._planned)
        self._recorder.record(program_end(self._step, is_early=is_early))

    def _end_by_death(self, words: str) -> None:
        """Another process has died, and this one will wait for it in vain or be ended; called in another thread."""
        finished, self._finished = self._finished, None
        if finished is not None:
            step, at, values = finished
            self._recorder.record(StepNumbers(step, values, at, self._tokens))
        self._recorder.end(RunEnded(step=self._step, reason="failed", detail=words))

    def give_up(self) -> FollowingRank | None:
        """Stop recording; what was changed in the loop stays in effect until the result is closed."""
        if self._termination is not None:
            self._termination.close()
        if self._step_clock is not None:
            self._step_clock.remove()
        if self._ranks is not None:
            self._ranks.close()
        self._recorder.close()
        if self._probe is None:
            return None
        self._probe.remove(keep_changes=True)
        return FollowingRank(None, self._probe)


def _end_by_signal(ranks: LeadingRank | None, recorder: Recorder) -> None:
    """This process is about to be ended, as torchrun does with the others when one has died; in another thread."""
    if ranks is not None:
        ranks.find_death("")
    recorder.close()


def plain_number(value: SupportsFloat) -> float:
    """Of a tensor too, which warns where `float` takes a number out of a graph."""
    item = getattr(value, "item", None)
    return float(item() if item else value)
