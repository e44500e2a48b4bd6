"""The fields of the change form, and the change that their texts make. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from ...engine.config import LiveSettings
from ...engine.events import ChangeSettings
from ...engine.schedule import SCHEDULES
from ..dialogs.prompt import Field, label_of, typed_number, typed_whole
from ..formatting import setting
from ..view.fix_commands import change_between

SHAPING = tuple(dict.fromkeys(name for schedule in SCHEDULES.values() for name in schedule.reads))
"""The fields of ScheduleConfig that some kind of schedule reads."""


def change_fields(settings: LiveSettings, lr: float) -> tuple[Field, ...]:
    schedule = settings.schedule
    return (
        Field(name="lr", label=label_of("lr"), hint=f"now {setting(lr)}"),
        Field(name="clip", label="Clip", value=setting(settings.clip).replace("∞", "inf")),
        Field(name="weight_decay", label="Weight decay", value=setting(settings.weight_decay)),
        Field(name="dropout", label="Dropout", value=setting(settings.dropout)),
        Field(name="batch", label="Batch", value=str(settings.batch)),
        Field(name="accumulation", label="Accumulation", value=str(settings.accumulation)),
        Field(name="patience", label="Patience", value=str(settings.patience or 0)),
        Field(name="peak_lr", label="Peak lr", value=setting(schedule.lr)),
        *(_shaping_field(name, getattr(schedule, name)) for name in SHAPING),
    )


def _shaping_field(name: str, value: object) -> Field:
    return Field(name=name, label=label_of(name), value=setting(value) if isinstance(value, float) else str(value))


def belongs(name: str, kind: str) -> bool:
    """Whether a field means anything for a kind of schedule."""
    return name not in SHAPING or name in SCHEDULES[kind].reads


def read_change(texts: Mapping[str, str], kind: str, settings: LiveSettings) -> ChangeSettings | None:
    """What differs from the settings, None where nothing does; ValueError where a text cannot be."""
    schedule = replace(
        settings.schedule,
        kind=kind,
        lr=_kept(texts, "peak_lr", settings.schedule.lr),
        **{name: _shape(texts, name, getattr(settings.schedule, name)) for name in SHAPING},
    )
    wanted = replace(
        settings,
        schedule=schedule,
        clip=_kept(texts, "clip", settings.clip),
        weight_decay=_kept(texts, "weight_decay", settings.weight_decay),
        dropout=_kept(texts, "dropout", settings.dropout),
        batch=typed_whole(texts, "batch", "must be a whole number, 1 or above", 1),
        accumulation=typed_whole(texts, "accumulation", "must be a whole number, 1 or above", 1),
        patience=_patience(texts, settings.patience),
    )
    lr = typed_number(texts, "lr", "must be a finite number, 0 or above", 0.0, 1e6) if texts["lr"].strip() else None
    return change_between(settings, wanted, lr=lr)


def _patience(texts: Mapping[str, str], now: int | None) -> int | None:
    typed = typed_whole(texts, "patience", "must be a whole number of evaluations; 0 trains to the last step", 0)
    return typed or (None if now is None else 0)


def _shape(texts: Mapping[str, str], name: str, now: float) -> float:
    if isinstance(now, int):
        return typed_whole(texts, name, "must be a whole number, 1 or above", 1)
    return _kept(texts, name, now)


def _kept(texts: Mapping[str, str], name: str, now: float) -> float:
    """The typed number; the value as it is where the text is how that value is written, all its digits kept."""
    text = texts[name].strip()
    return now if text == setting(now) else typed_number(texts, name, "must be 0 or above", 0.0)
