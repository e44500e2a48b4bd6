"""A table of TOML becomes a dataclass, or an error with the key, the value and the rule."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class ConfigError(ValueError):
    """A configuration that cannot be run; the message names the key, the value, the rule and the remedy."""


MOST_KEY_PARTS = 32
"""Of a key such as schedule.lr; tomllib takes memory for the square of them."""


LONGEST_CONFIG = 1 << 20
"""Bytes of a file."""


def read_toml(path: Path) -> dict[str, Any]:
    """A file; OSError or ValueError where it is no TOML, ConfigError where it is too long or deep to be one of ours."""
    with path.open("rb") as file:
        written = file.read(LONGEST_CONFIG + 1)
    if len(written) > LONGEST_CONFIG:
        raise ConfigError(f"is longer than {LONGEST_CONFIG} bytes, so it is no run's configuration")
    text = written.decode()
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MOST_KEY_PARTS and _most_key_parts(line) > MOST_KEY_PARTS:
            raise ConfigError(f"line {number} has a key of more than {MOST_KEY_PARTS} parts")
    return tomllib.loads(text)


def _most_key_parts(line: str) -> int:
    """Of any key in a line, which no key leaves; quotes count for nothing where a text of many lines begins or ends."""
    has_long_quotes = '"""' in line or "'''" in line
    quote, is_escaped, parts, most = "", False, 1, 1
    for letter in line:
        if is_escaped:
            is_escaped = False
        elif quote:
            is_escaped = letter == "\\" and quote == '"'
            quote = "" if letter == quote else quote
        elif letter in "\"'" and not has_long_quotes:
            quote = letter
        elif letter == "#" and not has_long_quotes:
            break
        elif letter in ",={[":
            parts = 1
        elif letter == ".":
            parts += 1
            most = max(most, parts)
    return most


def require(holds: bool, key: str, value: object, rule: str) -> None:
    if not holds:
        raise ConfigError(f"{key} = {value!r} {rule}")


def between(key: str, value: float, low: float, high: float) -> None:
    require(low <= value <= high, key, value, f"must lie between {_plain(low)} and {_plain(high)}")


def _plain(limit: float) -> str:
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"


_hints = cache(get_type_hints)


def build(cls: type, table: Mapping[str, Any], where: str) -> Any:
    """A dataclass from a table, section by section; the error names the key, its value and what it should be."""
    hints = _hints(cls)
    names = [f.name for f in fields(cls)]
    for key in table:
        if key not in names:
            raise ConfigError(f"there is no key {_join(where, key)!r}; the keys here are {', '.join(names)}")
    for needed in fields(cls):
        if needed.default is MISSING and needed.default_factory is MISSING and needed.name not in table:
            raise ConfigError(f"{_join(where, needed.name)} is missing; add it")
    values = {name: _value(hints[name], table[name], _join(where, name)) for name in names if name in table}
    return cls(**values)


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _value(hint: Any, value: Any, key: str) -> Any:
    if is_dataclass(hint):
        return build(hint, _table(value, key), key)  # pyright: ignore[reportArgumentType]
    match get_origin(hint), get_args(hint):
        case origin, (item, *_) if origin is tuple:
            return tuple(_value(item, each, f"{key}[{place}]") for place, each in enumerate(_list(value, key), 1))
        case origin, (_, item) if origin is Mapping:
            return {name: _value(item, each, _join(key, name)) for name, each in _table(value, key).items()}
        case origin, options if origin in (Union, UnionType):
            lists = [option for option in options if get_origin(option) is tuple]
            if lists and isinstance(value, list | tuple):
                return _value(lists[0], value, key)
            return _scalar(tuple(option for option in options if option not in lists), value, key)
        case _:
            return _scalar((hint,), value, key)


def _table(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{key} = {value!r} must be a table of keys")
    return value


def _list(value: Any, key: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{key} = {value!r} must be a list, in square brackets")
    return value


def _scalar(options: tuple[Any, ...], value: Any, key: str) -> Any:
    for option in options:
        if get_origin(option) is Literal:
            if isinstance(value, str) and value in get_args(option):
                return value
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            if value == value:  # NaN is a number to TOML and a mistake to a config
                return _to_float(value)
        elif type(value) is option:
            return value
    raise ConfigError(f"{key} = {value!r} should be {' or '.join(_describe(option) for option in options)}")


def _to_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _describe(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(repr(choice) for choice in get_args(hint))
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[hint]


def toml_value(text: str) -> Any:
    """A value as TOML writes it; a bare word is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # of TOML, or a number too long to be one
        return text
