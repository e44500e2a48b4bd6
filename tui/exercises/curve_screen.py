"""Read a curve: a run trains, then five questions are asked about it, and every answer is compared with what was."""

from __future__ import annotations

from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from ...engine.client import ClientError
from ...engine.config import ConfigError
from ...engine.storage.run_store import StoreError
from ..content import in_ascii
from ..dialogs.key_line import KeyLine
from ..dialogs.scroll import Scroll
from ..open_run import Opener
from ..text import visible
from ..view.run_view import RunView
from .curve import POINTS, CurveTruth, curve_config, truth_of
from .curve_log import curve_log
from .grading import CurveQuestion, Mark, Topic, grade, questions
from .plots import BareLossPlot
from .temporary_runs import Rehearsals, views

_FAINT = "$curve-plan"


class CurveExerciseScreen(Screen[None]):
    BINDING_GROUP_TITLE = "Read a curve"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("0", "type('0')", "type a step", key_display="0-9", id="curve.0", tooltip="Digit 0; 1 to 9 likewise"),
        *(
            Binding(str(n), f"type('{n}')", f"type {n}", show=False, id=f"curve.{n}", tooltip=f"Digit or choice {n}")
            for n in range(1, 10)
        ),
        Binding("enter", "answer", "answer", id="curve.answer", tooltip="Take the typed step as the answer"),
        Binding("backspace", "erase", "erase", show=False, id="curve.erase", tooltip="Erase the last digit"),
        Binding(
            "r",
            "rates",
            "show rates",
            id="curve.rates",
            tooltip="The rate in the log; halves the points of two answers",
        ),
        Binding("l", "log", "log", id="curve.log", tooltip="The log instead of the plot, and back"),
        Binding("n", "again", "another", id="curve.again", tooltip="Another curve"),
        Binding("escape,q", "leave", "leave", id="curve.leave", tooltip="Back; the run is deleted"),
    ]
    CSS = """
    CurveExerciseScreen {
        #head { height: 1; padding: 0 1; }
        #seen { height: 1fr; }
        BareLossPlot { border: round $border-blurred; }
        #log { width: 30; border: round $border-blurred; padding: 0 1; scrollbar-size-vertical: 1; }
        #asked { height: auto; max-height: 60%; padding: 0 2; margin: 1 0; }
        &.-narrow #log { display: none; }
        &.-low #asked { margin: 0; }
        &.-log BareLossPlot { display: none; }
        &.-log #log { display: block; width: 1fr; }
    }
    """

    plot = getters.query_one(BareLossPlot)
    log_text = getters.query_one("#rows", Static)
    typed: var[str] = var("")

    def __init__(self, seed: int, *, open: Opener, ascii: bool) -> None:
        super().__init__()
        self._ascii = ascii
        self._rehearsals = Rehearsals(open)
        self._begin(seed)

    def _begin(self, seed: int) -> None:
        self._seed = seed
        self._view: RunView | None = None
        self._answers: dict[Topic, int] = {}
        self._saw_rates = False
        self._truth: CurveTruth | None = None
        """Known when the run is over."""

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        with Horizontal(id="seen"):
            plot = BareLossPlot()
            plot.can_focus = False
            plot.ascii = self._ascii
            yield plot
            with Scroll(id="log"):
                yield Static(id="rows")
        with Scroll(id="asked"):
            yield Static(id="words")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#asked", Scroll).focus()
        self.train()

    async def on_unmount(self) -> None:
        await self._rehearsals.close()

    @work(exclusive=True, group="live")
    async def train(self) -> None:
        self._show()
        try:
            run = await self._rehearsals.start(curve_config(self._seed))
        except (ConfigError, StoreError, ClientError) as error:
            self.notify(visible(str(error)), severity="error", timeout=10, markup=False)
            return
        try:
            async for view in views(run):
                self._view = self.plot.view = view
                self._show()
            self._finish()
        finally:
            self._rehearsals.discard(run)

    def _finish(self) -> None:
        view = self._view
        if view is None or view.step < view.steps:
            self.notify("The run ended before its last step; n trains another.", severity="error", markup=False)
            return
        self._truth = truth_of(view.config, view.curves["step"], view.curves["loss"])
        self._show()

    @property
    def _question(self) -> CurveQuestion | None:
        """The question that is asked now."""
        if self._truth is None:
            return None
        asked = questions(self._truth.steps, self._truth.tolerance)
        return next((question for question in asked if question.topic not in self._answers), None)

    @property
    def _is_over(self) -> bool:
        return self._truth is not None and self._question is None

    def watch_typed(self) -> None:
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        self.query_one("#head", Static).update(
            Content.assemble(("Read a curve", "bold $primary"), (f"  exercise {self._seed}", _FAINT))
        )
        if self._view is not None:
            rows = curve_log(self._view, rates=self._saw_rates or self._is_over)
            self.log_text.update(Content("\n".join(rows)))
        self.plot.truth = self._truth if self._is_over else None
        words = self._words()
        self.query_one("#words", Static).update(in_ascii(words) if self._ascii else words)
        self.refresh_bindings()

    def _words(self) -> Content:
        if self._truth is None:
            where = f"step {self._view.step} of {self._view.steps}" if self._view else "starting"
            return Content(f"A run trains, {where}. When it is over you are asked five things about it.")
        if (question := self._question) is not None:
            return curve_question_text(question, len(self._answers) + 1, self.typed, ascii=self._ascii)
        return result_words(grade(self._truth, self._answers, saw_rates=self._saw_rates))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        question = self._question
        match action:
            case "type":
                return question is not None and _can_type(question, self.typed, str(parameters[0]))
            case "answer":
                return question is not None and bool(self.typed)
            case "erase":
                return bool(self.typed)
            case "rates":
                return question is not None and not self._saw_rates
            case "again":
                return self._is_over or self._view is None or self._view.end is not None
            case _:
                return True

    def action_type(self, digit: str) -> None:
        question = self._question
        if question is not None and question.choices:
            self._take(question, int(digit))
        else:
            self.typed += digit

    def action_erase(self) -> None:
        self.typed = self.typed[:-1]

    def action_answer(self) -> None:
        if (question := self._question) is not None and self.typed:
            self._take(question, int(self.typed))

    def _take(self, question: CurveQuestion, answer: int) -> None:
        self._answers[question.topic] = answer
        self.set_reactive(CurveExerciseScreen.typed, "")
        self._show()

    def action_rates(self) -> None:
        self._saw_rates = True
        self._show()

    def action_log(self) -> None:
        self.toggle_class("-log")

    def action_again(self) -> None:
        self._begin(self._seed + 1)
        self.plot.view = None
        self.train()

    def action_leave(self) -> None:
        self.workers.cancel_group(self, "live")  # what a run says last comes when the screen's parts are gone
        self.dismiss()


