"""What a person can do with a lesson: answer its questions, start its fixes as new runs, open what it compares with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...engine.config import RunConfig
from ...engine.lesson import Question
from ..view.run_view import RunView
from .lesson_guide import fixes_to_try, open_questions


@dataclass(frozen=True)
class AskQuestion:
    place: int
    question: Question
    answer: int | None
    """The choice that was taken, counted from 1."""


@dataclass(frozen=True)
class StartFixed:
    fix: str
    config: RunConfig
    better_by: float | None
    """See LessonFix; None where that is not promised of it."""


@dataclass(frozen=True)
class OpenPreset:
    id: str


Act = AskQuestion | StartFixed | OpenPreset


def acts(view: RunView, answers: Mapping[int, int]) -> list[Act]:
    """In the order in which they are worth doing; an answered question keeps its place, and so does what follows."""
    promises = {fix.title: None if fix.speedup else fix.better_by for fix in view.config.lesson.fixes}
    return [
        *(AskQuestion(place, each, answers.get(place)) for place, each in enumerate(open_questions(view))),
        *(
            StartFixed(title, replace(mended, title=view.config.title), promises.get(title))
            for title, mended in fixes_to_try(view.config)
        ),
        *(OpenPreset(id) for id in view.config.lesson.see_also),
    ]


def act_label(act: Act) -> str:
    match act:
        case AskQuestion(place=place, question=question, answer=answer):
            return f"{'✓ Question' if answer else 'Question'} {place + 1}: {question.text}"
        case StartFixed(fix=fix):
            return f"A new run with the fix: {fix}"
        case OpenPreset(id=id):
            return f"Compare: start {id}"
