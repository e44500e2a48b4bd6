"""What a person can do with a lesson: answer its questions, start its fixes as new runs, open what it compares with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...engine.config import RunConfig
from ...engine.lesson import Question
from ..view.run_view import RunView
from .lesson_guide import fixes_to_try, open_questions


@dataclass(frozen=True)
class AnswerQuestion:
    place: int
    question: Question


@dataclass(frozen=True)
class StartFixed:
    fix: str
    config: RunConfig
    better_by: float | None
    """See LessonFix; None where that is not promised of it."""


@dataclass(frozen=True)
class OpenPreset:
    id: str


Act = AnswerQuestion | StartFixed | OpenPreset


def acts(view: RunView, answers: Mapping[int, int]) -> list[Act]:
    """In the order in which they are worth doing."""
    promises = {fix.title: None if fix.speedup else fix.better_by for fix in view.config.lesson.fixes}
    return [
        *(AnswerQuestion(place, each) for place, each in enumerate(open_questions(view)) if place not in answers),
        *(
            StartFixed(title, replace(mended, title=view.config.title), promises.get(title))
            for title, mended in fixes_to_try(view.config)
        ),
        *(OpenPreset(id) for id in view.config.lesson.see_also),
    ]


def act_label(act: Act) -> str:
    match act:
        case AnswerQuestion(question=question):
            return f"AnswerQuestion: {question.text}"
        case StartFixed(fix=fix):
            return f"A new run with the fix: {fix}"
        case OpenPreset(id=id):
            return f"Compare: start {id}"
