"""The course: a page of text, something to see beside it, a question; the keyboard turns, answers and opens runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import getters, work
from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from ...engine.config import RunConfig
from ...engine.lesson import Question
from ...engine.presets import BadPreset, Preset, own_folder, read_presets
from ..content import in_ascii
from ..dialogs.key_line import KeyLine
from ..dialogs.pick import Pick
from ..dialogs.scroll import Scroll
from ..go_to import GoTo
from ..navigation import CurveExercise, FaultExercise, StartRun
from ..open_run import Opener
from ..panels.lesson import question_words
from ..text import visible
from .figure_panel import CourseFigure
from .page_runs import PageRuns
from .pages import CourseChapter, Page, pages_of, read_course
from .progress import KeptProgress, Progress


class QuestionText(Static):
    """The question of a page, and what is said of the answer, in lines as long as the box is wide."""

    in_sight = False
    """Whether it stays so when what is said of an answer makes it longer."""
    _asked: tuple[Question, int | None] | None = None
    _width = 0

    def __init__(self, *, ascii: bool) -> None:
        super().__init__(id="question")
        self._ascii = ascii

    def ask(self, question: Question, answer: int | None) -> None:
        self._asked = question, answer
        self._width = self.content_size.width
        words = question_words(question, answer, hint="answer with its number", width=self._width)
        self.update(_plain(words, self._ascii))

    def on_resize(self) -> None:
        if self._asked is not None and self.content_size.width != self._width:
            self.ask(*self._asked)
        if self.in_sight:
            self.scroll_visible(animate=False)


class CourseScreen(Screen[None]):
    BINDING_GROUP_TITLE = "The course"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "turn(1)", "next", id="course.next", tooltip="The next page"),
        Binding("p,left", "turn(-1)", "back", id="course.back", tooltip="The page before"),
        Binding("1", "answer(1)", "answer", id="course.1", tooltip="Choice 1; the other numbers likewise"),
        *(
            Binding(str(n), f"answer({n})", f"answer {n}", show=False, id=f"course.{n}", tooltip=f"Choice {n}")
            for n in range(2, 10)
        ),
        Binding("enter", "open", "try it", id="course.open", tooltip="Start the page's run or exercise, and come back"),
        Binding("f", "toggle('figure_alone')", "figure", id="course.figure", tooltip="The figure alone, and back"),
        Binding("c", "contents", "contents", id="course.contents", tooltip="All pages, and how far you are"),
        Binding("escape,q", "leave", "home", id="course.leave", tooltip="To the presets and runs"),
    ]
    CSS = """
    CourseScreen {
        #where { height: 1; padding: 0 1; }
        #page { layout: horizontal; height: 1fr; }
        #words { width: 1fr; height: 1fr; padding: 0 2; scrollbar-size-vertical: 1; }
        #text { margin: 1 0; max-width: 84; }
        #question { margin-bottom: 1; max-width: 84; padding: 0 1; border-left: thick $border; }
        CourseFigure { width: 1fr; height: 1fr; }
        &.-split #page, &.-narrow #page { layout: vertical; }
        &.-split CourseFigure, &.-narrow CourseFigure { height: 10; }
        &.-low CourseFigure { height: 0; border: none; }
        &.-figure #words { display: none; }
        &.-figure CourseFigure { height: 1fr; border: round $border-blurred; }
    }
    """

    words = getters.query_one("#words", Scroll)
    question = getters.query_one(QuestionText)
    place: var[int] = var(0, init=False)
    figure_alone: var[bool] = var(False, toggle_class="-figure")

    def __init__(self, progress: Path, *, open: Opener, ascii: bool, new_seed: Callable[[], int]) -> None:
        super().__init__()
        self._new_seed = new_seed
        self._ascii = ascii
        self._course = pages_of(read_course())
        self._kept = KeptProgress(progress, partial(_warn, self))
        self.figure = CourseFigure(ascii=ascii)
        self._runs = PageRuns(self.figure, open, partial(_warn, self))
        known = [page.id for _, page in self._course]
        page = self._kept.progress.page
        self.set_reactive(CourseScreen.place, known.index(page) if page in known else 0)

    @property
    def page(self) -> Page:
        return self._course[self.place][1]

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The key of the first choice stands for those of the others that the page has."""
        bindings = super().active_bindings
        if (first := bindings.get("1")) is not None:
            display = f"1-{len(self.page.question.choices)}"
            bindings["1"] = first._replace(binding=replace(first.binding, key_display=display))
        return bindings

    def compose(self) -> ComposeResult:
        yield Static(id="where")
        with Container(id="page"):
            with Scroll(id="words"):
                yield Static(id="text")
                yield QuestionText(ascii=self._ascii)
            yield self.figure
        yield KeyLine()

    def on_mount(self) -> None:
        self._kept.report()
        self.watch_place()

    def on_screen_resume(self) -> None:
        self._runs.train(self.page)

    async def on_unmount(self) -> None:
        await self._runs.close()

    def watch_place(self) -> None:
        page = self.page
        self.figure_alone = False
        self.query_one("#text", Static).update(_plain(page_words(page), self._ascii))
        self._show_question()
        self.question.in_sight = False
        self.words.scroll_home(animate=False)
        self.words.focus()
        self._runs.show(page)
        self._kept.keep(self._kept.progress.turned_to(page.id))
        self.refresh_bindings()

    def _show_question(self) -> None:
        page, progress = self.page, self._kept.progress
        self.question.ask(page.question, progress.answers.get(page.id))
        where = where_words(self._course, self.place, progress)
        self.query_one("#where", Static).update(_plain(where, self._ascii))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return _is_possible(self.page, self.place, len(self._course), action, parameters)

    def action_turn(self, pages: int) -> None:
        self.place += pages

    def action_answer(self, choice: int) -> None:
        self._kept.keep(self._kept.progress.answered(self.page.id, choice))
        self._show_question()
        self.question.in_sight = True
        self.question.scroll_visible(animate=False)  # its new length, if that differs, is laid out later

    @work(group="dialog", exclusive=True)
    async def action_contents(self) -> None:
        titles = [contents_line(chapter, page, self._kept.progress) for chapter, page in self._course]
        place = await self.app.push_screen_wait(Pick("Contents", titles, first=self.place))
        if place is not None:
            self.place = place

    @work(group="dialog", exclusive=True)
    async def action_open(self) -> None:
        match self.page.exercise:
            case "curve":
                self.post_message(GoTo(CurveExercise(self._new_seed())))
            case "fault":
                self.post_message(GoTo(FaultExercise(self._new_seed())))
            case "none":
                if config := await _chosen_run(self.app, self.page):
                    self._runs.stop()
                    self.post_message(GoTo(StartRun(config)))

    def action_leave(self) -> None:
        self._runs.stop()  # events may come when the screen's widgets are gone
        self.dismiss()


