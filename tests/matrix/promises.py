"""What a preset promises, held against what its runs did."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from tinygpt_tui.engine.conditions import parse_condition
from tinygpt_tui.engine.events import Event, Fix, LayersMeasured, StepFinished
from tinygpt_tui.engine.healthy import HEALTHY, LAYER_SPREAD, layer_spread
from tinygpt_tui.engine.lesson import Lesson, LessonFix
from tinygpt_tui.engine.measured import MeasuredRun, first_step

SEEDS = (0, 1, 2)
DAYS = 53
"""Within so many days the daily shares are the whole matrix."""


@dataclass(frozen=True, kw_only=True)
class Raised:
    kind: str
    step: int
    """At which it was known."""
    causes: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run that was trained to its end."""

    raised: tuple[Raised, ...]
    """Without mere remarks."""
    val_loss: float
    """The last one; where nothing is held out, the mean training loss of the last tenth."""
    record: MeasuredRun
    """What the steps measured, for the lesson's sentences."""
    seconds: float
    """Of processor time, so that a busy machine does not count."""

    unhealthy: tuple[str, ...] = ()
    """Ranges of `engine/healthy.py` that it left."""

    def known_at(self, *kinds: str) -> int | None:
        """When the first of these kinds was known."""
        return next((each.step for each in self.raised if each.kind in kinds), None)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A preset with one seed."""

    id: str
    seed: int


def cases(ids: Iterable[str], seeds: Sequence[int] = SEEDS) -> list[Case]:
    return [Case(id=id, seed=seed) for id in sorted(ids) for seed in seeds]


def share(everything: Sequence[Case], day: date) -> list[Case]:
    """What is tried on this day; another share each day."""
    return list(everything[day.toordinal() % DAYS :: DAYS])


def broken(lesson: Lesson, trial: Trial) -> list[str]:
    """Promises that a run of the preset did not keep."""
    found = []
    for promise in lesson.expected:
        step = trial.known_at(promise.kind, *promise.or_else)
        if step is None or step > promise.by:
            when = "never" if step is None else f"at step {step}"
            found.append(f"{promise.kind} should be known by step {promise.by} and was {when}")
    found += [
        f"{each.kind} should be mended first by a fix of the lesson, not: {_first(each)}"
        for each in trial.raised
        if _announces(lesson, each.kind) and not is_mended(each, lesson)
    ]
    return found + false_sentences(lesson, trial.record) + _unexpected(trial, _announced(lesson))


def checked_sentences(lesson: Lesson) -> list[tuple[str, str]]:
    """Each sentence of the run itself that carries a check, and the check."""
    watched = [(each.what, each.when) for each in lesson.watch if each.when]
    return watched + [(each.says, each.check) for each in lesson.claims]


def false_sentences(lesson: Lesson, record: MeasuredRun) -> list[str]:
    return [
        f"{' '.join(sentence.split())!r} is false: {check} never held"
        for sentence, check in checked_sentences(lesson)
        if first_step(parse_condition(check), record) is None
    ]


FIRST_CAUSES = {
    "nan-softmax": "softmax",
    "gradient-bug": "cut off from the loss",
    "vanishing-gradients": "shrinks in every layer",
    "loss-spike": "one bad batch",
    "lr-too-high": "learning rate too high",
    "lr-too-low": "learning rate too low",
    "nan-learning-rate": "learning rate too high",
    "oscillating": "learning rate too high",
    "exploding-gradients": "not clipped",
    "dead-start": "initial weights 0 times",
    "shuffled-targets": "do not belong together",
    "schedule-ended": "schedule has ended",
    "model-too-small": "model too small",
    "overfitting": "too little text",
}
"""By preset, a part of what the first cause of each expected finding reads."""


def misjudged(id: str, lesson: Lesson, trial: Trial) -> list[str]:
    """Expected findings whose first cause is not the fault of the preset."""
    words = FIRST_CAUSES.get(id, "")
    return [
        f"the first cause of {each.kind} should be '{words}', not: {each.causes[:1]}"
        for each in trial.raised
        if _announces(lesson, each.kind) and words not in "".join(each.causes[:1])
    ]


def unhealthy(events: Sequence[Event]) -> tuple[str, ...]:
    """Every range of `engine/healthy.py` that a run left; of the steps, one in a hundred may."""
    steps = [event for event in events if isinstance(event, StepFinished)]
    layers = [event for event in events if isinstance(event, LayersMeasured)]
    seen = {
        "grad_norm": [event.grad_norm for event in steps],
        "update_ratio": [event.update_ratio or 0.0 for event in steps],
        "clipped": [sum(bool(event.clipped) for event in steps) / len(steps)],
        "param_norm": [(steps[-1].param_norm or 0.0) / (steps[0].param_norm or 1.0)],
        "max_attention_logit": [event.max_attention_logit for event in layers],
        "log_z": [event.log_z for event in layers],
    }
    found = [
        f"{name} is not {HEALTHY[name].words}: {min(values):.3g} to {max(values):.3g}"
        for name, values in seen.items()
        if sum(map(HEALTHY[name].holds, values)) < 0.99 * len(values)
    ]
    spread = max((layer_spread(v) for event in layers for v in (event.grad_norm, event.update_ratio)), default=1.0)
    return (*found, *([f"layers differ by a factor of {spread:.3g}"] if spread > LAYER_SPREAD else []))


def is_mended(raised: Raised, lesson: Lesson) -> bool:
    """Whether the first remedy of a finding sets keys of one of the lesson's fixes, or in words names it."""
    if not raised.fixes:
        return not lesson.fixes
    first = raised.fixes[0]
    title = first.title.partition(":")[0].casefold()
    return any(
        set(first.changes) <= set(fix.changes) if first.changes else title == fix.title.casefold()
        for fix in lesson.fixes
    )


def _first(raised: Raised) -> str:
    return raised.fixes[0].title if raised.fixes else "nothing"


def _announces(lesson: Lesson, kind: str) -> bool:
    return bool(lesson.fixes) and any(kind in (each.kind, *each.or_else) for each in lesson.expected)


def broken_by_fix(lesson: Lesson, fix: LessonFix, before: Trial, after: Trial) -> list[str]:
    """Promises that a fresh run with the fix did not keep."""
    found = _unexpected(after, _announced(lesson) - set(fix.gone))
    if fix.check and first_step(parse_condition(fix.check), after.record) is None:
        found.append(f"{fix.then!r} is false: {fix.check} never held")
    gain = gained(before, after)
    if not gain >= fix.better_by:
        found.append(f"val_loss is better by {gain:.3f}, not by {fix.better_by:g}")
    speedup = before.seconds / after.seconds
    if speedup < fix.speedup:
        found.append(f"{speedup:.1f} times as fast, not {fix.speedup:g}")
    return found


def gained(before: Trial, after: Trial) -> float:
    """How much lower val_loss is; any number is infinitely better than NaN, and nothing is better than a number."""
    if math.isnan(after.val_loss):
        return -math.inf
    return math.inf if math.isnan(before.val_loss) else before.val_loss - after.val_loss


def _announced(lesson: Lesson) -> set[str]:
    return {kind for promise in lesson.expected for kind in (promise.kind, *promise.or_else)} | set(lesson.allowed)


def _unexpected(trial: Trial, known: set[str]) -> list[str]:
    return [f"{each.kind} at step {each.step} is not expected" for each in trial.raised if each.kind not in known]
