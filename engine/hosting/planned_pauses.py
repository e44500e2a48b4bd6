"""Pauses that are asked for in advance: after so many steps, where a lesson has something to show, at a finding."""

import math
from collections.abc import Iterable

from ..events import Event, FindingOpened, PaceLesson, RunPaused, SettingsChanged, StepFinished
from ..lesson import Lesson


class PlannedPauses:
    """Observes the events of a run in their order; `after_step` returns the pause that is due, once."""

    def __init__(self, lesson: Lesson) -> None:
        self._what = {watch.step: watch.what for watch in lesson.watch}
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
                case StepFinished(step=step) if self._pace.watch_points and step in self._what and not self._reached:
                    self._reached = RunPaused(step=step, reason=" ".join(self._what[step].split()), at="watch")
                case FindingOpened() if event.is_alarm:
                    self._note(event)
                case SettingsChanged():
                    self._what = {}  # they were written of the run as it was
                case _:
                    pass

    def after_step(self, step: int) -> RunPaused | None:
        """A lesson does not interrupt steps that a person has counted."""
        self._steps_left -= 1
        reached, self._reached = self._reached, None
        if 0 < self._steps_left < math.inf:
            return None
        if reached is not None:
            return reached
        return RunPaused(step=step, reason="the steps asked for are taken") if self._steps_left <= 0 else None

    def _note(self, finding: FindingOpened) -> None:
        """The first finding is news, and so is the first of each kind that the lesson is about."""
        is_news = not self._found or (finding.kind in self._expected and finding.kind not in self._found)
        self._found.add(finding.kind)
        if self._pace.findings and is_news:
            reason = f"{finding.title or finding.kind} since step {finding.onset}"
            self._reached = RunPaused(step=finding.step, reason=reason, at="finding")
