"""What a live change makes of a run's settings: pure, so that the screen can preview it before it is sent."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from .config import ConfigError, LiveSettings, build
from .events import ChangeSettings
from .schedule import ScheduleConfig, batch_scale, planned_lr, scheduled_lr

LIVE_KEYS = {
    "optimizer.clip": "clip",
    "optimizer.weight_decay": "weight_decay",
    "model.dropout": "dropout",
    "training.batch": "batch",
    "training.accumulation": "accumulation",
    "training.patience": "patience",
}
"""Config keys besides the schedule's that can change while a run trains, and what a live change calls them."""


def live_part(changes: Mapping[str, Any]) -> tuple[ChangeSettings | None, list[str]]:
    """The command for those config keys that can change while a run trains, and the keys that cannot."""
    given: dict[str, Any] = {}
    schedule: dict[str, Any] = {}
    others: list[str] = []
    for key, value in changes.items():
        section, _, name = key.partition(".")
        if key in LIVE_KEYS:
            given[LIVE_KEYS[key]] = value
        elif section == "schedule":
            schedule[name] = value
        else:
            others.append(key)
    return (ChangeSettings(**given, schedule=schedule or None) if given or schedule else None), others


def config_keys(change: ChangeSettings) -> dict[str, Any]:
    """The config keys that a change sets; a learning rate that is set for the next step alone is none."""
    plain = {key: value for key, name in LIVE_KEYS.items() if (value := getattr(change, name)) is not None}
    return plain | {f"schedule.{key}": value for key, value in (change.schedule or {}).items()}


def changed(settings: LiveSettings, change: ChangeSettings, *, step: int, steps: int) -> LiveSettings:
    """The settings from `step` on; ConfigError names what cannot be."""
    if change.schedule is not None:
        table = asdict(settings.schedule) | change.schedule
        settings = replace(settings, schedule=build(type(settings.schedule), table, "schedule"), lr_scale=1.0)
    plain = {key: getattr(change, key) for key in LIVE_KEYS.values()}
    settings = replace(settings, **{key: value for key, value in plain.items() if value is not None})
    if change.lr_times is not None:
        settings = replace(settings, lr_scale=settings.lr_scale * change.lr_times)
    return settings if change.lr is None else _with_lr(settings, change.lr, step=step, steps=steps)


def _with_lr(settings: LiveSettings, lr: float, *, step: int, steps: int) -> LiveSettings:
    """The rate at `step` becomes `lr` and later ones keep the schedule's shape; a schedule at 0 has none to keep."""
    if not 0 <= lr < float("inf"):
        raise ConfigError(f"lr = {lr!r} must be a finite number of at least 0")
    base = batch_scale(settings.schedule, settings.batch * settings.accumulation) * scheduled_lr(
        settings.schedule, step, steps
    )
    if base > 0:
        return replace(settings, lr_scale=lr / base)
    held = replace(
        settings.schedule, kind="constant", lr=lr, min_lr=min(lr, settings.schedule.min_lr), warmup_steps=0,
        batch_scaling="none",
    )  # fmt: skip
    return replace(settings, schedule=held, lr_scale=1.0)


def difference(before: LiveSettings, after: LiveSettings, *, step: int, steps: int) -> str:
    """What a person reads in the history, such as `lr 0.001 -> 0.0005, clip 1 -> 0.5`."""
    rates = [planned_lr(settings, step, steps) for settings in (before, after)]
    parts = [] if rates[0] == rates[1] else [f"lr {rates[0]:.4g} -> {rates[1]:.4g}"]
    for field in fields(ScheduleConfig):
        old, new = getattr(before.schedule, field.name), getattr(after.schedule, field.name)
        change = f"{field.name} {_short(old)} -> {_short(new)}"
        if old != new and change not in parts:  # the peak is the rate now, where the schedule holds it
            parts.append(f"schedule.{change}")
    for key in LIVE_KEYS.values():
        old, new = getattr(before, key) or 0, getattr(after, key) or 0
        if old != new:
            parts.append(f"{key} {old:g} -> {new:g}")
    return ", ".join(parts) or "nothing changed"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
