"""The keys of a screen as a person reads them: grouped, with what each does, derived from its bindings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen


@dataclass(frozen=True)
class KeyRow:
    keys: tuple[str, ...]
    description: str
    tooltip: str
    action: str
    node: DOMNode


@dataclass(frozen=True)
class KeyGroup:
    title: str
    rows: tuple[KeyRow, ...]


def key_groups(screen: Screen[object], display: Callable[[Binding], str]) -> list[KeyGroup]:
    """Every key that does something now: the screen's, its widgets', the app's; keys of one action share a row."""
    groups: dict[str, dict[tuple[str, str], list[tuple[Binding, DOMNode]]]] = {}
    for active in sorted(screen.active_bindings.values(), key=lambda active: _distance(active.node)):
        binding = active.binding
        if binding.system or not binding.tooltip:
            continue  # such as the keys with which Textual's own widgets scroll
        rows = groups.setdefault(_group(active.node, binding), {})
        rows.setdefault((binding.action, binding.description), []).append((binding, active.node))
    return [
        KeyGroup(title, tuple(_row(bindings, display) for bindings in rows.values())) for title, rows in groups.items()
    ]


def actions(groups: Iterable[KeyGroup]) -> list[KeyRow]:
    return [row for group in groups for row in group.rows]


def _distance(node: DOMNode) -> int:
    match node:
        case Screen():
            return 0
        case App():
            return 2
        case _:
            return 1


def _group(node: DOMNode, binding: Binding) -> str:
    if binding.group is not None and binding.group.description:
        return binding.group.description
    return node.BINDING_GROUP_TITLE or "Keys"


def _row(bindings: list[tuple[Binding, DOMNode]], display: Callable[[Binding], str]) -> KeyRow:
    binding, node = bindings[0]
    keys = tuple(dict.fromkeys(display(binding) for binding, _ in bindings))
    return KeyRow(keys, binding.description, binding.tooltip, binding.action, node)
