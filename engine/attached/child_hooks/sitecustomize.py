"""Attaches a script's Trainer by itself: `tinygpt-tui run` puts this folder on the PYTHONPATH of the program.

Python imports a module of this name when it starts. Nothing of it may be noticed by a script: where something is not as
it is expected, such as another version of a library, the script runs as it would without.
"""

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

ASKED_FOR = "TINYGPT_TUI_CHILD"
"""Set in the environment of a program whose trainers are to be attached."""


def _attach_transformers(trainer: Any) -> None:
    callback = import_module("tinygpt_tui.engine.attach_transformers").TransformersCallback
    if not any(isinstance(each, callback) for each in trainer.callback_handler.callbacks):
        trainer.add_callback(callback())


def _attach_lightning(trainer: Any) -> None:
    callback = import_module("tinygpt_tui.engine.attach_lightning").LightningCallback
    if not any(isinstance(each, callback) for each in trainer.callbacks):
        trainer.callbacks.insert(0, callback())


def _attach_keras(callbacks: Any) -> None:
    """To the callbacks of a `fit`, or of an evaluation, in which ours does nothing."""
    callback = import_module("tinygpt_tui.engine.attach_keras").KerasCallback
    if not any(isinstance(each, callback) for each in callbacks.callbacks):
        # made anew, not appended: whether they are called in another thread depends on who is among them
        callbacks.__init__([*callbacks.callbacks, callback()], model=callbacks.model, **callbacks.params)


_TRAINERS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "transformers.trainer": ("Trainer", _attach_transformers),
    "lightning.pytorch.trainer.trainer": ("Trainer", _attach_lightning),
    "pytorch_lightning.trainer.trainer": ("Trainer", _attach_lightning),
    "keras.src.callbacks.callback_list": ("CallbackList", _attach_keras),
}
"""By the module that defines it: a class, and what is done with each object of it that a script makes."""


def _patch(trainer: type, attach: Callable[[Any], None]) -> None:
    made: Callable[..., None] = trainer.__init__

    @wraps(made)
    def init(self: Any, *arguments: Any, **options: Any) -> None:
        made(self, *arguments, **options)
        with suppress(Exception):
            attach(self)

    trainer.__init__ = init


class _TrainerFinder:
    """Finds what the other finders find, and patches it once it is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name not in _TRAINERS:
            return None
        trainer, attach = _TRAINERS[name]
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((each for each in found if each is not None), None)
        if spec is not None and (loader := spec.loader) is not None:
            executed = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                executed(module)
                with suppress(Exception):
                    _patch(getattr(module, trainer), attach)

            with suppress(Exception):
                loader.exec_module = exec_module
        return spec


def _run_the_other() -> None:
    """A module of this name that the environment has too, which this one hides."""
    own = Path(__file__).resolve().parent
    elsewhere = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != own]
    spec = importlib.machinery.PathFinder.find_spec(__name__, elsewhere)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if __name__ == "sitecustomize":
    if os.environ.get(ASKED_FOR):
        sys.meta_path.insert(0, _TrainerFinder())
    _run_the_other()
