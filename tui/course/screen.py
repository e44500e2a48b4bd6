"""The course: a page of text, something to see beside it, a question; the keyboard turns, answers and opens runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from ...engine.client import ClientError
from ...engine.config import ConfigError, RunConfig
from ...engine.presets import BadPreset, Preset, find_preset, own_folder, read_presets
from ...engine.storage.run_store import StoreError
from ..content import in_ascii
from ..dialogs.key_line import KeyLine
from ..dialogs.pick import Pick
from ..dialogs.scroll import Scroll
from ..exercises.temporary_runs import Rehearsals, views
from ..navigation import CurveExercise, FaultExercise, GoTo, StartRun
from ..open_run import Opener
from ..panels.lesson import question_words
from ..text import visible
from ..view.run_view import RunView
from .figure_panel import CourseFigure
from .pages import CourseChapter, Page, pages_of, read_course
from .progress import Progress, ProgressError, load, save

RunKey = tuple[str, tuple[tuple[str, object], ...]]
"""The preset of a live figure and what it sets otherwise: pages with the same one share a run."""


class QuestionText(Static):
    in_sight = False
    """Whether it stays so when what is said of an answer makes it longer."""

    def on_resize(self) -> None:
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
        Binding("f", "figure", "figure", id="course.figure", tooltip="The figure alone, and back"),
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

    figure = getters.query_one(CourseFigure)
    words = getters.query_one("#words", Scroll)
    question = getters.query_one(QuestionText)
    place: var[int] = var(0)

    def __init__(self, progress: Path, *, open: Opener, ascii: bool, new_seed: Callable[[], int]) -> None:
        super().__init__()
        self._new_seed = new_seed
        self._course = pages_of(read_course())
        self._file = progress
        self._progress, self._trouble = load(progress)
        self._ascii = ascii
        self._rehearsals = Rehearsals(open)
        self._views: dict[RunKey, RunView] = {}
        self._training: RunKey | None = None
        known = [page.id for _, page in self._course]
        start = known.index(self._progress.page) if self._progress.page in known else 0
        self.set_reactive(CourseScreen.place, start)

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
                yield QuestionText(id="question")
            yield CourseFigure(ascii=self._ascii)
        yield KeyLine()

    def on_mount(self) -> None:
        if self._trouble:
            self._warn(self._trouble)
        self._show_page()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_question)  # its lines are as long as its box is wide by then

    def on_screen_resume(self) -> None:
        self._train()

    async def on_unmount(self) -> None:
        await self._rehearsals.close()

    def watch_place(self) -> None:
        if self.is_mounted:
            self._show_page()

    def _show_page(self) -> None:
        page = self.page
        self.remove_class("-figure")
        self.query_one("#text", Static).update(self._plain(page_words(page)))
        self._show_question()
        self.question.in_sight = False
        self.words.scroll_home(animate=False)
        self.words.focus()
        self.figure.page = page
        self.figure.view = self._views.get(run_key(page))
        self._train()
        self._remember(self._progress.turned_to(page.id))
        self.refresh_bindings()

    def _show_question(self) -> None:
        page = self.page
        answer = self._progress.answers.get(page.id)
        width = self.question.content_size.width
        asked = question_words(page.question, answer, hint="answer with its number", width=width)
        self.question.update(self._plain(asked))
        self.query_one("#where", Static).update(self._plain(where_words(self._course, self.place, self._progress)))

    def _plain(self, content: Content) -> Content:
        return in_ascii(content) if self._ascii else content

    def _remember(self, progress: Progress) -> None:
        self._progress = progress
        try:
            save(progress, self._file)
        except ProgressError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._warn(self._trouble)

    def _train(self) -> None:
        """Let the page's run train, unless it does already or has been."""
        key = run_key(self.page)
        seen = self._views.get(key)
        if self.page.train and key != self._training and (seen is None or seen.end is None):
            self._training = key
            self.train(self.page)

    @work(exclusive=True, group="live")
    async def train(self, page: Page) -> None:
        key = run_key(page)
        try:
            _, config = await asyncio.to_thread(find_preset, page.train)
            run = await self._rehearsals.start(config.with_changes(page.changes))
        except (ConfigError, StoreError, ClientError) as error:
            self._warn(str(error))
            return
        try:
            async for view in views(run):
                self._views[key] = view
                if run_key(self.page) == key:
                    self.figure.view = view
        finally:
            if self._training == key:
                self._training = None
            self._rehearsals.discard(run)

    def _warn(self, why: str) -> None:
        self.notify(visible(why), severity="warning", timeout=10, markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        page = self.page
        match action, parameters:
            case "turn", (int(pages),):
                return 0 <= self.place + pages < len(self._course)
            case "answer", (int(choice),):
                return choice <= len(page.question.choices)
            case "open", _:
                return bool(page.presets) or page.chapter != "none" or page.exercise != "none"
            case "figure", _:
                return page.figure != "none"
            case _:
                return True

    def action_turn(self, pages: int) -> None:
        self.place += pages

    def action_answer(self, choice: int) -> None:
        self._remember(self._progress.answered(self.page.id, choice))
        self._show_question()
        self.question.in_sight = True
        self.question.scroll_visible(animate=False)  # its new length, if that differs, is laid out later

    def action_figure(self) -> None:
        self.toggle_class("-figure")

    @work(group="dialog", exclusive=True)
    async def action_contents(self) -> None:
        titles = [contents_line(chapter, page, self._progress) for chapter, page in self._course]
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
                if config := await self._chosen_run():
                    self._training = None
                    self.workers.cancel_group(self, "live")  # both processors are wanted for the run
                    self.post_message(GoTo(StartRun(config)))

    async def _chosen_run(self) -> RunConfig | None:
        found = presets_of(self.page, await asyncio.to_thread(read_presets, own_folder()))
        if len(found) < 2:
            return found[0].config if found else None
        lines = [f"{preset.config.title}: {preset.config.lesson.summary}" for preset in found]
        place = await self.app.push_screen_wait(Pick("Which run?", lines))
        return found[place].config if place is not None else None

    def action_leave(self) -> None:
        self.workers.cancel_group(self, "live")  # what a run says last comes when the screen's parts are gone
        self.dismiss()


def run_key(page: Page) -> RunKey:
    return page.train, tuple(sorted(page.changes.items()))


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
