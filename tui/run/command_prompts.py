"""The values that a command may need: how they are asked for, and what command the typed texts make. Pure."""

import math
from collections.abc import Callable

from ...engine.config import RunConfig
from ...engine.events import ChangeSettings, Command, LimitSpeed, Sample, TakeSteps
from ...engine.vocabulary import VOCABULARY
from ..dialogs.prompt import Field, Prompt, Texts, label_of, typed_number, typed_whole
from ..formatting import setting
from ..view.run_numbers import last_known, next_lr
from ..view.run_view import RunView


def lr_fields(lr: float) -> tuple[Field, ...]:
    return (Field(name="lr", label="Learning rate", hint=f"now {setting(lr)}; such as 3e-4"),)


def read_lr(texts: Texts) -> ChangeSettings:
    return ChangeSettings(lr=typed_number(texts, "lr", "must be a finite number, 0 or above", 0.0, 1e6))


def steps_fields() -> tuple[Field, ...]:
    return (Field(name="steps", label="Steps", value="10", hint="how many, then pause"),)


def read_steps(texts: Texts) -> TakeSteps:
    return TakeSteps(count=typed_whole(texts, "steps", "must be a whole number, 1 or above", 1, 1e9))


def speed_fields(limit: float) -> tuple[Field, ...]:
    now = setting(limit) if math.isfinite(limit) else ""
    return (Field(name="speed", label="Steps a second", value=now, hint="empty for full speed"),)


def read_speed(texts: Texts) -> LimitSpeed:
    if not texts["speed"].strip():
        return LimitSpeed(steps_per_s=math.inf)
    return LimitSpeed(steps_per_s=typed_number(texts, "speed", "must be 0.01 or above, or empty for full speed", 0.01))


def sample_fields(config: RunConfig) -> tuple[Field, ...]:
    usual = config.instruments
    return (
        Field(name="prompt", label="Prompt", value=usual.sample_prompt, hint="empty begins from nothing"),
        Field(name="temperature", label="Temperature", value=setting(usual.temperature), hint="0 takes the likeliest"),
        Field(name="top_k", label="Top-k", value=str(usual.top_k), hint=f"{VOCABULARY} is every byte"),
        Field(name="tokens", label="Length", value=str(usual.sample_tokens), hint="in tokens"),
    )


def read_sample(texts: Texts) -> Sample:
    return Sample(
        prompt=texts["prompt"],
        temperature=typed_number(texts, "temperature", "must lie between 0 and 100", 0.0, 100.0),
        top_k=typed_whole(texts, "top_k", f"must be a whole number from 1 to {VOCABULARY}", 1, VOCABULARY),
        tokens=typed_whole(texts, "tokens", "must be a whole number from 1 to 65536", 1, 65_536),
    )


def ask_lr(view: RunView) -> Prompt[Command]:
    now = next_lr(view) if view.described is None else last_known(view, "lr")
    return Prompt("Learning rate of the next step", lr_fields(now), read_lr)


def ask_steps(_: RunView) -> Prompt[Command]:
    return Prompt("Train so many steps, then pause", steps_fields(), read_steps)


def ask_speed(view: RunView) -> Prompt[Command]:
    return Prompt("Watch: limit the speed", speed_fields(view.speed_limit), read_speed)


def ask_sample(view: RunView) -> Prompt[Command]:
    return Prompt("Let the model write", sample_fields(view.config), read_sample)


def ask_change(view: RunView) -> Prompt[Command]:
    """Of a run that describes itself: what its loop can change."""
    changes = view.described.changes if view.described else []
    lr = last_known(view, "lr")
    now = {"lr": f"now {setting(lr)}; "} if math.isfinite(lr) else {}
    fields = tuple(
        Field(name=name, label=label_of(name), hint=f"{now.get(name, '')}empty leaves it as it is")
        for name in ("lr", "clip", "weight_decay")
        if name in changes
    )
    return Prompt("Change the run from the next step on", fields, read_changes)


def read_changes(texts: Texts) -> Command:
    def typed(name: str) -> float | None:
        is_typed = bool(texts.get(name, "").strip())
        return typed_number(texts, name, "must be a finite number, 0 or above", 0.0, 1e6) if is_typed else None

    return ChangeSettings(lr=typed("lr"), clip=typed("clip"), weight_decay=typed("weight_decay"))


PROMPTS: dict[str, Callable[[RunView], Prompt[Command]]] = {
    "change": ask_change,
    "lr": ask_lr,
    "steps": ask_steps,
    "speed": ask_speed,
    "sample": ask_sample,
}
"""By the name that a key's action has."""
