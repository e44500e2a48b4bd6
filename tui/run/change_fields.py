"""The fields of the change form, and the change that their texts make. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from ...engine.config import LiveSettings, ScheduleKind
from ...engine.events import ChangeSettings
from ..dialogs.prompt import Field, typed_number, typed_whole
from ..formatting import setting
from ..view.fix_commands import change_between

_OF_THE_KIND: dict[ScheduleKind, tuple[str, ...]] = {
    "three-phase": ("min_lr", "decay_start"),
    "constant": (),
    "cosine": ("min_lr",),
    "linear": ("min_lr",),
    "step": ("min_lr", "period", "factor"),
    "triangular": ("min_lr", "period"),
    "restarts": ("min_lr", "period", "growth"),
}
KINDS = tuple(_OF_THE_KIND)


def change_fields(settings: LiveSettings, lr: float) -> tuple[Field, ...]:
    schedule = settings.schedule
    return (
        Field(name="lr", label="Learning rate", hint=f"now {setting(lr)}"),
        Field(name="clip", label="Clip", value=setting(settings.clip).replace("∞", "inf")),
        Field(name="weight_decay", label="Weight decay", value=setting(settings.weight_decay)),
        Field(name="dropout", label="Dropout", value=setting(settings.dropout)),
        Field(name="batch", label="Batch", value=str(settings.batch)),
        Field(name="accumulation", label="Accumulation", value=str(settings.accumulation)),
        Field(name="peak_lr", label="Peak lr", value=setting(schedule.lr)),
        Field(name="min_lr", label="Lowest lr", value=setting(schedule.min_lr)),
        Field(name="decay_start", label="Decay from", value=setting(schedule.decay_start)),
        Field(name="period", label="Period", value=str(schedule.period)),
        Field(name="factor", label="Factor", value=setting(schedule.factor)),
        Field(name="growth", label="Growth", value=setting(schedule.growth)),
    )


def belongs(name: str, kind: ScheduleKind) -> bool:
    """Whether a field means anything for a kind of schedule."""
    return name not in ("min_lr", "decay_start", "period", "factor", "growth") or name in _OF_THE_KIND[kind]


def read_change(texts: Mapping[str, str], kind: ScheduleKind, settings: LiveSettings) -> ChangeSettings | None:
    """What differs from the settings, None where nothing does; ValueError where a text cannot be."""
    schedule = replace(
        settings.schedule,
        kind=kind,
        lr=_kept(texts, "peak_lr", settings.schedule.lr),
        min_lr=_kept(texts, "min_lr", settings.schedule.min_lr),
        decay_start=_kept(texts, "decay_start", settings.schedule.decay_start),
        period=typed_whole(texts, "period", "must be a whole number of steps, 1 or above", 1),
        factor=_kept(texts, "factor", settings.schedule.factor),
        growth=_kept(texts, "growth", settings.schedule.growth),
    )
    wanted = replace(
        settings,
        schedule=schedule,
        clip=_kept(texts, "clip", settings.clip),
        weight_decay=_kept(texts, "weight_decay", settings.weight_decay),
        dropout=_kept(texts, "dropout", settings.dropout),
        batch=typed_whole(texts, "batch", "must be a whole number, 1 or above", 1),
        accumulation=typed_whole(texts, "accumulation", "must be a whole number, 1 or above", 1),
    )
    lr = typed_number(texts, "lr", "must be a finite number, 0 or above", 0.0, 1e6) if texts["lr"].strip() else None
    return change_between(settings, wanted, lr=lr)


def _kept(texts: Mapping[str, str], name: str, now: float) -> float:
    """The typed number; the value as it is where the text is how that value is written, all its digits kept."""
    text = texts[name].strip()
    return now if text == setting(now) else typed_number(texts, name, "must be 0 or above", 0.0)
