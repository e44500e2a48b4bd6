"""Read a curve: a run trains, then five questions are asked about it, and every answer is compared with what was."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from ...engine.client.run import ClientError
from ...engine.config import ConfigError
from ...engine.storage.run_store import StoreError
from ..content import in_ascii
from ..dialogs.key_line import KeyLine
from ..dialogs.scroll import Scroll
from ..open_run import Opener
from ..text import visible
from .curve import POINTS, curve_config
from .curve_log import curve_log
from .curve_session import CurveSession
from .grading import CurveQuestion, Mark, grade
from .plots import BareLossPlot
from .temporary_runs import TemporaryRuns, views

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
    session: var[CurveSession] = var(lambda: CurveSession(seed=0))

    def __init__(self, seed: int, *, open: Opener, ascii: bool) -> None:
        super().__init__()
        self._ascii = ascii
        self._temporary_runs = TemporaryRuns(open)
        self.set_reactive(CurveExerciseScreen.session, CurveSession(seed=seed))

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
        await self._temporary_runs.close()

    @work(exclusive=True, group="live")
    async def train(self) -> None:
        self.session = CurveSession(seed=self.session.seed)
        try:
            run = await self._temporary_runs.start(curve_config(self.session.seed))
        except (ConfigError, StoreError, ClientError) as error:
            self.notify(visible(str(error)), severity="error", timeout=10, markup=False)
            return
        try:
            async for view in views(run):
                self.session = replace(self.session, view=view)
            self.session = self.session.finished()
            if self.session.truth is None:
                self.notify("The run ended before its last step; n trains another.", severity="error", markup=False)
        finally:
            self._temporary_runs.discard(run)

    def watch_session(self, session: CurveSession) -> None:
        if not self.is_mounted:
            return
        head = Content.assemble(("Read a curve", "bold $primary"), (f"  exercise {session.seed}", _FAINT))
        self.query_one("#head", Static).update(head)
        self.plot.view = session.view
        self.plot.truth = session.truth if session.is_over else None
        if session.view is not None:
            rows = curve_log(session.view, rates=session.saw_lrs or session.is_over)
            self.query_one("#rows", Static).update(Content("\n".join(rows)))
        words = session_words(session, ascii=self._ascii)
        self.query_one("#words", Static).update(in_ascii(words) if self._ascii else words)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.session.allows(action, parameters)

    def action_type(self, digit: str) -> None:
        self.session = self.session.with_digit(digit)

    def action_erase(self) -> None:
        self.session = replace(self.session, typed=self.session.typed[:-1])

    def action_answer(self) -> None:
        self.session = self.session.entered()

    def action_rates(self) -> None:
        self.session = replace(self.session, saw_lrs=True)

    def action_log(self) -> None:
        self.toggle_class("-log")

    def action_again(self) -> None:
        self.session = CurveSession(seed=self.session.seed + 1)
        self.train()

    def action_leave(self) -> None:
        self.workers.cancel_group(self, "live")  # events may come when the screen's widgets are gone
        self.dismiss()


def session_words(session: CurveSession, *, ascii: bool) -> Content:
    """What is awaited, asked or said of the answers."""
    if session.truth is None:
        where = f"step {session.view.step} of {session.view.steps}" if session.view else "starting"
        return Content(f"A run trains, {where}. When it is over you are asked five things about it.")
    if (question := session.question) is not None:
        return curve_question_text(question, len(session.answers) + 1, session.typed, ascii=ascii)
    return result_words(grade(session.truth, session.answers, saw_rates=session.saw_lrs))


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
            f"{mark.question.topic.replace('_', ' ')}: you said {mark.given}. ",
            (f"{mark.reason} {mark.points} point{'' if mark.points == 1 else 's'}", _FAINT),
        )
        for mark in marks
    ]
    total = sum(mark.points for mark in marks)
    return Content("\n").join([Content.styled(f"{total} of {POINTS * len(marks)} points", "bold $primary"), *lines])
