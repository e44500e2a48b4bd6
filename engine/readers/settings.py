"""The settings with which a log's run was trained: from its store, or from the files that trainers write beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from .event_files import EventFiles
from .json_lines import loaded
from .log import Log
from .plain_yaml import plain_yaml
from .setting_values import SettingValue, flat_settings_of

_BESIDE = (
    "hparams.yaml", "args.yaml", "config.yaml", "config.yml", "files/config.yaml", ".hydra/config.yaml",
    "args.json", "hparams.json", "params.json", "training_args.json", "config.json",
)  # fmt: skip
"""Lightning, Ultralytics, W&B and Hydra; scripts, Ray Tune and Hugging Face. A pickle such as training_args.bin is
never opened."""
_LONGEST = 1 << 20
"""Bytes of a file with settings."""
_NUMBER = re.compile(r" \d+$")


def settings_of(log: Log, path: Path, run: str = "") -> dict[str, SettingValue]:
    """By the names of the program that trained, objects within objects as `outer/inner`; empty where none are known."""
    format = log.plan.format
    stored: Mapping[str, SettingValue] = {}
    with suppress(OSError, ValueError):  # a ReadError is one
        # a stream's second run has a 2 behind its name, and the settings of the stream
        stored = format.settings(run) or format.settings(_NUMBER.sub("", run))
    folder = path if path.is_dir() else path.parent
    if isinstance(format, EventFiles) and run and (folder / run).is_dir():
        folder /= run
    return {**_beside(folder), **stored}


def _beside(folder: Path) -> dict[str, SettingValue]:
    found: dict[str, SettingValue] = {}
    for name, text in _texts(folder):
        tree = loaded(text) if name.endswith(".json") else plain_yaml(text.decode(errors="replace"))
        if isinstance(tree, dict):
            found = {**flat_settings_of(tree), **found}
    return found


def _texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name in _BESIDE:
        path = folder / name
        with suppress(OSError):
            if path.is_file() and path.stat().st_size <= _LONGEST:
                yield name, path.read_bytes()
