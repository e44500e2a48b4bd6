"""The lesson beside its run: what happens now, where to look, what to try, and in the end a question."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.content import Content
from textual.message import Message
from textual.reactive import var

from ...engine.config import ConfigError, RunConfig
from ...engine.lesson import Question
from ...engine.presets import find_preset
from ..content import hanging
from ..dialogs.pick import Pick
from ..text import visible
from ..view.beside import Beside, outcome
from ..view.findings import SEVERITY_GLYPHS, name_of
from ..view.past_view import as_of
from ..view.run_view import RunView
from .lesson_actions import AskQuestion, OpenPreset, StartFixed, act_label, acts
from .lesson_guide import Guide, Hint, guide, has_lesson, open_questions
from .text_panel import TextPanel

KeyOf = Callable[[str], str]
"""From the id of a binding to its key, as a person reads it."""

_FAINT = "$foreground 60%"


class LessonPanel(TextPanel):
    NAME = "lesson"
    TITLE = "Lesson"
    SHOWN_FROM = (72, 20)
    HEIGHT = "3fr"
    COLUMN_ORDER = 3
    EXPLANATION: ClassVar[str] = """\
What it shows: the lesson of the preset that was started, step by step: what happens now, what to watch at this \
point, the latest finding, the panel that tells most at the moment, and what is worth trying, with its key.

How to read it: from the top. A key in bold can be pressed as it stands there. The run stops by itself at what is \
worth seeing and at its first finding; space goes on, W never stops again. With the reading cursor on an earlier step \
it shows what there was to see there. When the run is over, the lesson asks a question; a answers it, starts a new run \
with one of the lesson's fixes, or opens a preset to compare with.

