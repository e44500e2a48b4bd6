"""Name the fault: which preset is hidden, what it may be taken for, and what an answer is worth. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...engine.config import ConfigError, RunConfig
from ...engine.lesson import Lesson, LessonFix
from ...engine.presets import Preset
from ..view.run_view import RunView

Instrument = Literal["lr", "gradient", "layers", "val_loss", "sample"]
START = 10
"""Points to begin with."""
COST = 1
"""Points an instrument."""
_CHOICES = 5


@dataclass(frozen=True, kw_only=True)
class Hidden:
    preset: Preset
    fix: LessonFix
    mended: RunConfig
    """The same run without the fault."""
    choices: tuple[Preset, ...]
    """What it may be taken for; the preset itself is among them."""


@dataclass(frozen=True, kw_only=True)
class Score:
    points: int
    verdict: Literal["right", "close", "wrong"]
    reason: str


def eligible(presets: Sequence[Preset]) -> list[Preset]:
    """Those with a fault that the diagnosis can prove and a fix that can be shown."""
    return [preset for preset in presets if preset.config.lesson.expected and _first_fix(preset.config) is not None]


def hide(presets: Sequence[Preset], seed: int) -> Hidden | None:
    """The preset that a seed chooses; None where the library has no fault to find."""
    chance = random.Random(seed)
    faulty = eligible(presets)
    if not faulty:
        return None
    preset = chance.choice(faulty)
    found = _first_fix(preset.config)
    assert found is not None
    others = [each for each in faulty if each is not preset]
    chance.shuffle(others)
    healthy = [each for each in presets if each not in faulty]
    choices = [preset, *(others + healthy)[: _CHOICES - 1]]
    chance.shuffle(choices)
    return Hidden(preset=preset, fix=found[0], mended=found[1], choices=tuple(choices))


def score(hidden: Hidden, answer: Preset, bought: Sequence[Instrument]) -> Score:
    """All points that the instruments left for the right name, half of them for another with the same symptom."""
    left = max(START - COST * len(set(bought)), 0)
    if answer.id == hidden.preset.id:
        return Score(points=left, verdict="right", reason=f"{START} points, less {START - left} for instruments.")
    shared = _symptoms(answer) & _symptoms(hidden.preset)
    if shared:
        names = ", ".join(sorted(kind.replace("_", " ") for kind in shared))
        return Score(
            points=left // 2, verdict="close", reason=f"It shows the same symptom ({names}), by another cause."
        )
    return Score(points=0, verdict="wrong", reason="That one looks different: compare what is expected of it.")


def disguised(view: RunView, bought: Sequence[Instrument]) -> RunView:
    """The run without its name, its lesson and its findings, and with no more than was paid for."""
    return replace(
        view,
        config=replace(view.config, title="A hidden run", lesson=Lesson()),
        findings=(),
        checkpoints=(),
        evaluations=view.evaluations if "val_loss" in bought else view.evaluations.first(0),
    )


def _symptoms(preset: Preset) -> set[str]:
    return {each.kind for each in preset.config.lesson.expected}


def _first_fix(config: RunConfig) -> tuple[LessonFix, RunConfig] | None:
    for fix in config.lesson.fixes:
        try:
            return fix, config.with_changes(fix.changes)
        except ConfigError:
            continue  # of a person's own; `presets check` says what is wrong with it
    return None
