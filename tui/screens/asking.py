"""The prompts that stand before a command which needs values."""

from collections.abc import Callable

from ...engine.events import Command
from ..control.questions import (
    lr_fields,
    read_lr,
    read_sample,
    read_speed,
    read_steps,
    sample_fields,
    speed_fields,
    steps_fields,
)
from ..run_view import RunView
from .prompt import Prompt


def ask_lr(view: RunView) -> Prompt[Command]:
    return Prompt("Learning rate of the next step", lr_fields(view.next_lr), read_lr)


def ask_steps(_: RunView) -> Prompt[Command]:
    return Prompt("Train so many steps, then pause", steps_fields(), read_steps)


def ask_speed(view: RunView) -> Prompt[Command]:
    return Prompt("Watch: limit the speed", speed_fields(view.speed_limit), read_speed)


def ask_sample(view: RunView) -> Prompt[Command]:
    return Prompt("Let the model write", sample_fields(view.config), read_sample)


ASKING: dict[str, Callable[[RunView], Prompt[Command]]] = {
    "lr": ask_lr,
    "steps": ask_steps,
    "speed": ask_speed,
    "sample": ask_sample,
}
"""By the name that a key's action has."""
