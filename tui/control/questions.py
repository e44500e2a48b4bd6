"""The values that a command may need: how they are asked for, and what command the typed texts make. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ...engine.config import RunConfig
from ...engine.events import ChangeSettings, LimitSpeed, Sample, TakeSteps
from ..numbers import setting

Texts = Mapping[str, str]
"""What was typed, by the name of its field."""


@dataclass(frozen=True, kw_only=True)
class Field:
    name: str
    label: str
    value: str = ""
    hint: str = ""
    """Shown while the field is empty."""


def number(texts: Texts, name: str, rule: str, low: float, high: float = math.inf) -> float:
    """The number typed under a name; ValueError, in the words of `rule`, where it is none or out of bounds."""
    text = texts[name].strip()
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text or 'nothing'!r} is no number; {name} {rule}") from None
    if not low <= value <= high:
        raise ValueError(f"{name} = {text} cannot be: it {rule}")
    return value


def whole(texts: Texts, name: str, rule: str, low: int, high: float = math.inf) -> int:
    value = number(texts, name, rule, low, high)
    if not value.is_integer():
        raise ValueError(f"{name} = {texts[name].strip()} cannot be: it {rule}")
    return int(value)


def lr_fields(lr: float) -> tuple[Field, ...]:
    return (Field(name="lr", label="Learning rate", hint=f"now {setting(lr)}; such as 3e-4"),)


def read_lr(texts: Texts) -> ChangeSettings:
    return ChangeSettings(lr=number(texts, "lr", "must be a finite number, 0 or above", 0.0, 1e6))


def steps_fields() -> tuple[Field, ...]:
    return (Field(name="steps", label="Steps", value="10", hint="how many, then pause"),)


def read_steps(texts: Texts) -> TakeSteps:
    return TakeSteps(count=whole(texts, "steps", "must be a whole number, 1 or above", 1, 1e9))


def speed_fields(limit: float) -> tuple[Field, ...]:
    now = setting(limit) if math.isfinite(limit) else ""
    return (Field(name="speed", label="Steps a second", value=now, hint="empty for full speed"),)


def read_speed(texts: Texts) -> LimitSpeed:
    if not texts["speed"].strip():
        return LimitSpeed(steps_per_s=math.inf)
    return LimitSpeed(steps_per_s=number(texts, "speed", "must be 0.01 or above, or empty for full speed", 0.01))


def sample_fields(config: RunConfig) -> tuple[Field, ...]:
    usual = config.instruments
    return (
        Field(name="prompt", label="Prompt", value=usual.sample_prompt, hint="empty begins from nothing"),
        Field(name="temperature", label="Temperature", value=setting(usual.temperature), hint="0 takes the likeliest"),
        Field(name="top_k", label="Top-k", value=str(usual.top_k), hint="259 is every byte"),
        Field(name="tokens", label="Length", value=str(usual.sample_tokens), hint="in tokens"),
    )


def read_sample(texts: Texts) -> Sample:
    return Sample(
        prompt=texts["prompt"],
        temperature=number(texts, "temperature", "must lie between 0 and 100", 0.0, 100.0),
        top_k=whole(texts, "top_k", "must be a whole number from 1 to 259", 1, 259),
        tokens=whole(texts, "tokens", "must be a whole number from 1 to 65536", 1, 65_536),
    )