def _can_type(question: CurveQuestion, typed: str, digit: str) -> bool:
    if question.choices:
        return 0 < int(digit) <= len(question.choices)
    return len(typed) < 6


def curve_question_text(question: CurveQuestion, number: int, typed: str, *, ascii: bool) -> Content:
    head = Content.assemble((f"{number}. ", "bold $accent"), (question.text, "bold"))
    if question.choices:
        lines = [Content(f"  {place}  {choice}") for place, choice in enumerate(question.choices, 1)]
    else:
        cursor = "_" if ascii else "▏"
        lines = [Content.assemble("  step ", (f"{typed}{cursor}", "$accent"), ("   Enter answers", _FAINT))]
    return Content("\n").join([head, *lines])


def result_words(marks: tuple[Mark, ...]) -> Content:
    lines = [
        Content.assemble(
            ("✓ " if mark.right else "✖ ", "bold $text-success" if mark.right else "bold $text-error"),
            f"{mark.question.topic.replace('_', ' ')}: {mark.given}. ",
            (f"{mark.reason} {mark.points} point{'' if mark.points == 1 else 's'}", _FAINT),
        )
        for mark in marks
    ]
    total = sum(mark.points for mark in marks)
    return Content("\n").join([Content.styled(f"{total} of {POINTS * len(marks)} points", "bold $primary"), *lines])
