"""The part of YAML that files with settings are written in: keys, objects within objects, lists and plain values.

What is beyond it (tags, anchors, texts of several lines) is passed over, so that no file can build objects or grow.
"""

import re
from typing import Any, NamedTuple

from .setting_values import setting_value

_COMMENT = re.compile(r"\s#.*$")
_MOST_LINES = 20_000


class Key(NamedTuple):
    indent: int
    holder: dict[str, Any]
    """The object that it stands in."""
    name: str


def plain_yaml(text: str) -> dict[str, Any]:
    """The objects of a file; a list is a list of its plain values."""
    root: dict[str, Any] = {}
    keys = [Key(-1, root, "")]
    """Those that the line stands in, the innermost last."""
    skipped_below: int | None = None
    for line in text.splitlines()[:_MOST_LINES]:
        content = line.strip()
        indent = len(line) - len(line.lstrip(" "))
        if not content or content[0] in "#%" or content in ("---", "..."):
            continue
        if skipped_below is not None and indent > skipped_below:
            continue
        skipped_below = None
        if content == "-" or content.startswith("- "):
            _append(keys, indent, content[1:])
        elif (found := _key_and_value(content)) is not None:
            key, value = found
            while indent <= keys[-1].indent:
                keys.pop()
            inner = _inside(keys[-1])
            inner[key] = None if not value or value[0] in "!&|>" else _scalar(value)
            keys.append(Key(indent, inner, key))
            skipped_below = indent if value[:1] in ("|", ">") else None
    return root


def _key_and_value(line: str) -> tuple[str, str] | None:
    if line[0] in ("'", '"'):
        end = line.find(line[0], 1) + 1
        return (line[1 : end - 1], line[end + 1 :].strip()) if end and line[end : end + 1] == ":" else None
    key, colon, value = f"{line} ".partition(": ")
    return (key.strip(), value.strip()) if colon else None


def _inside(outer: Key) -> dict[str, Any]:
    """The object that is the value of a key; a key that turns out to have one gets it."""
    if outer.indent < 0:
        return outer.holder
    if not isinstance(outer.holder.get(outer.name), dict):
        outer.holder[outer.name] = {}
    return outer.holder[outer.name]


def _append(keys: list[Key], indent: int, item: str) -> None:
    while indent < keys[-1].indent:
        keys.pop()
    _, holder, name = keys[-1]
    if not isinstance(holder.get(name), dict | list):
        holder[name] = []
    if isinstance(holder[name], list):
        holder[name].append(_scalar(item.strip()))


def _scalar(text: str) -> Any:
    if text[:1] in ("'", '"') and (end := text.find(text[0], 1)) > 0:
        return text[1:end]
    text = _COMMENT.sub("", text)
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(part.strip()) for part in text[1:-1].split(",") if part.strip()]
    return setting_value(text)
