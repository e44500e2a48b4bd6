"""All that a screen shows of a run, as one frozen value: fold an event in with `view.after(event)`.

The fold is pure and knows neither Textual nor files. Rows go into shared growing columns, everything else is bounded,
so a view costs little to make and a million steps fit. Only the newest view of a run grows without a copy.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import groupby
from typing import Literal, NamedTuple, Self

import numpy as np

from ...engine.config import LiveSettings, RunConfig
from ...engine.events import (
    AnyEvent,
    CheckpointSaved,
    Evaluated,
    FindingClosed,
    FindingOpened,
    LayersMeasured,
    PreparationBegan,
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
from ...engine.schedule import planned_lr
from ..plots.series import Floats, Table
from ..plots.viewport import Extent, XAxis
from .curves import RECENT, Curves
from .phases import Phase, recognised
from .thinning import Thinned
from .training_clock import TrainingClock

State = Literal["starting", "training", "paused", "blocked", "ended"]
MarkKind = Literal["finding", "change", "checkpoint"]

_SAMPLES = 128
_TIMES = 20
_LAYERS = 512
_SPAN = 30
"""Steps of the mean that stands in for a validation loss before there is one."""


class Episode(NamedTuple):
    """A finding, and the step at which the run had recovered from it."""

    finding: FindingOpened
    closed: int | None


class Mark(NamedTuple):
    """Something to be seen on every plot at one step; `text` may come from outside."""

    step: int
    kind: MarkKind
    text: str


@dataclass(frozen=True, kw_only=True, eq=False)
class RunView:
    config: RunConfig
    settings: LiveSettings
    """As they are now, live changes included."""
    steps: int
    """The step at which the run will be finished."""
    curves: Curves
    evaluations: Table
    """A row an evaluation: step, val_loss."""
    nan_steps: Table
    """A row a step whose loss or gradient norm was not finite: step."""
    started: RunStarted | None = None
    """The latest start."""
    state: State = "starting"
    state_detail: str = ""
    """What is being prepared, or why it is paused or blocked."""
    end: RunEnded | None = None
    sampled: Thinned[SampleGenerated] = field(default_factory=lambda: Thinned(most=_SAMPLES))
    measured: Thinned[LayersMeasured] = field(default_factory=lambda: Thinned(most=_LAYERS))
    findings: tuple[Episode, ...] = ()
    changes: tuple[SettingsChanged, ...] = ()
    checkpoints: tuple[CheckpointSaved, ...] = ()
    spent: tuple[TimeSpent, ...] = ()
    """Where the time of the last steps went."""
    speed_limit: float = math.inf
    """Steps a second."""
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

    def after_all(self, events: Iterable[AnyEvent]) -> Self:
        """Fold many events; rows that follow each other go in together."""
        view = self
        for kind, group in groupby(events, type):
            if kind is StepFinished:
                view = view._after_steps([event for event in group if isinstance(event, StepFinished)])
            else:
                for event in group:
                    view = view.after(event)
        return view

    def after(self, event: AnyEvent) -> Self:
        match event:
            case StepFinished():
                return self._after_steps([event])
            case Evaluated():
                rows = {"step": [event.step], "val_loss": [_finite(event.val_loss)]}
                return replace(self, evaluations=self.evaluations.extended(rows))
            case LayersMeasured():
                return replace(self, measured=self.measured.after(event))
            case SampleGenerated():
                return replace(self, sampled=self.sampled.after(event))
            case CheckpointSaved():
                return replace(self, checkpoints=(*self.checkpoints, event))
            case SettingsChanged():
                return replace(self, changes=(*self.changes, event), settings=event.settings)
            case FindingOpened():
                return replace(self, findings=(*self.findings, Episode(event, None)))
            case FindingClosed():
                return replace(self, findings=tuple(_closed(episode, event) for episode in self.findings))
            case TimeSpent():
                return replace(self, spent=(*self.spent, event)[-_TIMES:])
            case SpeedLimited():
                return replace(self, speed_limit=event.steps_per_s)
            case _:
                return self._after_turn(event)

    def _after_turn(self, event: AnyEvent) -> Self:
        """What starts, halts and ends a run."""
        match event:
            case PreparationBegan():
                return replace(self, state="starting", state_detail=event.activity, end=None)
            case RunStarted():
                return self._up_to(event.step)._begun(event)
            case RunResumed() | StorageRestored():
                return replace(self, clock=self.clock.resumed(event.time), state="training", state_detail="")
            case RunPaused():
                return replace(self, clock=self.clock.stopped(event.time), state="paused", state_detail=event.reason)
            case StorageBlocked():
                return replace(self, state="blocked", state_detail=event.detail)
            case RunEnded():
                clock = self.clock.stopped(event.time)
                return replace(self, clock=clock, state="ended", state_detail=event.detail, end=event)
            case _:
                return self

    def _begun(self, event: RunStarted) -> Self:
        return replace(
            self,
            started=event,
            clock=self.clock.started(event.time, max(self.curves.at("time"), 0.0) if len(self.curves) else 0.0),
            steps=event.steps,
            settings=event.settings,
            state="training",
            state_detail="",
            end=None,
            speed_limit=math.inf,
        )

    def _up_to(self, step: int) -> Self:
        """Without everything after a step: a run that resumes there does it again."""
        return replace(
            self,
            curves=self.curves.up_to(step),
            evaluations=_rows_up_to(self.evaluations, step),
            nan_steps=_rows_up_to(self.nan_steps, step),
            sampled=self.sampled.only(lambda sample: sample.step <= step),
            measured=self.measured.only(lambda layers: layers.step <= step),
            changes=tuple(change for change in self.changes if change.step <= step),
            checkpoints=tuple(checkpoint for checkpoint in self.checkpoints if checkpoint.step <= step),
            spent=tuple(spent for spent in self.spent if spent.step <= step),
            findings=tuple(
                Episode(finding, closed if closed is None or closed <= step else None)
                for finding, closed in self.findings
                if finding.step <= step
            ),
        )

    def _after_steps(self, events: Sequence[StepFinished]) -> Self:
        steps = np.array([event.step for event in events])
        if (len(self.curves) and steps[0] <= self.extent[1]) or (np.diff(steps) <= 0).any():
            return self._after_repeated(events)
        running = self.clock.began is not None and self.clock.halted is None
        clock = self.clock if running else self.clock.resumed(events[0].time)
        curves = self.curves.after(events, clock)
        broken = curves.broken_since(len(self.curves))
        nan_steps = self.nan_steps.extended({"step": broken}) if len(broken) else self.nan_steps
        return replace(self, clock=clock, curves=curves, nan_steps=nan_steps)

    def _after_repeated(self, events: Sequence[StepFinished]) -> Self:
        """Steps that do not go up: the later row is the true one."""
        if len(events) == 1:
            return self._up_to(events[0].step - 1)._after_steps(events)
        view = self
        for event in events:
            view = view._after_steps([event])
        return view

    @property
    def samples(self) -> tuple[SampleGenerated, ...]:
        """The first, the latest, and evenly some of those between."""
        return self.sampled.items

    def has_news_since(self, before: Self) -> bool:
        """Whether more than steps, and what is measured and saved along them, has come since an earlier view."""
        return any(getattr(self, name) is not getattr(before, name) for name in _NEWS)

    @property
    def layers(self) -> tuple[LayersMeasured, ...]:
        """The first, the latest, and evenly some of those between."""
        return self.measured.items

    @property
    def step(self) -> int:
        """The last step that was trained."""
        if len(self.curves):
            return int(self.curves["step"][-1])
        return self.started.step if self.started else 0

    @property
    def extent(self) -> Extent:
        """The first and the last step there is; what `Viewport` moves in."""
        return self.curves.extent

    @property
    def next_lr(self) -> float:
        """What the next step will be taken with; a run has it before it has taken any."""
        return planned_lr(self.settings, self.step + 1, self.steps)

    def at(self, name: str, step: float | None = None) -> float:
        """A curve's value at a step, or the latest; NaN where there is none."""
        return self.curves.at(name, step)

    def smoothed_at(self, name: str, span: int, step: float | None = None) -> float:
        return self.curves.smoothed_at(name, span, step)

    def x_of(self, steps: Floats, axis: XAxis) -> Floats:
        return self.curves.x_of(steps, axis)

    def steps_of(self, x: Floats, axis: XAxis) -> Floats:
        return self.curves.steps_of(x, axis)

    def val_loss_at(self, step: float | None = None) -> float:
        """The validation loss of the last evaluation up to a step, or of the latest."""
        if step is None:
            count = len(self.evaluations)
        else:
            count = int(np.searchsorted(self.evaluations["step"], step, side="right"))
        return float(self.evaluations["val_loss"][count - 1]) if count else math.nan

    @property
    def parameters(self) -> int | None:
        return self.started.parameters if self.started else None

    @property
    def tokens(self) -> int:
        """Trained on since the beginning."""
        return int(self.curves["tokens"][-1]) if len(self.curves) else 0

    @property
    def tokens_per_s(self) -> float:
        """The recent speed; NaN before the first step."""
        recent = self.curves["tokens_per_s"][-RECENT:]
        recent = recent[np.isfinite(recent)]
        return float(np.median(recent)) if len(recent) else math.nan

    @property
    def epoch(self) -> float:
        return self.tokens / self.started.train_tokens if self.started and self.started.train_tokens else math.nan

    @property
    def perplexity(self) -> float:
        """Of the latest validation loss; before the first, of the smoothed training loss."""
        loss = self.val_loss_at()
        loss = self.smoothed_at("loss", _SPAN) if math.isnan(loss) else loss
        return math.exp(min(loss, 700.0))

    @property
    def time_left_s(self) -> float:
        """Seconds of training to the last step at the recent pace; NaN while there is none."""
        pace = self.curves.pace("time")
        return max(self.steps - self.step, 0) * pace if pace > 0 else math.nan

    @property
    def clipped_share(self) -> float:
        """Of the recent steps; NaN before the first."""
        recent = self.curves["clipped"][-RECENT:]
        return float(np.mean(recent)) if len(recent) else math.nan

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What happened at single steps, apart from NaNs, which `nan_steps` has."""
        return (
            *(Mark(checkpoint.step, "checkpoint", checkpoint.name) for checkpoint in self.checkpoints),
            *(Mark(change.step, "change", change.summary) for change in self.changes),
            *(
                Mark(episode.finding.onset, "finding", episode.finding.kind)
                for episode in self.findings
                if episode.finding.is_alarm
            ),
        )

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of training so far, with the steps at which they began."""
        return recognised(self.curves.rows)

    @property
    def phase(self) -> str:
        """The present one's name; empty before there is enough to tell."""
        return self.phases[-1].name if self.phases else ""


_NEWS = {field.name for field in fields(RunView)} - {
    "curves", "clock", "nan_steps", "evaluations", "measured", "sampled", "checkpoints"
}  # fmt: skip


def _rows_up_to(table: Table, step: int) -> Table:
    return table.first(int(np.searchsorted(table["step"], step, side="right")))


def _closed(episode: Episode, event: FindingClosed) -> Episode:
    return Episode(episode.finding, event.step) if episode.finding.id == event.id else episode


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan
