"""Events, which a run sends, and commands, which it takes, with their one encoding as JSON lines.

An event that is stored has a seq (0, 1, 2 ... in the run) and a time (seconds since 1970). JSON has no NaN: in every
line a number that is not finite is the string "NaN", "Infinity" or "-Infinity", which strict parsers accept.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, Literal

import msgspec

from .config import ConfigError, LiveSettings
from .schedule import ScheduleConfig

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""How many, or which; a float holds each of them exactly, so that whatever computes with one neither fails nor errs."""
SeqNumber = Annotated[int, msgspec.Meta(ge=-1, le=2**53)]
Time = Annotated[float, msgspec.Meta(ge=0.0, le=253_402_300_799.0)]
"""Seconds since 1970, up to the year 9999."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    seq: SeqNumber = -1
    """Its place in the run; -1 until the store has given it one, and for what is said and not stored."""
    time: Time = 0.0


class PreparationBegan(Event, frozen=True, kw_only=True, tag="preparing"):
    """What a worker does before it can start the run; not stored, it is of interest only while it lasts."""

    activity: str
    """Such as `reading the text`."""


class RunDescribed(Event, frozen=True, kw_only=True, tag="described"):
    """What a run is that is not a training run of the tiny GPT: an attached loop, or a log of another program.

    It comes before `started`. Screens take from it what they cannot take from a configuration.
    """

    title: str
    kind: Literal["loop", "log"]
    chance_loss: float | None = None
    """The loss of guessing; None where the run has no such level."""
    commands: list[str] = []
    """Tags of the commands that the run takes, such as `pause`; a screen offers no others."""
    changes: list[str] = []
    """Fields of `ChangeSettings` that the run can change."""
    settings: dict[str, float | int | str | bool | None] = {}
    """Settings by the names of the program that trains, for people to read and compare."""


class RunStarted(Event, frozen=True, kw_only=True, tag="started"):
    """Training begins after `step`; what a run does not know of itself is None or empty."""

    step: Count
    steps: Count | None = None
    """The step at which the run will be finished."""
    parameters: Count | None = None
    flops_per_token: float = 0.0
    train_tokens: Count = 0
    val_tokens: Count = 0
    corpus: str = ""
    """What was read, in words."""
    fingerprint: str = ""
    device: str = ""
    precision: str = ""
    threads: Count = 0
    """Of each process."""
    processes: Count | msgspec.UnsetType = msgspec.UNSET
    """That share each batch, where they are several."""
    compiled: bool = False
    pid: Count = 0
    settings: LiveSettings | None = None
    """Of the tiny GPT."""


class StepFinished(Event, frozen=True, kw_only=True, tag="step"):
    """One optimizer step. A metric that was not measured is None."""

    step: Count
    loss: float | None = None
    lr: float | None = None
    tokens: Count | None = None
    """Tokens trained on since the beginning of the run."""
    tokens_per_s: float | None = None
    grad_norm: float | None = None
    """Before clipping."""
    clipped: bool | None = None
    grad_max: float | None = None
    grad_min: float | None = None
    param_norm: float | None = None
    update_ratio: float | None = None
    """Norm of the update over norm of the weights."""
    others: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    """Numbers that are no metric of `metrics.METRICS`, by the names of the program that trains."""


class LayersMeasured(Event, frozen=True, kw_only=True, tag="layers"):
    """Layer by layer, in the order of `names`, at one step."""

    step: Count
    names: list[str]
    grad_norm: list[float]
    update_ratio: list[float]
    max_attention_logit: float
    log_z: float
    """Mean log of the output softmax's normaliser (Wortsman et al. 2023)."""


class Evaluated(Event, frozen=True, kw_only=True, tag="evaluation"):
    step: Count
    val_loss: float
    perplexity: float | None = None


class SampleGenerated(Event, frozen=True, kw_only=True, tag="sample"):
    step: Count
    prompt: str
    text: str
    """Bytes that are not UTF-8 come as U+FFFD; it may contain control characters and is never safe to print raw."""
    temperature: float
    top_k: Count


class SettingsChanged(Event, frozen=True, kw_only=True, tag="changed"):
    """A person changed the run after `step`."""

    step: Count
    summary: str
    """Such as `lr 0.001 -> 0.0005`."""
    settings: LiveSettings | None = None
    """Of the tiny GPT."""


class TimeSpent(Event, frozen=True, kw_only=True, tag="time"):
    """Where the time of the last steps went; stored every so many steps."""

    step: Count
    steps: Count
    """How many this is about."""
    seconds: dict[str, float]
    """By activity; together all the time that passed. See `stopwatch.Activity`."""


class RunPaused(Event, frozen=True, kw_only=True, tag="paused"):
    step: Count
    reason: str
    """Of a watch point what there is to see, of a finding what it is."""
    at: Literal["asked", "watch", "finding"] = "asked"
    """Whether the run paused by itself, at a watch point of its lesson or at a finding."""


class RunResumed(Event, frozen=True, kw_only=True, tag="resumed"):
    """A paused run goes on."""

    step: Count


class SpeedLimited(Event, frozen=True, kw_only=True, tag="speed"):
    step: Count
    steps_per_s: float
    """inf is full speed."""


class LessonPaced(Event, frozen=True, kw_only=True, tag="paced"):
    """From now on the run pauses by itself, or does not; see PaceLesson."""

    step: Count
    watch_points: bool
    findings: bool


class CheckpointSaved(Event, frozen=True, kw_only=True, tag="checkpoint"):
    step: Count
    name: str
    """Of its folder below checkpoints/."""
    reason: Literal["series", "best", "change", "asked", "stop"]


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    changes: dict[str, Any]
    """Config keys such as `schedule.lr`, and what the fix sets them to."""


class FindingOpened(Event, frozen=True, kw_only=True, tag="finding"):
    """Something is wrong; one episode is one finding."""

    id: Count
    step: Count
    """When we knew."""
    onset: SeqNumber
    """When it began."""
    kind: str
    severity: Literal["info", "warning", "failure"]
    title: str = ""
    evidence: str
    """In numbers."""
    causes: list[str] = []
    """Most likely first, each with the reason for its rank after a colon."""
    fixes: list[Fix] = []
    confidence: float | None = None
    """How often findings of this kind were right when it was measured."""

    @property
    def is_alarm(self) -> bool:
        """A person should act; what is not is worth knowing."""
        return self.severity != "info"


class FindingUpdated(Event, frozen=True, kw_only=True, tag="finding_updated"):
    """The evidence of an open finding, as it is at `step`; stored at most once in so many steps."""

    id: Count
    step: Count
    evidence: str


class FindingClosed(Event, frozen=True, kw_only=True, tag="finding_closed"):
    """The run has recovered."""

    id: Count
    step: Count


class RunEnded(Event, frozen=True, kw_only=True, tag="end"):
    step: Count
    reason: Literal["finished", "stopped", "nan", "failed", "died"]
    detail: str = ""
    """The exception's last line or the signal, when it failed or died."""


class StorageBlocked(Event, frozen=True, kw_only=True, tag="storage_blocked"):
    """The run could not be written and training waits; cannot be stored, and is sent to clients only."""

    step: Count
    detail: str


class StorageRestored(Event, frozen=True, kw_only=True, tag="storage_restored"):
    step: Count


class Accepted(Event, frozen=True, kw_only=True, tag="accepted"):
    """The answer to one client's command."""

    id: int
    step: int


class Refused(Event, frozen=True, kw_only=True, tag="refused"):
    id: int
    why: str


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True):
    id: int = 0
    """The client's own number, repeated in the answer."""


class Follow(Command, frozen=True, kw_only=True, tag="follow"):
    """Send the stored events from seq `since` on, then the live ones; the first command of a client."""

    since: int = 0


class Pause(Command, frozen=True, kw_only=True, tag="pause"):
    pass


class Resume(Command, frozen=True, kw_only=True, tag="resume"):
    pass


class TakeSteps(Command, frozen=True, kw_only=True, tag="step"):
    """Train this many steps, then pause."""

    count: int = 1


class Stop(Command, frozen=True, kw_only=True, tag="stop"):
    """Save a checkpoint and end."""


class LimitSpeed(Command, frozen=True, kw_only=True, tag="speed"):
    steps_per_s: float
    """inf is full speed."""


class PaceLesson(Command, frozen=True, kw_only=True, tag="pace"):
    """Pause where there is something to see; it holds until another one comes, or the client that sent it leaves."""

    watch_points: bool = False
    """At each watch point of the lesson, until the settings are changed."""
    findings: bool = False
    """At the first alarm, and at the first of each kind that the lesson expects."""


class ChangeSettings(Command, frozen=True, kw_only=True, tag="change"):
    """Change any of these from the next step on; None leaves a setting as it is."""

    lr: float | None = None
    """The learning rate of the next step; later ones keep the schedule's shape."""
    lr_times: float | None = None
    clip: float | None = None
    weight_decay: float | None = None
    dropout: float | None = None
    batch: int | None = None
    accumulation: int | None = None
    patience: int | None = None
    schedule: dict[str, Any] | None = None
    """Keys of ScheduleConfig; those left out keep their value."""


class Evaluate(Command, frozen=True, kw_only=True, tag="evaluate"):
    pass


class Sample(Command, frozen=True, kw_only=True, tag="sample"):
    prompt: str | None = None
    temperature: float | None = None
    top_k: int | None = None
    tokens: int | None = None


class SaveCheckpoint(Command, frozen=True, kw_only=True, tag="checkpoint"):
    pass


FindingEvent = FindingOpened | FindingUpdated | FindingClosed
StoredEvent = (
    RunDescribed | RunStarted | StepFinished | LayersMeasured | Evaluated | SampleGenerated | SettingsChanged
    | RunPaused | RunResumed | SpeedLimited | LessonPaced | TimeSpent | CheckpointSaved | FindingOpened
    | FindingUpdated
    | FindingClosed | RunEnded | StorageRestored
)  # fmt: skip
AnyEvent = StoredEvent | PreparationBegan | StorageBlocked | Accepted | Refused
AnyCommand = (
    Follow | Pause | Resume | TakeSteps | Stop | LimitSpeed | PaceLesson | ChangeSettings | Evaluate | Sample
    | SaveCheckpoint
)  # fmt: skip


class ProtocolError(ValueError):
    """A line that is no event or no command; the message gives the reason in one line."""


# strict=False lets the strings of non-finite numbers back in as floats
_events = msgspec.json.Decoder(AnyEvent, strict=False)
_many_events = msgspec.json.Decoder(list[AnyEvent], strict=False)
_commands = msgspec.json.Decoder(AnyCommand, strict=False)
_encode = msgspec.json.Encoder().encode


def encode(message: msgspec.Struct) -> bytes:
    """One line of strict JSON, without its newline."""
    line = _encode(message)
    # msgspec writes null for None and for what is not finite; only then is a closer look needed
    return _encode(_finite(msgspec.to_builtins(message))) if b"null" in line else line


def decode_event(line: bytes | str) -> AnyEvent:
    try:
        event = _events.decode(line)
        if isinstance(event, RunStarted | SettingsChanged) and event.settings is not None:
            require_known_settings(msgspec.json.decode(line)["settings"])
        if isinstance(event, FindingOpened):
            _require_numbers_of_floats(event.fixes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ConfigError) as error:
        raise ProtocolError(_one_line(error)) from None
    return event


def decode_events(lines: Sequence[bytes]) -> list[AnyEvent] | None:
    """Of many lines at once, which takes half the time; None where they must be looked at one by one."""
    try:
        events = _many_events.decode(b"[" + b",".join(lines) + b"]")
        if len(events) != len(lines):
            return None
        for place, event in enumerate(events):
            if type(event) is not StepFinished:
                events[place] = decode_event(lines[place])
        return events
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ProtocolError):
        return None


def decode_command(line: bytes | str) -> AnyCommand:
    try:
        return _commands.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(_one_line(error)) from None


def require_known_settings(table: Mapping[str, Any]) -> None:
    """ConfigError where a table of valid settings has a key besides: msgspec passes over those of a dataclass."""
    for cls, part in ((LiveSettings, table), (ScheduleConfig, table["schedule"])):
        for key in part.keys() - {field.name for field in fields(cls)}:
            raise ConfigError(f"settings: there is no key {key!r}")


def _require_numbers_of_floats(fixes: Iterable[Fix]) -> None:
    """ConfigError where a fix sets a key to a whole number that no float can stand for."""
    for fix in fixes:
        for key, value in fix.changes.items():
            if isinstance(value, int) and abs(value) > 2**53:
                raise ConfigError(f"fixes: {key} is a number of too many digits")


def json_number(value: float) -> float | str:
    """A number as strict JSON can hold it, everywhere in this program: what is not finite is a word."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _finite(value: Any) -> Any:
    match value:
        case float():
            return json_number(value)
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list():
            return [_finite(item) for item in value]
        case _:
            return value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
