"""The matrix as a table for presets/README.md: one preset a row, what was promised beside what was seen."""

import math
from collections.abc import Sequence
from datetime import date

from tinygpt_tui.engine.lesson import CHAPTERS, Expectation, Lesson, LessonFix
from tinygpt_tui.engine.presets import find_preset

from .promises import gained
from .trials import Verdict


def table(presets: Sequence[Sequence[Verdict]], day: date, seconds: float) -> str:
    kept = sum(not verdict.broken for verdicts in presets for verdict in verdicts)
    count = sum(len(verdicts) for verdicts in presets)
    head = (
        f"`make presets` on {day}: {kept} of {count} runs of {len(presets)} presets kept every promise, "
        f"in {seconds / 60:.0f} minutes on two cores. Findings: promised by a step / seen at, for each seed. "
        "Fixes: promised gain of val_loss / smallest and largest gain that was seen.\n"
    )
    heading = "| preset | what it shows | finding | val_loss | fixes |\n|---|---|---|---|---|"
    return "\n".join([head, heading, *(_row(verdicts) for verdicts in sorted(presets, key=_place))]) + "\n"


def _place(verdicts: Sequence[Verdict]) -> tuple[int, int]:
    lesson = find_preset(verdicts[0].case.id)[1].lesson
    return CHAPTERS.index(lesson.chapter), lesson.order


def _row(verdicts: Sequence[Verdict]) -> str:
    id = verdicts[0].case.id
    lesson = find_preset(id)[1].lesson
    findings = "<br>".join(_finding(promise, verdicts) for promise in lesson.expected) or "none"
    losses = sorted(verdict.trial.val_loss for verdict in verdicts)
    fixes = "<br>".join(_fix(fix, place, verdicts) for place, fix in enumerate(lesson.fixes)) or "-"
    flag = "" if not any(verdict.broken for verdict in verdicts) else " **broken**"
    return f"| `{id}`{flag} | {lesson.summary} | {findings} | {_range(losses)} | {fixes} |"


def promises(lesson: Lesson) -> list[str]:
    """What a row has of a lesson itself, whatever was seen."""
    return [lesson.summary, *map(_promised_finding, lesson.expected), *map(_promised_gain, lesson.fixes)]


def _promised_finding(promise: Expectation) -> str:
    return f"{' or '.join((promise.kind, *promise.or_else)).replace('_', ' ')}: {promise.by} / "


def _promised_gain(fix: LessonFix) -> str:
    return f"{fix.title}: {fix.better_by:g} / "


def _finding(promise: Expectation, verdicts: Sequence[Verdict]) -> str:
    seen = [verdict.trial.known_at(promise.kind, *promise.or_else) for verdict in verdicts]
    steps = ", ".join("never" if step is None else str(step) for step in seen)
    return f"{_promised_finding(promise)}{steps}"


def _fix(fix: LessonFix, place: int, verdicts: Sequence[Verdict]) -> str:
    gains = sorted(gained(verdict.trial, verdict.fixed[place]) for verdict in verdicts)
    speed = ""
    if fix.speedup:
        speeds = [verdict.trial.seconds / verdict.fixed[place].seconds for verdict in verdicts]
        speed = f", {min(speeds):.1f} times as fast"
    return f"{_promised_gain(fix)}{_range(gains)}{speed}"


def _range(values: Sequence[float]) -> str:
    """Of sorted values; NaN is sorted nowhere."""
    if any(map(math.isnan, values)):
        return "NaN"
    low, high = (f"{value:.2f}" if math.isfinite(value) else "from NaN" for value in (values[0], values[-1]))
    return low if low == high else f"{low} to {high}"
