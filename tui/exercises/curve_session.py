"""One exercise with a curve, as a value: the run so far, the answers given, and what is asked next. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from ..view.run_view import RunView
from .curve import CurveTruth, truth_of
from .grading import CurveQuestion, Topic, questions

_MOST_DIGITS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveSession:
    seed: int
    view: RunView | None = None
    answers: Mapping[Topic, int] = field(default_factory=dict)
    saw_lrs: bool = False
    truth: CurveTruth | None = None
    """Known when the run is over."""
    typed: str = ""

    @property
    def question(self) -> CurveQuestion | None:
        """The question that is asked now."""
        if self.truth is None:
            return None
        asked = questions(self.truth.steps, self.truth.tolerance)
        return next((question for question in asked if question.topic not in self.answers), None)

    @property
    def is_over(self) -> bool:
        return self.truth is not None and self.question is None

    def finished(self) -> Self:
        """With the truth, where the run came to its last step."""
        view = self.view
        if view is None or view.step < view.steps:
            return self
        return replace(self, truth=truth_of(view.config, view.curves["step"], view.curves["loss"]))

    def with_digit(self, digit: str) -> Self:
        """A digit chooses where there are choices, and is typed where a step is asked for."""
        if (question := self.question) is not None and question.choices:
            return self._answered(question, int(digit))
        return replace(self, typed=self.typed + digit)

    def entered(self) -> Self:
        """The typed step is the answer."""
        question = self.question
        return self._answered(question, int(self.typed)) if question is not None and self.typed else self

    def _answered(self, question: CurveQuestion, answer: int) -> Self:
        return replace(self, answers={**self.answers, question.topic: answer}, typed="")

    def allows(self, action: str, parameters: tuple[object, ...]) -> bool:
        question = self.question
        match action, *parameters:
            case "type", digit:
                return question is not None and self._can_type(question, str(digit))
            case "answer", *_:
                return question is not None and bool(self.typed)
            case "erase", *_:
                return bool(self.typed)
            case "rates", *_:
                return question is not None and not self.saw_lrs
            case "again", *_:
                return self.is_over or self.view is None or self.view.end is not None
            case _:
                return True

    def _can_type(self, question: CurveQuestion, digit: str) -> bool:
        if question.choices:
            return 0 < int(digit) <= len(question.choices)
        return len(self.typed) < _MOST_DIGITS
