"""The settings that TensorBoard shows as HPARAMS: the data of a plugin, in the metadata of one summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .protobuf import MALFORMED, fields, messages
from .setting_values import SettingValue, flat_settings_of

_PLUGIN = b"hparams"


def hparams(events: Iterable[bytes]) -> dict[str, SettingValue]:
    """Of the first session that states any."""
    for event in events:
        if _PLUGIN in event:
            try:
                if found := flat_settings_of(dict(_settings(event))):
                    return found
            except MALFORMED:
                continue
    return {}


def _settings(event: bytes) -> Iterator[tuple[str, Any]]:
    """Event: summary 5, value 1, metadata 9, plugin_data 1, content 2. HParamsPluginData: session_start_info 3,
    which has a map as 1: key 1, value 2."""
    for entry in _inside(event, (5, 1, 9, 1, 2, 3, 1)):
        key, value = next(messages(entry, 1), b""), next(messages(entry, 2), b"")
        yield key.decode(errors="replace"), _value(value)


def _inside(message: bytes, path: tuple[int, ...]) -> Iterator[bytes]:
    if not path:
        yield message
        return
    for inner in messages(message, path[0]):
        yield from _inside(inner, path[1:])


def _value(data: bytes) -> Any:
    """google.protobuf.Value: number 2, text 3, truth 4."""
    for kind, held in fields(data):
        if kind == 2:
            return held
        if kind == 3 and isinstance(held, bytes):
            return held.decode(errors="replace")
        if kind == 4:
            return bool(held)
    return None
