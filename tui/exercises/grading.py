"""The questions about a curve, and what an answer to each is worth. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .curve import GAINING, POINTS, RISE, SPAN, CurveTruth

Topic = Literal["warmup", "spike", "decay", "improving", "train_on"]


@dataclass(frozen=True, kw_only=True)
class CurveQuestion:
    topic: Topic
    text: str
    choices: tuple[str, ...] = ()
    """To pick from by number; empty where a step is typed."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    question: CurveQuestion
    given: str
    right: bool
    points: int
    reason: str


def questions(steps: int, tolerance: int) -> tuple[CurveQuestion, ...]:
    within = f"0 if {{}}. Within {tolerance} steps is right."
    return (
        CurveQuestion(topic="warmup", text=f"At which step does the warm-up end? {within.format('there was none')}"),
        CurveQuestion(
            topic="spike",
            text=f"By which step is the spike at the start over? {within.format('there was none')} A spike: the mean "
            f"of {SPAN} steps rises {RISE:g} above the first loss; it is over when it is back there.",
        ),
        CurveQuestion(
            topic="decay",
            text=f"At which step does the rate begin to fall from its peak? {within.format('it never did')}",
        ),
        CurveQuestion(
            topic="improving",
            text=f"Is it still improving in its last fifth, from step {steps - steps // 5} on, beyond the noise?",
            choices=("Yes", "No"),
        ),
        CurveQuestion(
            topic="train_on",
            text="Had you planned it longer: would more steps have been worth it? "
            f"Yes from {GAINING:.0%} of the whole fall gained in the last fifth.",
            choices=("Yes", "A little, with diminishing returns", "No"),
        ),
    )


def grade(truth: CurveTruth, answers: Mapping[Topic, int], *, saw_rates: bool) -> tuple[Mark, ...]:
    """A mark for each question; `saw_rates`: the log showed the learning rates."""
    return tuple(
        _mark(truth, question, answers.get(question.topic), saw_rates)
        for question in questions(truth.steps, truth.tolerance)
    )


def accepted(truth: CurveTruth, topic: Topic) -> tuple[int, ...]:
    """The choices, counted from 1, that are right; two where the run lies near a border."""
    clear = 2 * truth.error
    match topic:
        case "improving":
            return tuple(
                choice for choice, holds in ((1, truth.gain > 0.75 * clear), (2, truth.gain <= 1.25 * clear)) if holds
            )
        case "train_on":
            much = max(GAINING * truth.fall, clear)
            yes, none = truth.gain > 0.75 * much, truth.gain <= 1.25 * clear
            little = 0.75 * clear < truth.gain < 1.25 * much
            return _holding(yes, little, none)
        case _:
            return ()


def _holding(*choices: bool) -> tuple[int, ...]:
    return tuple(number for number, holds in enumerate(choices, 1) if holds)


def _mark(truth: CurveTruth, question: CurveQuestion, answer: int | None, saw_rates: bool) -> Mark:
    topic = question.topic
    reason = _reason(truth, topic)
    if question.choices:
        right = answer in accepted(truth, topic)
        reason += _border(accepted(truth, topic))
        given = (
            question.choices[answer - 1] if answer is not None and 0 < answer <= len(question.choices) else "nothing"
        )
    else:
        right = answer is not None and is_near(answer, _step(truth, topic), truth.tolerance)
        given = "nothing" if answer is None else f"step {answer}" if answer else "none"
    worth = POINTS // 2 if saw_rates and topic in ("warmup", "decay") else POINTS
    return Mark(question=question, given=given, right=right, points=worth if right else 0, reason=reason)


def _border(accepted: tuple[int, ...]) -> str:
    numbers = " and ".join(map(str, accepted))
    return f" That is near the border: answers {numbers} count." if len(accepted) > 1 else ""


def is_near(answer: int, step: int, tolerance: int) -> bool:
    """None is no step, and never near one."""
    return answer == step if 0 in (answer, step) else abs(answer - step) <= tolerance


def _step(truth: CurveTruth, topic: Topic) -> int:
    return {"warmup": truth.warmup_end, "spike": truth.spike_end, "decay": truth.decay_start}[topic]


def _reason(truth: CurveTruth, topic: Topic) -> str:
    step = _step(truth, topic) if topic in ("warmup", "spike", "decay") else 0
    gained = f"The last fifth gained {truth.gain:.3f} on the one before"
    match topic:
        case "warmup":
            return f"The schedule warms up until step {step}." if step else "The rate was at its peak from step 1 on."
        case "spike":
            return f"The loss was back where it began at step {step}." if step else "The loss never rose so far."
        case "decay":
            return f"The rate was below its peak from step {step} on." if step else "The rate never fell."
        case "improving":
            return f"{gained}; two standard errors of that are {2 * truth.error:.3f}."
        case "train_on":
            return f"{gained}, of a whole fall of {truth.fall:.2f}: {truth.gain / max(truth.fall, 1e-9):.1%}."