def _warn(screen: Screen[None], why: str) -> None:
    screen.notify(visible(why), severity="warning", timeout=10, markup=False)


def _plain(content: Content, ascii: bool) -> Content:
    return in_ascii(content) if ascii else content


def _is_possible(page: Page, place: int, pages: int, action: str, parameters: tuple[object, ...]) -> bool:
    match action, *parameters:
        case "turn", int(turned):
            return 0 <= place + turned < pages
        case "answer", int(choice):
            return choice <= len(page.question.choices)
        case "open", *_:
            return bool(page.presets) or page.chapter != "none" or page.exercise != "none"
        case "toggle", "figure_alone":
            return page.figure != "none"
        case _:
            return True


async def _chosen_run(app: App[object], page: Page) -> RunConfig | None:
    """The page's run, asked for where there are several."""
    found = presets_of(page, await asyncio.to_thread(read_presets, own_folder()))
    if len(found) < 2:
        return found[0].config if found else None
    lines = [f"{preset.config.title}: {preset.config.lesson.summary}" for preset in found]
    place = await app.push_screen_wait(Pick("Which run?", lines))
    return found[place].config if place is not None else None


def presets_of(page: Page, library: Sequence[Preset | BadPreset]) -> list[Preset]:
    """What a page names, in its order, then the rest of its chapter of the library."""
    presets = {preset.id: preset for preset in library if isinstance(preset, Preset)}
    named = [presets[id] for id in page.presets if id in presets]
    others = [each for each in presets.values() if each.config.lesson.chapter == page.chapter and each not in named]
    return named + others


def page_words(page: Page) -> Content:
    """The title and the paragraphs; formulas stand out and keep their lines."""
    blocks = [Content.styled(page.title, "bold $primary")]
    for block in page.text.strip("\n").split("\n\n"):
        if block.startswith("    "):
            blocks.append(Content.styled(block, "$accent"))
        else:
            blocks.append(Content(" ".join(block.split())))
    return Content("\n\n").join(blocks)


def where_words(course: list[tuple[CourseChapter, Page]], place: int, progress: Progress) -> Content:
    chapter, _ = course[place]
    right = sum(progress.answers.get(page.id) == page.question.answer for _, page in course)
    return Content.assemble(
        ("Course", "bold $primary"),
        f"  {chapter.title}",
        (f"  page {place + 1}/{len(course)}  {right} answered right", "$curve-plan"),
    )


def contents_line(chapter: CourseChapter, page: Page, progress: Progress) -> str:
    answer = progress.answers.get(page.id)
    mark = " " if answer is None else "✓" if answer == page.question.answer else "✖"
    return f"{mark} {chapter.title}: {page.title}"
