"""Hosts a training loop: runs its steps, stores its events, and answers commands between two steps.

It does not depend on the model, processes or sockets: the loop, log, checkpointer and diagnosis are passed in, and
requests arrive on a queue.
"""

import math
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Literal

from ..config import ConfigError, require
from ..events import (
    Accepted,
    ChangeSettings,
    Command,
    Evaluate,
    Event,
    LessonPaced,
    LimitSpeed,
    PaceLesson,
    Pause,
    Refused,
    Resume,
    RunEnded,
    RunPaused,
    RunResumed,
    Sample,
    SaveCheckpoint,
    SpeedLimited,
    StepFinished,
    Stop,
    TakeSteps,
)
from ..long_work import WorkAbandoned
from ..storage.run_folder import StoreError
from ..storage.stored_checkpoints import Reason
from .blocking_log import BlockingLog, StorageAbandoned
from .interfaces import EventSink, Hosted, LoopBroken, Request, refuse_all, with_findings
from .interruptions import Interruptions
from .loss_watch import LossWatch
from .planned_pauses import PlannedPauses
from .time_report import TimeReport

RETRY_S = 1.0
"""Seconds between two attempts to write to a full disk."""
SLOWEST = 0.001
"""Steps a second: a limit below this would be a pause."""
GATHER_S = 0.05
"""Steps that end within this time are diagnosed and stored together: training leaves nothing of that code in the
processor's caches, so that for each step alone it takes ten times as long."""
NAN_LOSS = "the loss is not a finite number"

EndReason = Literal["finished", "stopped", "nan", "failed"]


