"""One attached loop while it trains: its numbers become events, and requests are answered between its steps.

Methods may raise whatever goes wrong; `attach.AttachedRun` keeps that away from the loop.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Protocol, SupportsFloat

from ..events import Evaluated, Event, RunDescribed, RunEnded, RunStarted, SampleGenerated
from .control import Callback, Control, Levers
from .recorder import Recorder
from .step_row import step_row

ShownSettings = Mapping[str, float | int | str | bool | None]


class Probe(Levers, Protocol):
    """What is measured of a loop, as `training.loop_probe.LoopProbe` does it."""

    @property
    def parameters(self) -> int: ...
    def begin_step(self) -> None: ...
    def measure_gradients(self) -> dict[str, float]: ...
    def update_ratio(self) -> float | None: ...
    def remove(self) -> None: ...


class Session:
    def __init__(
        self,
        recorder: Recorder,
        probe: Probe | None,
        callbacks: Mapping[str, Callback],
        *,
        warn: Callable[[str], None],
        is_alone: bool = True,
    ) -> None:
        """`is_alone` as for Control."""
        self._recorder = recorder
        self._probe = probe
        self._control = Control(recorder.requests, recorder.record, probe, callbacks, is_alone=is_alone)
        self._step = 0
        self._planned: int | None = None
        self._tokens = 0
        self._stepped_at = time.time()
        self._warn = warn
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
            changes=self._control.changes,
            settings=dict(settings),
        )
        parameters = self._probe.parameters if self._probe else None
        self._recorder.record(described)
        self._recorder.record(RunStarted(step=0, steps=steps, parameters=parameters, pid=os.getpid()))
        self._recorder.start()

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
            if self._probe.lr is not None:
                values.setdefault("lr", self._probe.lr)
            values = {**self._measured(self._probe), **values}
        self._finished = (self._step, now, values)

    def _measured(self, probe: Probe) -> dict[str, float]:
        """A loop whose gradients are of a kind that cannot be measured still has its losses recorded."""
        if not self._is_measuring:
            return {}
        try:
            probe.begin_step()
            return probe.measure_gradients()
        except Exception as error:
            self._is_measuring = False
            self._warn(f"gradients and updates are not measured any more: {error}")
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

    def flush(self) -> None:
        """Record the last step, with what was measured of its update."""
        if self._finished is None:
            return
        (step, at, values), self._finished = self._finished, None
        if self._is_measuring and self._probe and (ratio := self._probe.update_ratio()) is not None:
            values["update_ratio"] = ratio
        self._recorder.record(step_row(step, values, at=at, tokens=self._tokens))

    def evaluate(self, val_loss: float) -> None:
        self.flush()
        self._recorder.record(Evaluated(step=self._step, val_loss=val_loss))

    def sample(self, prompt: str, text: str) -> None:
        self._recorder.record(SampleGenerated(step=self._step, prompt=prompt, text=text, temperature=0.0, top_k=0))

    def end(self) -> None:
        self.flush()
        is_early = self.is_stopped or (self._planned is not None and self._step < self._planned)
        self._recorder.record(_end(self._step, getattr(sys, "last_value", None), is_early=is_early))

    def close(self) -> None:
        """Leave the loop as it was."""
        if self._probe is not None:
            self._probe.remove()
        self._recorder.close()


def plain_number(value: SupportsFloat) -> float:
    """Of a tensor too, which warns where `float` takes a number out of a graph."""
    item = getattr(value, "item", None)
    return float(item() if item else value)


def _end(step: int, error: BaseException | None, *, is_early: bool) -> Event:
    """`error` is what ended the program, if anything did."""
    if isinstance(error, KeyboardInterrupt):
        return RunEnded(step=step, reason="stopped", detail="Ctrl-C")
    if error is None:
        return RunEnded(step=step, reason="stopped" if is_early else "finished")
    detail = " ".join(f"{type(error).__name__}: {error}".split())
    return RunEnded(step=step, reason="failed", detail=detail[:300])
