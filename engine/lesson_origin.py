"""What a run sets otherwise than the preset that its lesson was written for, as `--steps` and `--set` do."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache

from .config import ConfigError, RunConfig
from .lesson import Lesson
from .presets import copied_presets, own_folder, preset_files

_SECTIONS = ("data", "model", "optimizer", "schedule", "training", "fault")
"""What the curves depend on."""
_SAME_CURVES = {"seed", "device", "precision", "threads", "processes", "compile", "on_nan"}
"""Of [training]: lessons are measured over several seeds."""


def settings_of_ones_own(config: RunConfig) -> dict[str, tuple[object, object]]:
    """By key, such as training.steps: the value of the run and that of the preset; nothing where no preset is known."""
    preset = _preset_with(config.lesson.summary) if config.lesson.summary else None
    if preset is None or preset.lesson != config.lesson:
        return {}
    return dict(_differences(config, preset))


def lesson_in_force(config: RunConfig) -> Lesson:
    """Without the sentences that name a step of the preset, where the run is another: those need not be true of it."""
    if not settings_of_ones_own(config):
        return config.lesson
    return replace(config.lesson, watch=tuple(watch for watch in config.lesson.watch if watch.when))


def _differences(config: RunConfig, preset: RunConfig) -> Iterator[tuple[str, tuple[object, object]]]:
    for name in _SECTIONS:
        section, written = getattr(config, name), getattr(preset, name)
        assert is_dataclass(section)
        for field in fields(section):
            here, there = getattr(section, field.name), getattr(written, field.name)
            if here != there and not (name == "training" and field.name in _SAME_CURVES):
                yield f"{name}.{field.name}", (here, there)


@lru_cache(maxsize=16)
def _preset_with(summary: str) -> RunConfig | None:
    """Only the file that has the summary is parsed: reading all takes a quarter of a second."""
    for path in (*preset_files().values(), *copied_presets(own_folder())):
        try:
            if summary in path.read_text(encoding="utf-8"):
                return RunConfig.from_toml(path)
        except (OSError, UnicodeDecodeError, ConfigError):
            continue
    return None
