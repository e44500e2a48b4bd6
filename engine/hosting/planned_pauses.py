"""Pauses that are asked for in advance: after so many steps, where a lesson has something to show, at a finding."""

import math
from collections.abc import Iterable

from ..conditions import Condition, parse_condition
from ..events import Event, FindingOpened, PaceLesson, RunPaused, SettingsChanged, StepFinished
from ..lesson import Lesson
from .running_measures import RunningMeasures


class PlannedPauses:
    """Observes the events of a run in their order; `after_step` returns the pause that is due, once."""

    def __init__(self, lesson: Lesson) -> None:
        self._what = {watch.step: watch.what for watch in lesson.watch if not watch.when}
        self._awaited = {watch.what: parse_condition(watch.when) for watch in lesson.watch if watch.when}
        """Sentences that have not come true."""
        self._unknown = dict[str, Condition]()
        """Sentences of a resumed run that were not measured since: if true at first sight, they were before."""
        self._measures = RunningMeasures()
        self._step_seen = False
        self._step = 0
        """The step that is being observed; 0 between two steps."""
        self._expected = {expected.kind for expected in lesson.expected}
        self._pace = PaceLesson()
        self._steps_left = math.inf
        self._found: set[str] = set()
        """Kinds of the findings so far."""
        self._reached: RunPaused | None = None

    @property
    def needs_every_step(self) -> bool:
        """Whether each step is to be diagnosed before the next, so that a pause comes at its step."""
        return self._pace.watch_points or self._pace.findings

    def follow(self, pace: PaceLesson) -> None:
        self._pace = pace

    def go_on(self, steps: float) -> None:
        """Pause after so many steps; inf is not to."""
        self._steps_left = steps
        self._reached = None

    def observe(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case StepFinished(step=step):
                    self._begin_step(step)
                case FindingOpened() if event.is_alarm:
                    self._note(event)
                case SettingsChanged():
                    self._what, self._awaited = {}, {}  # they were written of the run as it was
                case _:
                    pass
            if self._awaited:
                self._measures.observe(event)

    def after_step(self, step: int) -> RunPaused | None:
        """A lesson does not interrupt steps that a person has counted."""
        self._steps_left -= 1
        self._end_step()
        reached, self._reached = self._reached, None
        if 0 < self._steps_left < math.inf:
            return None
        if reached is not None:
            return reached
        return RunPaused(step=step, reason="the steps asked for are taken") if self._steps_left <= 0 else None

    def _begin_step(self, step: int) -> None:
        self._end_step()
        if not self._step_seen and step > 1:
            self._unknown = dict(self._awaited)
        self._step, self._step_seen = step, True
        if step in self._what:
            self._reach(step, self._what[step])

    def _end_step(self) -> None:
        """Everything that was measured at a step has been observed: look at which sentences have come true."""
        if not self._step or not self._awaited:
            return
        self._measures.end_step()
        for what, condition in list(self._awaited.items()):
            if self._measures.holds(condition):
                del self._awaited[what]
                if what not in self._unknown:
                    self._reach(self._step, what)
            elif self._measures.knows(condition):
                self._unknown.pop(what, None)
        self._step = 0

    def _reach(self, step: int, what: str) -> None:
        if self._pace.watch_points and not self._reached:
            self._reached = RunPaused(step=step, reason=" ".join(what.split()), at="watch")

    def _note(self, finding: FindingOpened) -> None:
        """The first finding is news, and so is the first of each kind that the lesson is about."""
        is_news = not self._found or (finding.kind in self._expected and finding.kind not in self._found)
        self._found.add(finding.kind)
        if self._pace.findings and is_news:
            reason = f"{finding.title or finding.kind} since step {finding.onset}"
            self._reached = RunPaused(step=finding.step, reason=reason, at="finding")
