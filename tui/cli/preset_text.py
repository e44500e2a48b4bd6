"""Presets as text: the list of all, and all about one."""

import shutil
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from typing import Any

from ...engine.config import RunConfig
from ...engine.fault_config import FAULTS
from ...engine.lesson import Lesson, LessonFix
from ...engine.presets import BadPreset, Preset
from .. import formatting
from ..text import visible

_WIDEST = 100


def overview(presets: Iterable[Preset | BadPreset]) -> str:
    """In the order given, with a heading where a chapter begins."""
    presets = list(presets)
    width = max((len(visible(preset.id)) for preset in presets), default=0)
    blocks = []
    for heading, group in groupby(presets, key=_heading):
        rows = [f"  {visible(preset.id):{width}}  {_time(preset)}  {_gist(preset)}" for preset in group]
        blocks.append("\n".join([heading, *rows]))
    return "\n\n".join(blocks)


def description(id: str, config: RunConfig) -> str:
    lesson = config.lesson
    time = f", about {formatting.duration(lesson.seconds)} on two cores" if lesson.seconds else ""
    blocks = [
        f"{visible(config.title)} ({visible(id)})\n{lesson.chapter}; {config.training.steps:,} steps{time}",
        _wrapped(lesson.why or lesson.summary),
        _listed("Differs from the default run in", [f"{key} = {value!r}" for key, value in _differences(config)]),
        _listed("A fault is built in", [FAULTS[key] for key in config.fault.active()]),
        _listed(
            "Watch", [f"{each.when or f'step {each.step}'}: {' '.join(each.what.split())}" for each in lesson.watch]
        ),
        _listed("The diagnosis will say", _expected(lesson)),
        *(_fix(fix) for fix in lesson.fixes),
        _listed("See also", lesson.see_also),
    ]
    return "\n\n".join(block for block in blocks if block)


def _heading(preset: Preset | BadPreset) -> str:
    return preset.config.lesson.chapter if isinstance(preset, Preset) else "Not usable"


def _time(preset: Preset | BadPreset) -> str:
    seconds = preset.config.lesson.seconds if isinstance(preset, Preset) else 0
    return f"{f'{seconds:.0f} s' if seconds else '':>5}"


def _gist(preset: Preset | BadPreset) -> str:
    return visible((preset.config.lesson.summary or preset.config.title) if isinstance(preset, Preset) else preset.why)


def _expected(lesson: Lesson) -> list[str]:
    said = [(" or ".join((each.kind, *each.or_else)), each.by) for each in lesson.expected]
    return [f"{kinds.replace('_', ' ')}, by step {by}" for kinds, by in said]


def _fix(fix: LessonFix) -> str:
    settings = ", ".join(f"{key} = {value!r}" for key, value in fix.changes.items())
    return _listed(f"Try: {visible(fix.title)}", [settings, fix.then])


def _differences(config: RunConfig) -> list[tuple[str, Any]]:
    """What the run sets otherwise than the defaults, as `section.key` and value."""
    own, usual = asdict(config), asdict(RunConfig())
    sections = [name for name in own if name not in ("title", "lesson")]
    return [
        (f"{name}.{key}", value) for name in sections for key, value in own[name].items() if value != usual[name][key]
    ]


def _listed(heading: str, lines: Iterable[str]) -> str:
    rows = [_wrapped(line, "  ") for line in lines]
    return "\n".join([heading, *rows]) if rows else ""


def _wrapped(text: str, indent: str = "") -> str:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return textwrap.fill(
        visible(" ".join(text.split())), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
