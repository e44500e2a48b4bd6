"""A run as lines of text: one for each event of note, and a status line."""

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
from ..formatting import counted_threads, duration
from ..text import visible

_BAR = 20


@dataclass
class TextProgress:
    steps: int
    """The step at which the run will be finished; 0 where that is not known."""
    step: int = 0
    latest: StepFinished | None = None
    val_loss: float | None = None
    activity: str = "preparing"
    """Until there is a step."""
    _speed: float = field(default=math.nan, init=False)
    """Tokens a second, smoothed."""
    _findings: dict[int, FindingOpened] = field(default_factory=dict, init=False)
    """By id, those that are over included."""
    _closed: dict[int, int] = field(default_factory=dict, init=False)
    """The step at which a finding was over, by its id."""

    def observe(self, event: AnyEvent) -> list[str]:
        """The lines for an event; none for most."""
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
                self.step, self.steps, self.activity = event.step, event.steps or self.steps, "taking the first step"
                self._take_back(event.step)
                return _beginning(event)
            case FindingOpened():
                self._findings[event.id] = event
                return _finding(event)
            case FindingClosed(id=id):
                self._closed[id] = event.step
                kind = visible(self._findings[id].kind) if id in self._findings else "finding"
                return [f"ok       {kind}: over at step {event.step}"]
            case RunEnded():
                return [*self._ending(event), *self._found(event)]
            case _:
                return _interruption(event)

    def status(self) -> str:
        """Where the run is, in one line."""
        if self.latest is None:
            return f"{' '.join(self._place().split())}  {self.activity}"
        parts = [
            self._place(),
            self._bar(),
            f"loss {self.latest.loss:.3f}" if self.latest.loss is not None else "",
            f"val_loss {self.val_loss:.3f}" if self.val_loss is not None else "",
            f"lr {self.latest.lr:.2e}" if self.latest.lr is not None else "",
            f"{self._speed / 1e3:.1f}k tokens/s" if math.isfinite(self._speed) else "",
            self._time_left(),
        ]
        return "  ".join(part for part in parts if part)

    def _place(self) -> str:
        return f"step {self.step:>{len(str(self.steps))}}/{self.steps}" if self.steps else f"step {self.step}"

    def _bar(self) -> str:
        if not self.steps:
            return ""
        filled = int(min(self.step / self.steps, 1.0) * _BAR)
        return f"[{'#' * filled}{'.' * (_BAR - filled)}]"

    def _ending(self, end: RunEnded) -> list[str]:
        reached = f", loss {self.latest.loss:.3f}" if self.latest and self.latest.loss is not None else ""
        reached += f", val_loss {self.val_loss:.3f}" if self.val_loss is not None else ""
        detail = f" ({visible(end.detail)})" if end.detail else ""
        match end.reason:
            case "finished" | "stopped":
                return [f"{end.reason} at step {end.step}{reached}{detail}"]
            case "nan":
                return [f"ended at step {end.step}: the loss is not a finite number"]
            case "failed" | "died":
                return []  # an error, and not a line of progress

    def _take_back(self, step: int) -> None:
        """A run that starts again after a step has no later findings, and earlier ones were not over later."""
        self._findings = {id: finding for id, finding in self._findings.items() if finding.step <= step}
        self._closed = {id: closed for id, closed in self._closed.items() if closed <= step}

    def _found(self, end: RunEnded) -> list[str]:
        """Every finding of the run in one line, with whether it was over before the end.

        None for a run that failed before its first step: there was nothing to be found.
        """
        found = [_outcome(finding, self._closed.get(id)) for id, finding in self._findings.items()]
        if not found and self.latest is None and end.reason in ("failed", "died"):
            return []
        return [f"findings: {', '.join(found) or 'none'}"]

    def _advance(self, event: StepFinished) -> None:
        self.step, self.latest = event.step, event
        if event.tokens_per_s is not None:
            known = math.isfinite(self._speed)
            self._speed = 0.9 * self._speed + 0.1 * event.tokens_per_s if known else event.tokens_per_s

    def _time_left(self) -> str:
        if not self.steps or self.latest is None or self.latest.tokens is None or not self._speed > 0 or self.step < 1:
            return ""
        seconds = (self.steps - self.step) * self.latest.tokens / self.step / self._speed
        return f"{duration(max(seconds, 0.0))} left" if math.isfinite(seconds) else ""


def _beginning(event: RunStarted) -> list[str]:
    compiled = ", compiled" if event.compiled else ""
    resumed = f"resumed after step {event.step}: " if event.step else ""
    how = f"{visible(event.precision)}, {counted_threads(event.threads, event.processes or 1)}{compiled}"
    if event.parameters is None:
        return [f"{resumed}training" if resumed else "training"]
    return [
        f"{resumed}{event.parameters:,} parameters on {visible(event.device)} ({how})",
        f"text: {visible(event.corpus)}",
    ]


def _finding(event: FindingOpened) -> list[str]:
    lines = [f"{event.severity:<8} {visible(event.kind)} since step {event.onset}: {visible(event.evidence)}"]
    lines += [f"         why: {visible(cause)}" for cause in event.causes[:1]]
    lines += [f"         try: {visible(fix.title)}" for fix in event.fixes[:1]]
    return lines


def _outcome(finding: FindingOpened, closed: int | None) -> str:
    kind = visible(finding.kind)
    if closed is not None:
        return f"{kind} steps {finding.onset}-{closed} (recovered)"
    return f"{kind} since step {finding.onset} ({'open' if finding.is_alarm else 'remark'})"


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
