"""A table of TOML becomes a dataclass, or an error with the key, the value and the rule."""

import math
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class ConfigError(ValueError):
    """A configuration that cannot be run; the message names the key, the value, the rule and the remedy."""


MOST_KEY_PARTS = 32
"""Of a key such as schedule.lr; tomllib takes memory for the square of them."""


LONGEST_CONFIG = 1 << 20
"""Bytes of a file."""
_QUOTED = r"'([^']*)'"
_TWICE = re.compile(r"Cannot declare (\(.*?\)) twice")
"""As tomllib says it of a table, whose name is a tuple to it."""


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
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise tomllib.TOMLDecodeError(_TWICE.sub(_twice, str(error))) from None


def _twice(declared: re.Match[str]) -> str:
    return f"[{'.'.join(re.findall(_QUOTED, declared[1]))}] stands there twice: put its keys together"


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


def build(cls: type, table: Mapping[str, Any], where: str) -> Any:
    """A dataclass from a table, section by section; the error names the key, its value and what it should be."""
    readers = _readers_of_fields(cls)
    for key in table:
        if key not in readers:
            keys = f"the keys here are {', '.join(readers)}{_meant(cls, where, key)}"
            raise ConfigError(f"there is no key {_join(where, key)!r}; {keys}")
    for needed in _needed(cls):
        if needed not in table:
            raise ConfigError(f"{_join(where, needed)} is missing; add it")
    return cls(**{name: read(table[name], _join(where, name)) for name, read in readers.items() if name in table})


def _meant(cls: type, where: str, key: str) -> str:
    """The key that is likely meant: of a section where the section's name is missing, or one that is spelt alike."""
    sections = [each.name for each in fields(cls) if key in _readers_of_section(cls, each.name)]
    alike = [f"{section}.{key}" for section in sections] or get_close_matches(key, _readers_of_fields(cls), 1)
    return f"; did you mean {_join(where, alike[0])}?" if alike else ""


def _readers_of_section(cls: type, name: str) -> Collection[str]:
    hint = get_type_hints(cls)[name]
    return _readers_of_fields(hint) if is_dataclass(hint) else ()  # pyright: ignore[reportArgumentType]


_Reader = Callable[[Any, str], Any]
"""Makes a value and its key into what a field holds, or raises a ConfigError that names the key."""


@cache
def _readers_of_fields(cls: type) -> Mapping[str, _Reader]:
    """By the names of a dataclass's fields. Type hints are looked up once a class: for each table it takes too long."""
    hints = get_type_hints(cls)
    return {each.name: _reader(hints[each.name]) for each in fields(cls)}


@cache
def _needed(cls: type) -> tuple[str, ...]:
    """Names of the fields without a default."""
    return tuple(each.name for each in fields(cls) if each.default is MISSING and each.default_factory is MISSING)


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _reader(hint: Any) -> _Reader:
    if is_dataclass(hint):
        return lambda value, key: build(hint, _table(value, key), key)  # pyright: ignore[reportArgumentType]
    match get_origin(hint), get_args(hint):
        case origin, (item, *_) if origin is tuple:
            read = _reader(item)
            return lambda value, key: tuple(
                read(each, f"{key}[{place}]") for place, each in enumerate(_list(value, key), 1)
            )
        case origin, (_, item) if origin is Mapping:
            read = _reader(item)
            return lambda value, key: {name: read(each, _join(key, name)) for name, each in _table(value, key).items()}
        case origin, options if origin in (Union, UnionType):
            return _union_reader(options)
        case _:
            return partial(_scalar, (hint,))


def _union_reader(options: tuple[Any, ...]) -> _Reader:
    lists = [_reader(option) for option in options if get_origin(option) is tuple]
    scalars = partial(_scalar, tuple(option for option in options if get_origin(option) is not tuple))
    if not lists:
        return scalars
    return lambda value, key: (lists[0] if isinstance(value, list | tuple) else scalars)(value, key)


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
            if value != value:  # which TOML takes for a number
                raise ConfigError(f"{key} = nan stands for no number; it should be a number")
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