A run of your own has no lesson, unless its file has a section [lesson]."""

    @classmethod
    def has_content(cls, view: RunView) -> bool:
        return view.described is None

    class AnotherRunWanted(Message):
        """The lesson led to another run: a preset, or this one with a fix of which something is promised."""

        def __init__(
            self, config: RunConfig, *, preset: str | None = None, fix: str = "", better_by: float | None = None
        ) -> None:
            super().__init__()
            self.config = config
            self.preset = preset
            self.fix = fix
            self.better_by = better_by

    key_of: KeyOf = staticmethod(str)
    """Set by the widget that has the bindings."""

    answers: var[dict[int, int]] = var(dict)
    """The choice that was taken, counted from 1, by the place of the question."""
    cursor: var[float | None] = var(None)
    """The step that is looked at; None is the latest."""

    beside: var[Beside] = var(Beside())

    def watch_beside(self) -> None:
        if self.is_mounted:
            self.write()

    def watch_answers(self) -> None:
        if self.is_mounted:
            self.write()

    def watch_cursor(self) -> None:
        if self.is_mounted:
            self.write()

    def words(self, view: RunView) -> tuple[Content, Content]:
        if not has_lesson(view.config):
            return Content("Lesson"), Content.styled("This run has no lesson; those of the presets have.", _FAINT)
        if self.cursor is not None and (past := as_of(view, self.cursor)) is not view:
            return self._looking_back(past)
        blocks = [
            *_compared(view, self.beside),
            *_guided(guide(view, self.answers), self.room, self.key_of),
            *self._asked(view),
            *_related(view, self.key_of),
        ]
        return Content("Lesson"), Content("\n\n").join(blocks)

    def _looking_back(self, past: RunView) -> tuple[Content, Content]:
        """What there was to see at the step of the cursor; what could have been done then cannot be now."""
        said = replace(guide(past), ahead="", tries=())
        back = Content.styled(f"{self.key_of('look.follow')} follows the latest step again", _FAINT)
        title = Content.assemble("Lesson", (f"  at step {past.step}", "$accent"))
        return title, Content("\n\n").join([*_guided(said, self.room, self.key_of), back])

    @work(group="dialog", exclusive=True)
    async def act(self, view: RunView) -> None:
        """Offer what can be done with the lesson, until something else is wanted than an answer."""
        told: Content | None = None
        while True:
            offered = acts(view, self.answers)
            choices = [*map(act_label, offered), "Back to the run"]
            place = await self.app.push_screen_wait(Pick("The lesson", choices, text=told))
            match None if place is None or place == len(offered) else offered[place]:
                case AskQuestion(place=number, question=question, answer=answer):
                    told = (
                        question_words(question, answer, hint="") if answer else await self._answered(number, question)
                    )
                case StartFixed(fix=fix, config=config, better_by=better_by):
                    self.post_message(self.AnotherRunWanted(config, fix=fix, better_by=better_by))
                    return
                case OpenPreset(id=id):
                    await self._open(id)
                    return
                case None:
                    return

    async def _answered(self, number: int, question: Question) -> Content | None:
        asked = Content.styled(visible(question.text), "bold")
        choice = await self.app.push_screen_wait(Pick(f"Question {number + 1}", question.choices, text=asked))
        if choice is None:
            return None
        self.answers = {**self.answers, number: choice + 1}
        return question_words(question, choice + 1, hint="")

    async def _open(self, id: str) -> None:
        try:
            preset, config = await asyncio.to_thread(find_preset, id)
        except ConfigError as error:
            self.notify(visible(str(error)), severity="warning", markup=False)
        else:
            self.post_message(self.AnotherRunWanted(config, preset=preset))

    def _asked(self, view: RunView) -> Iterator[Content]:
        hint = f"{self.key_of('panels.act')} answers"
        for place, question in enumerate(open_questions(view)):
            yield question_words(question, self.answers.get(place), hint=hint, width=self.room)


def question_words(question: Question, answer: int | None, *, hint: str, width: int = 0) -> Content:
    """The question with its choices; once it is answered, which was right and why."""
    lines = [Content.styled(visible(question.text), "bold")]
    for number, choice in enumerate(question.choices, 1):
        mark, colour = _mark(number, answer, question.answer)
        label, words = Content.styled(f"{mark} {number}  ", colour), Content.styled(visible(choice), colour)
        lines.append(hanging(label, words, width))
    if answer is None:
        lines.append(Content.styled(hint, _FAINT))
    else:
        verdict = ("Right. ", "bold $text-success") if answer == question.answer else ("No. ", "bold $text-error")
        lines.append(Content.assemble(verdict, visible(" ".join(question.explanation.split()))))
    return Content("\n").join(lines)


def _mark(number: int, answer: int | None, right: int) -> tuple[str, str]:
    if answer is None:
        return " ", "$foreground"
    if number == right:
        return "✓", "$text-success"
    return ("✖", "$text-error") if number == answer else (" ", _FAINT)


def _compared(view: RunView, beside: Beside) -> Iterator[Content]:
    """What the run was started to mend, and how it fares against the one that it was started from."""
    if beside.fix:
        yield Content.assemble(("With the fix  ", _FAINT), (visible(beside.fix), "bold"))
    if words := outcome(view, beside):
        against = beside.runs[0]
        yield Content.assemble((f"Against {against.letter} {visible(against.name)}: ", _FAINT), (words, "bold"))


def _guided(said: Guide, width: int, key_of: KeyOf) -> Iterator[Content]:
    yield Content(visible(said.now))
    if said.otherwise:
        yield Content.styled(visible(said.otherwise), "$text-warning")
    if said.watch:
        since = f"Step {said.watch_step}: " if said.watch_step else ""
        watch = Content.styled(since + _sentence(visible(" ".join(said.watch.split()))), "bold")
        yield Content.assemble(watch, (f" {said.ahead}" if said.ahead else "", _FAINT))
    elif said.ahead:
        yield Content.styled(said.ahead, _FAINT)
    if said.noticed:
        glyph, colour = SEVERITY_GLYPHS[said.noticed.severity]
        noticed = f"{name_of(said.noticed)} since step {said.noticed.onset}: {visible(said.noticed.evidence)}"
        yield hanging(Content.styled(f"{glyph} ", colour), Content(noticed), width)
    hints = [("Look", said.look), *(("Try", each) for each in said.tries)]
    yield Content("\n").join(_hint(label, hint, width, key_of) for label, hint in hints)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _hint(label: str, hint: Hint, width: int, key_of: KeyOf) -> Content:
    key = Content.assemble((f"{label:<5}", _FAINT), (key_of(hint.binding), "bold $accent"), "  ")
    return hanging(key, Content(visible(hint.words)), width)


def _related(view: RunView, key_of: KeyOf) -> Iterator[Content]:
    if links := view.config.lesson.see_also:
        yield Content.assemble(
            ("Compare with ", _FAINT),
            visible(", ".join(links)),
            ("  ", ""),
            (key_of("panels.act"), "bold $accent"),
            (" opens one", _FAINT),
        )
