"""All that a screen shows of a run, as one frozen value: fold an event in with `view.after(event)`.

The fold is pure and knows neither Textual nor files. Rows go into shared growing columns, everything else is bounded,
so a view costs little to make and a million steps fit. Only the newest view of a run grows without a copy.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import groupby
from typing import Literal, Self, cast

import numpy as np

from ...engine.arrivals import Arrival, LinesPrinted, LogRead, Noticed, StartedOver
from ...engine.config import LiveSettings, RunConfig
from ...engine.events import (
    Accepted,
    CheckpointSaved,
    Evaluated,
    FindingClosed,
    FindingOpened,
    FindingUpdated,
    LayersMeasured,
    LessonPaced,
    PreparationBegan,
    Refused,
    RunDescribed,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    SampleGenerated,
    SettingsChanged,
    SpeedLimited,
    StepFinished,
    StorageBlocked,
    StorageRestored,
    TimeSpent,
)
from ...engine.finished_steps import FinishedSteps
from ...engine.readers.step_columns import StepColumns
from ..plots.series import Table
from .curves import LARGEST_DRAWN, Curves
from .episode import Episode
from .log_columns import LogRows
from .phases import Phase, training_phases
from .thinning import Thinned
from .training_clock import TrainingClock

ViewState = Literal["starting", "training", "followed", "over", "paused", "blocked", "ended"]

_Turn = (
    PreparationBegan | RunDescribed | RunStarted | RunResumed | StorageRestored | RunPaused | StorageBlocked | RunEnded
    | Accepted | Refused
)  # fmt: skip
"""The events that `RunView.after` leaves to another match; a type checker reports one that neither has."""

_FINDINGS = 500
_SAMPLES = 128
_TIMES = 20
_LINES = 500
_LAYERS = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class RunView:
    config: RunConfig
    settings: LiveSettings
    """As they are now, live changes included."""
    steps: int
    """The step at which the run will be finished; 0 where that is not known."""
    curves: Curves
    evaluations: Table
    """A row an evaluation: step, val_loss."""
    nan_steps: Table
    """A row a step whose loss, validation loss or gradient norm was not finite: step."""
    described: RunDescribed | None = None
    """Of a run that is not one of the tiny GPT; its `config` and `settings` mean nothing then."""
    log: LogRead | None = None
    """Where the run is read from a log of another program."""
    printed: tuple[str, ...] = ()
    """The last lines of a program whose output is followed."""
    started: RunStarted | None = None
    """The latest start."""
    state: ViewState = "starting"
    state_detail: str = ""
    """What is being prepared, or why it is paused or blocked."""
    end: RunEnded | None = None
    samples: Thinned[SampleGenerated] = field(default_factory=lambda: Thinned(most=_SAMPLES))
    layers: Thinned[LayersMeasured] = field(default_factory=lambda: Thinned(most=_LAYERS))
    findings: tuple[Episode, ...] = ()
    changes: tuple[SettingsChanged, ...] = ()
    checkpoints: tuple[CheckpointSaved, ...] = ()
    spent: tuple[TimeSpent, ...] = ()
    """Where the time of the last steps went."""
    speed_limit: float = math.inf
    """Steps a second."""
    pace: LessonPaced | None = None
    """Whether the run pauses by itself where its lesson has something to show."""
    pause: RunPaused | None = None
    """While it is paused."""
    clock: TrainingClock = field(default_factory=TrainingClock)

    @classmethod
    def of(cls, config: RunConfig) -> Self:
        """The view of a run that has said nothing yet."""
        return cls(
            config=config,
            settings=LiveSettings.from_config(config),
            steps=config.training.steps,
            curves=Curves.empty(),
            evaluations=Table.of(step="f8", val_loss="f8"),
            nan_steps=Table.of(step="f8"),
        )

    def after_all(self, events: Iterable[Arrival]) -> Self:
        """Fold many events; rows that follow each other go in together."""
        view = self
        for kind, group in groupby(events, type):
            if kind is StepFinished:
                view = view._after_steps(FinishedSteps.of(cast(list[StepFinished], [*group])))
            else:
                for event in group:
                    view = view.after(event)
        return view

    def after(self, event: Arrival) -> Self:
        match event:
            case StepFinished():
                return self._after_steps(FinishedSteps.of([event]))
            case FinishedSteps():
                return self._after_steps(event)
            case StepColumns() | StartedOver() | LogRead() | LinesPrinted() | Noticed():
                return self._after_log(event)
            case Evaluated():
                rows = {"step": [event.step], "val_loss": [_finite(event.val_loss)]}
                return replace(self, evaluations=self.evaluations.extended(rows))
            case LayersMeasured():
                return replace(self, layers=self.layers.after(event))
            case SampleGenerated():
                return replace(self, samples=self.samples.after(event))
            case CheckpointSaved():
                return replace(self, checkpoints=(*self.checkpoints, event))
            case SettingsChanged():
                return replace(self, changes=(*self.changes, event), settings=event.settings or self.settings)
            case FindingOpened():
                return replace(self, findings=_bounded((*self.findings, Episode(event, None, event))))
            case FindingUpdated() | FindingClosed():
                return replace(self, findings=_after(self.findings, event))
            case TimeSpent():
                return replace(self, spent=(*self.spent, event)[-_TIMES:])
            case SpeedLimited():
                return replace(self, speed_limit=event.steps_per_s)
            case LessonPaced():
                return replace(self, pace=event if event.watch_points or event.findings else None)
            case _:
                return self._after_turn(event)

    def _after_log(self, read: StepColumns | StartedOver | LogRead | LinesPrinted | Noticed) -> Self:
        """What a log of another program hands out."""
        match read:
            case StepColumns():
                return self._after_columns(read) if len(read) else self
            case StartedOver():
                fresh = type(self).of(self.config)
                kept = {"described": self.described, "log": self.log, "printed": self.printed, "steps": self.steps}
                return replace(fresh, **kept, state=self.state, state_detail=self.state_detail)
            case LogRead():
                state = "over" if read.is_over else "followed"
                return replace(self, log=read, steps=read.steps or 0, state=state, state_detail=read.waiting)
            case LinesPrinted():
                return replace(self, printed=(*self.printed, *read.lines)[-_LINES:])
            case Noticed():  # shown by the screen when it comes
                return self

    def _after_columns(self, columns: StepColumns) -> Self:
        is_resumed = len(self.curves) > 0 and columns.steps[0] < self.curves.extent[1]
        view = self.up_to(int(columns.steps[0]) - 1) if is_resumed else self
        rows = LogRows(view.curves, view.evaluations, view.nan_steps, view.clock).after(columns)
        return replace(view, **rows._asdict())

    def _after_turn(self, event: _Turn) -> Self:
        """What starts, halts and ends a run."""
        match event:
            case PreparationBegan():
                return replace(self, state="starting", state_detail=event.activity, end=None)
            case RunDescribed():
                return replace(self, described=event, steps=0)
            case RunStarted():
                return self.up_to(event.step)._begun(event)
            case RunResumed() | StorageRestored():
                clock = self.clock.resumed(event.time)
                return replace(self, clock=clock, state="training", state_detail="", pause=None)
            case RunPaused():
                clock = self.clock.stopped(event.time)
                return replace(self, clock=clock, state="paused", state_detail=_why_paused(event), pause=event)
            case StorageBlocked():
                return replace(self, state="blocked", state_detail=event.detail)
            case RunEnded():
                clock = self.clock.stopped(event.time)
                return replace(self, clock=clock, state="ended", state_detail=event.detail, end=event, pause=None)
            case Accepted() | Refused():  # answers are shown by what has sent the command
                return self

    def _begun(self, event: RunStarted) -> Self:
        return replace(
            self,
            started=event,
            clock=self.clock.started(event.time, max(self.curves.at("time"), 0.0) if len(self.curves) else 0.0),
            steps=event.steps or self.steps,
            settings=event.settings or self.settings,
            state="training",
            state_detail="",
            end=None,
            speed_limit=math.inf,
            pace=None,
            pause=None,
        )

    def up_to(self, step: int) -> Self:
        """Without everything after a step: a run that resumes there does it again."""
        return replace(
            self,
            curves=self.curves.up_to(step),
            evaluations=_rows_up_to(self.evaluations, step),
            nan_steps=_rows_up_to(self.nan_steps, step),
            samples=self.samples.only(lambda sample: sample.step <= step),
            layers=self.layers.only(lambda measured: measured.step <= step),
            changes=tuple(change for change in self.changes if change.step <= step),
            checkpoints=tuple(checkpoint for checkpoint in self.checkpoints if checkpoint.step <= step),
            spent=tuple(spent for spent in self.spent if spent.step <= step),
            findings=tuple(episode.up_to(step) for episode in self.findings if episode.finding.step <= step),
        )

    def _after_steps(self, finished: FinishedSteps) -> Self:
        if (len(self.curves) and finished["step"][0] <= self.curves.extent[1]) or not finished.rise:
            return self._after_repeated(finished)
        running = self.clock.began is not None and self.clock.halted is None
        clock = self.clock if running else self.clock.resumed(float(finished["time"][0]))
        broken, nan_steps = finished.broken, self.nan_steps
        nan_steps = nan_steps.extended({"step": broken}) if len(broken) else nan_steps
        return replace(self, clock=clock, curves=self.curves.after(finished, clock), nan_steps=nan_steps)

    def _after_repeated(self, finished: FinishedSteps) -> Self:
        """Steps that do not go up: the later row is the true one."""
        if len(finished) == 1:
            return self.up_to(int(finished["step"][0]) - 1)._after_steps(finished)
        view = self
        for step in finished.one_by_one():
            view = view._after_steps(step)
        return view

    def has_news_since(self, before: Self) -> bool:
        """Whether more than steps, and what is measured and saved along them, has come since an earlier view."""
        return any(getattr(self, name) is not getattr(before, name) for name in _NEWS)

    @property
    def step(self) -> int:
        """The last step that was trained."""
        if len(self.curves):
            return int(self.curves["step"][-1])
        return self.started.step if self.started else 0

    @property
    def is_nan_now(self) -> bool:
        """Whether the loss, validation loss or gradient norm of the last step was not finite."""
        return len(self.nan_steps) > 0 and self.nan_steps["step"][-1] >= self.step

    @property
    def parameters(self) -> int | None:
        return self.started.parameters if self.started else None

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of training so far, with the steps at which they began."""
        return training_phases(self.curves.rows)


