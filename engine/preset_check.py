"""What a preset promises beyond being a run that can be trained: its words point at steps and presets that exist."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from .config import ConfigError, RunConfig
from .lesson import Lesson, LessonFix
from .presets import BadPreset, read_presets


def faulty_files(files: Sequence[Path], own: Path) -> tuple[int, list[str]]:
    """How many files were checked, all presets if none is named, and a line for each mistake in them."""
    presets = read_presets(own)
    complaints = []
    checked = {preset.path: preset.why if isinstance(preset, BadPreset) else preset.config for preset in presets}
    if files:
        checked = {path: _read(path) for path in files}
    for path, found in checked.items():
        match found:
            case RunConfig():
                complaints += [f"{path}: {problem}" for problem in problems(found, {each.id for each in presets})]
            case str() as why:
                complaints.append(why)
    return len(checked), complaints


def problems(config: RunConfig, ids: Collection[str]) -> list[str]:
    """One line for each mistake: key, value, rule and remedy; `ids` are the presets that can be linked to."""
    lesson, steps = config.lesson, config.training.steps
    found = [f"lesson.{key} is empty; write it" for key in ("summary", "why") if not getattr(lesson, key).strip()]
    found += _late(lesson, steps)
    found += [
        f"lesson.see_also = {link!r} is no preset; `tinygpt-tui presets` lists them"
        for link in lesson.see_also
        if link not in ids
    ]
    words = lesson_words(lesson)
    found += [
        f"lesson.claims quotes {claim.says!r}, which the lesson does not contain; mend the quotation"
        for claim in lesson.claims
        if claim.says not in words
    ]
    for place, fix in enumerate(lesson.fixes, 1):
        found += [f"lesson.fixes[{place}]{problem}" for problem in _fix_problems(config, fix)]
    return found


def lesson_words(lesson: Lesson) -> str:
    """All statements of a lesson about its run."""
    return "\n".join(
        [
            lesson.summary,
            lesson.why,
            *(each.what for each in lesson.watch),
            *(each.then for each in lesson.fixes),
            *(words for each in lesson.questions for words in (each.text, *each.choices, each.explanation)),
        ]
    )


def _read(path: Path) -> RunConfig | str:
    try:
        return RunConfig.from_toml(path)
    except ConfigError as error:
        return str(error)


def _late(lesson: Lesson, steps: int) -> Iterator[str]:
    dated = [("watch", each.step) for each in lesson.watch] + [("expected", each.by) for each in lesson.expected]
    for key, step in dated:
        if step > steps:
            yield f"lesson.{key} speaks of step {step}, after the last one; training.steps is {steps}"


def _fix_problems(config: RunConfig, fix: LessonFix) -> Iterator[str]:
    try:
        fixed = config.with_changes(fix.changes)
    except ConfigError as error:
        yield f".changes: {error}"
        return
    if fixed == config:
        yield f".changes = {dict(fix.changes)!r} changes nothing; the run has these values already"
    promises = config.lesson.expected
    expected = {kind for each in promises for kind in (each.kind, *each.or_else)} | set(config.lesson.allowed)
    for kind in fix.gone:
        if kind not in expected:
            yield f".gone = {kind!r} is not expected in the first place; add it to lesson.expected"
