"""Settings as they are shown and compared: flat, short, and a number where a store has the number as text."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .record import number

SettingValue = float | int | str | bool | None

MOST_SETTINGS = 2000
_LONGEST = 200
"""Characters of a name and of a value."""
_DEPTH = 6
_DEEPER = "…"
"""Stands for what is no plain value."""
_WORDS: Mapping[str, SettingValue] = {"true": True, "false": False, "none": None, "null": None, "~": None, "": None}
_SECRET = re.compile(r"(?i)(api|access|auth|secret|private|hub|hf|wandb)[_-]?(key|token)|passw(or)?d|secret|credential")
HIDDEN = "(hidden)"
_OWN = ("_wandb", "wandb_version")
"""What W&B keeps among the settings for itself."""


def flat_settings_of(tree: Mapping[Any, Any]) -> dict[str, SettingValue]:
    """Values by `outer/inner`; what looks like a password or a key is not shown."""
    found: dict[str, SettingValue] = {}
    for name, value in _leaves(tree, "", _DEPTH):
        if len(found) == MOST_SETTINGS:
            break
        found[name[:_LONGEST]] = HIDDEN if _SECRET.search(name) and value is not None else value
    return found


def setting_value(value: Any) -> SettingValue:
    """A text that is a number, a truth or nothing becomes one; a list becomes one text."""
    match value:
        case str():
            word = value.strip()
            if word.lower() in _WORDS:
                return _WORDS[word.lower()]
            as_number = number(word) if word[-1:] != "%" else None
            return word[:_LONGEST] if as_number is None else setting_value(as_number)
        case float() if value.is_integer() and abs(value) < 1 << 53:
            return int(value)
        case bool() | int() | float() | None:
            return value
        case list() | tuple():
            parts: list[Any] = [*value[:_LONGEST]]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            return ", ".join(_DEEPER if isinstance(part, dict | list) else str(part)[:_LONGEST] for part in parts)[
                :_LONGEST
            ]
        case _:
            return _DEEPER


def _leaves(tree: Mapping[Any, Any], prefix: str, depth: int) -> Iterator[tuple[str, SettingValue]]:
    for key, value in tree.items():
        if not prefix and key in _OWN:
            continue
        if isinstance(value, dict) and "value" in value and value.keys() <= {"value", "desc"}:
            value = value["value"]  # as in the config.yaml of W&B
        if isinstance(value, dict) and depth:
            yield from _leaves(value, f"{prefix}{key}/", depth - 1)  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield f"{prefix}{key}", setting_value(value)