def was_read(before: RunView, view: RunView) -> bool:
    """Whether the whole past of a run was read between two views: whoever opened it was waiting for that."""
    return _is_read(view) and not _is_read(before)


def _is_read(view: RunView) -> bool:
    """An ended run, or a log that was read to its end once."""
    return view.end is not None or (view.log is not None and view.log.rows > 0)


_NEWS = {field.name for field in fields(RunView)} - {
    "curves", "clock", "nan_steps", "evaluations", "layers", "samples", "checkpoints"
}  # fmt: skip


def _rows_up_to(table: Table, step: int) -> Table:
    return table.first(int(np.searchsorted(table["step"], step, side="right")))


def _bounded(findings: tuple[Episode, ...]) -> tuple[Episode, ...]:
    """Without the oldest of too many, first of those that are closed."""
    if len(findings) <= _FINDINGS:
        return findings
    oldest = next((place for place, episode in enumerate(findings) if episode.closed is not None), 0)
    return findings[:oldest] + findings[oldest + 1 :]


def _after(findings: tuple[Episode, ...], event: FindingUpdated | FindingClosed) -> tuple[Episode, ...]:
    """Most findings that change are among the latest."""
    for place in reversed(range(len(findings))):
        if findings[place].finding.id == event.id:
            return (*findings[:place], findings[place].after(event), *findings[place + 1 :])
    return findings


def _why_paused(event: RunPaused) -> str:
    """The words of a watch point are the lesson's to show."""
    return "at a watch point of the lesson" if event.at == "watch" else event.reason


def _finite(value: float) -> float:
    return min(max(value, -LARGEST_DRAWN), LARGEST_DRAWN) if math.isfinite(value) else math.nan
