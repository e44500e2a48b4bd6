"""What a run is that describes itself, and which commands and changes it takes; one of the tiny GPT takes all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .run_view import RunView

_TAGS = {
    "pause": "pause",
    "resume": "resume",
    "step": "step",
    "steps": "step",
    "full_speed": "speed",
    "speed": "speed",
    "evaluate": "evaluate",
    "checkpoint": "checkpoint",
    "stop": "stop",
    "sample": "sample",
}
"""The tag of the command that a key's action sends."""
_CHANGES = {"lr_half": "lr_times", "lr_double": "lr_times", "lr": "lr"}
"""The field of ChangeSettings that a key's action sets."""


def title_of_run(view: RunView) -> str:
    return view.described.title if view.described else view.config.title


def takes(view: RunView, action: str) -> bool:
    """Whether the run can do what a key's action asks for."""
    described = view.described
    if described is None:
        return True
    if action == "change":
        return bool(described.changes)
    if action in _CHANGES:
        return _CHANGES[action] in described.changes
    return _TAGS.get(action) in described.commands


def is_log(view: RunView) -> bool:
    return view.described is not None and view.described.kind == "log"


def has_axis(view: RunView, axis: str) -> bool:
    """Whether the run has the numbers for an x axis; one of the tiny GPT has all but epochs."""
    return view.curves.has(axis) if view.described else axis != "epoch"