class Host:
    """One run, from its start to its end; `run` is called once."""

    def __init__(
        self,
        hosted: Hosted,
        log: EventSink,
        requests: SimpleQueue[Request],
        announce: Callable[[Event | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = hosted.loop
        self._opening = hosted.opening
        self._saver = hosted.saver
        self._diagnosis = hosted.diagnosis
        self._loss_watch = LossWatch(hosted.on_nan)
        self._patience = hosted.patience
        self._stopwatch = hosted.stopwatch
        self._time_report = TimeReport(hosted.stopwatch)
        self._log = BlockingLog(log, announce, self._wait_for_space)
        self._requests = requests
        self._interruptions = Interruptions(requests, answer=self._answer, is_paused=lambda: self._paused)
        hosted.long_work.listen(self._interruptions.look)
        self._upkeep = hosted.upkeep
        self._announce = announce
        self._clock = clock
        self._end: RunEnded | None = None
        self._paused = False
        self._planned = PlannedPauses(hosted.lesson)
        self._step_s = 0.0
        """The least time a step may take."""
        self._next_step_at = -math.inf
        self._gathered: list[Event] = []
        self._store_at = -math.inf
        self._saved_at: int | None = None
        self._is_changed = False
        """Since the last checkpoint; several changes after one step are saved together, before the next."""

    def run(self) -> RunEnded:
        try:
            started = self._loop.started()
            self._patience.observe([started])
            for event in (started, *self._opening):
                self._record(event)
            self._stopwatch.take()  # getting ready is no part of training
            while self._end is None:
                self._answer_requests()
                if self._end is None and self._loop.finished:
                    self._finish("finished")
                elif self._end is None:
                    self._take_step()
        except StorageAbandoned as why:
            self._finish("stopped", detail=f"without a checkpoint: {why}", save=False)
        except Exception as error:
            traceback.print_exc()
            last_line = traceback.format_exception_only(error)[-1].strip()
            self._finish("failed", detail=last_line, save=False)
        assert self._end is not None
        while self._interruptions:
            self._requests.put(self._interruptions.take())
        refuse_all(self._requests, "the run has ended")
        return self._end

    def _take_step(self) -> None:
        if self._is_changed:
            self._save("change")
        now = self._clock()
        self._next_step_at = max(self._next_step_at + self._step_s, now)
        try:
            with self._interruptions.during_step():
                events = self._loop.advance()
        except LoopBroken as why:
            self._finish("failed", detail=str(why))
            return
        self._stopwatch.lap("training")
        for event in events:
            self._record(event)
        if not any(isinstance(event, StepFinished) for event in events):
            return  # it was abandoned
        if spent := self._time_report.after_step(self._loop.step):  # before a checkpoint, which may be the run's end
            self._record(spent)
            self._upkeep()
        reasons = self._saver.due(events)
        self._stopwatch.lap("checkpoint")
        for reason in reasons:
            self._save(reason)
        match self._loss_watch.after_step(events):
            case "stop":
                self._finish("nan", detail=NAN_LOSS, save=False)
                return
            case "pause":
                self._pause(RunPaused(step=self._loop.step, reason=NAN_LOSS))
            case "continue":
                pass
        self._patience.observe(events)
        if self._patience.is_over and not self._loop.finished:
            self._finish("finished", detail=self._patience.reason, save_last=False)
            return
        if (pause := self._planned.after_step(self._loop.step)) and not self._loop.finished:
            self._pause(pause)

    def _answer_requests(self) -> None:
        """While the run is paused or ahead of its speed limit, wait for more."""
        while self._end is None:
            request = self._next_request()
            self._stopwatch.lap("waiting")
            if request is None:
                return
            self._answer(request)

    def _next_request(self) -> Request | None:
        """None when it is time to go on."""
        if self._interruptions:
            return self._interruptions.take()
        while (wait := self._wait_s()) > 0 or not self._requests.empty():
            self._store()
            with suppress(Empty):
                return self._requests.get(wait > 0, None if math.isinf(wait) else wait)
        return None

    def _wait_s(self) -> float:
        if self._loop.finished:
            return 0.0
        return math.inf if self._paused else max(self._next_step_at - self._clock(), 0.0)

    def _answer(self, request: Request) -> None:
        command = request.command
        try:
            self._obey(command)
        except ConfigError as error:
            request.answer(Refused(id=command.id, why=str(error)))
            return
        except WorkAbandoned:
            request.answer(Refused(id=command.id, why="the run was stopped before this was done"))
            return
        request.answer(Accepted(id=command.id, step=self._loop.step))
        match command:
            case ChangeSettings():
                self._is_changed = True
            case Stop():
                self._finish("stopped")
            case _:
                pass

    def _obey(self, command: Command) -> None:
        match command:
            case Pause():
                self._pause(RunPaused(step=self._loop.step, reason="as asked"))
            case Resume():
                self._resume(math.inf)
            case TakeSteps(count=count):
                require(count >= 1, "count", count, "must be at least 1")
                self._resume(count)
            case LimitSpeed(steps_per_s=rate):
                require(rate >= SLOWEST, "steps_per_s", rate, f"must be at least {SLOWEST}; inf is full speed")
                self._step_s = 1 / rate
                self._next_step_at = self._clock() + self._step_s
                self._record(SpeedLimited(step=self._loop.step, steps_per_s=rate))
            case PaceLesson(watch_points=watch_points, findings=findings):
                self._planned.follow(command)
                self._record(LessonPaced(step=self._loop.step, watch_points=watch_points, findings=findings))
            case ChangeSettings():
                changed = self._loop.change(command)
                self._patience.observe([changed])
                self._record(changed)
            case Evaluate():
                self._record(self._loop.evaluate())
            case Sample():
                self._record(self._loop.sample(command))
            case SaveCheckpoint():
                self._save("asked")
            case Stop():
                pass  # answered first: what it leads to may take longer than a step
            case _:
                raise ConfigError(f"a run that trains cannot be told {type(command).__name__}")

    def _pause(self, pause: RunPaused) -> None:
        if not self._paused:
            self._paused = True
            self._record(pause)

    def _resume(self, steps: float) -> None:
        self._planned.go_on(steps)
        if self._paused:
            self._paused = False
            self._record(RunResumed(step=self._loop.step))

    def _finish(self, reason: EndReason, detail: str = "", save: bool = True, *, save_last: bool = True) -> None:
        self._upkeep()
        if save:
            is_saved = self._saved_at == self._loop.step and not self._is_changed
            last: list[Reason] = [] if is_saved or not save_last else ["stop"]
            for saving in (*self._saver.due((), ending=True), *last):
                self._save(saving)
        self._end = RunEnded(step=self._loop.step, reason=reason, detail=detail)
        try:
            self._record(self._end)
        except (StorageAbandoned, StoreError):
            self._announce(self._end)

    def _save(self, reason: Reason) -> None:
        self._store()
        saved = self._log.write_or_wait(lambda: self._saver.save(reason), step=self._loop.step)
        self._stopwatch.lap("checkpoint")
        self._saved_at, self._is_changed = saved.step, False
        self._record(saved)

    def _record(self, event: Event) -> None:
        self._gathered.append(event)
        is_due = self._clock() >= self._store_at or self._planned.needs_every_step
        if is_due or not isinstance(event, StepFinished):
            self._store()

    def _store(self) -> None:
        """Store the gathered events, each with the findings it led to."""
        gathered, self._gathered = self._gathered, []
        self._store_at = self._clock() + GATHER_S
        events = [each for event in gathered for each in with_findings(event, self._diagnosis)]
        self._planned.observe(events)
        self._stopwatch.lap("diagnosis")
        if self._log.record(events, step=self._loop.step):
            self._stopwatch.lap("log")

    def _wait_for_space(self, why: str) -> None:
        """Until it is time to try again, which a Resume makes at once; StorageAbandoned on Stop."""
        retry_at = self._clock() + RETRY_S
        while (wait := retry_at - self._clock()) > 0:
            try:
                request = self._requests.get(timeout=wait)
            except Empty:
                break
            id, step = request.command.id, self._loop.step
            match request.command:
                case Stop():
                    request.answer(Accepted(id=id, step=step))
                    raise StorageAbandoned(why)
                case Pause() | Resume() as command:
                    self._obey(command)
                    request.answer(Accepted(id=id, step=step))
                    if isinstance(command, Resume):
                        break
                case _:
                    request.answer(Refused(id=id, why=f"the run waits until it can be stored: {why}"))
        self._stopwatch.lap("waiting")
