"""A run told in lines of text: what is worth a line of its own, and one line that says where the run is."""

import math
from dataclasses import dataclass, field

from ...engine.events import (
    AnyEvent,
    Evaluated,
    FindingClosed,
    FindingOpened,
    PreparationBegan,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    SettingsChanged,
    StepFinished,
    StorageBlocked,
    StorageRestored,
)
from ..text import visible

_BAR = 20


@dataclass
class TextProgress:
    steps: int
    """The step at which the run will be finished."""
    step: int = 0
    latest: StepFinished | None = None
    val_loss: float | None = None
    activity: str = "preparing"
    """Until there is a step."""
    _speed: float = field(default=math.nan, init=False)
    """Tokens a second, smoothed."""
    _kinds: dict[int, str] = field(default_factory=dict, init=False)
    """Of the findings that are open."""

    def observe(self, event: AnyEvent) -> list[str]:
        """The lines an event is worth; mostly none."""
        match event:
            case StepFinished():
                self._advance(event)
                return []
            case Evaluated(val_loss=val_loss):
                self.val_loss = val_loss
                return []
            case PreparationBegan():
                self.activity = visible(event.activity)
                return []
            case RunStarted():
                self.step, self.steps, self.activity = event.step, event.steps, "taking the first step"
                return _beginning(event)
            case FindingOpened():
                self._kinds[event.id] = event.kind
                return _finding(event)
            case FindingClosed():
                return [f"ok       {visible(self._kinds.pop(event.id, 'finding'))}: over at step {event.step}"]
            case RunEnded():
                return self._ending(event)
            case _:
                return _interruption(event)

    def status(self) -> str:
        """Where the run is, in one line."""
        if self.latest is None:
            return f"step {self.step}/{self.steps}  {self.activity}"
        done = min(self.step / max(self.steps, 1), 1.0)
        filled = int(done * _BAR)
        parts = [
            f"step {self.step:>{len(str(self.steps))}}/{self.steps}",
            f"[{'#' * filled}{'.' * (_BAR - filled)}]",
            f"loss {self.latest.loss:.3f}",
            f"val_loss {self.val_loss:.3f}" if self.val_loss is not None else "",
            f"lr {self.latest.lr:.2e}",
            f"{self._speed / 1e3:.1f}k tokens/s",
            self._time_left(),
        ]
        return "  ".join(part for part in parts if part)

    def _ending(self, end: RunEnded) -> list[str]:
        reached = f", loss {self.latest.loss:.3f}" if self.latest else ""
        reached += f", val_loss {self.val_loss:.3f}" if self.val_loss is not None else ""
        detail = f" ({visible(end.detail)})" if end.detail else ""
        match end.reason:
            case "finished" | "stopped":
                return [f"{end.reason} at step {end.step}{reached}{detail}"]
            case "nan":
                return [f"ended at step {end.step}: the loss is not a finite number"]
            case "failed" | "died":
                return []  # an error, and not a line of progress

    def _advance(self, event: StepFinished) -> None:
        self.step, self.latest = event.step, event
        known = math.isfinite(self._speed)
        self._speed = 0.9 * self._speed + 0.1 * event.tokens_per_s if known else event.tokens_per_s

    def _time_left(self) -> str:
        if self.latest is None or not self._speed > 0 or self.step < 1:
            return ""
        seconds = (self.steps - self.step) * self.latest.tokens / self.step / self._speed
        return f"{duration(seconds)} left" if math.isfinite(seconds) else ""


def duration(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _beginning(event: RunStarted) -> list[str]:
    threads = f"{event.threads} thread{'s' if event.threads != 1 else ''}"
    compiled = ", compiled" if event.compiled else ""
    resumed = f"resumed after step {event.step}: " if event.step else ""
    how = f"{visible(event.precision)}, {threads}{compiled}"
    return [
        f"{resumed}{event.parameters:,} parameters on {visible(event.device)} ({how})",
        f"text: {visible(event.corpus)}",
    ]


def _finding(event: FindingOpened) -> list[str]:
    lines = [f"{event.severity:<8} {visible(event.kind)} since step {event.onset}: {visible(event.evidence)}"]
    lines += [f"         why: {visible(cause)}" for cause in event.causes[:1]]
    lines += [f"         try: {visible(fix.title)}" for fix in event.fixes[:1]]
    return lines


def _interruption(event: AnyEvent) -> list[str]:
    match event:
        case SettingsChanged():
            return [f"changed after step {event.step}: {visible(event.summary)}"]
        case RunPaused():
            return [f"paused after step {event.step}: {visible(event.reason)}"]
        case RunResumed():
            return [f"goes on after step {event.step}"]
        case StorageBlocked():
            return [f"waiting after step {event.step}, the run cannot be written: {visible(event.detail)}"]
        case StorageRestored():
            return [f"the run can be written again after step {event.step}"]
        case _:
            return []
