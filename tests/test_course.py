"""The course: every page holds, the keyboard is enough at every size, and progress survives a damaged file."""

import math
import random
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.geometry import Size
from textual.pilot import Pilot

from tinygpt_tui.engine.config import ModelConfig, RunConfig
from tinygpt_tui.engine.events import RunEnded
from tinygpt_tui.engine.lesson import CHAPTERS, Question
from tinygpt_tui.engine.presets import Preset, find_preset, own_folder, preset_files, read_presets
from tinygpt_tui.engine.toml_tables import ConfigError
from tinygpt_tui.engine.training.model import GPT, flops_per_token
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.course import screen
from tinygpt_tui.tui.course.figure_panel import CourseFigure
from tinygpt_tui.tui.course.figures import COMPUTED, instruments, operations, updates
from tinygpt_tui.tui.course.optimizer_steps import adam_steps, on_a_bowl
from tinygpt_tui.tui.course.page_runs import run_title
from tinygpt_tui.tui.course.pages import LIVE, Page, pages_of, read_course
from tinygpt_tui.tui.course.progress import Progress, ProgressError, load, save
from tinygpt_tui.tui.course.screen import CourseScreen, presets_of
from tinygpt_tui.tui.dialogs.pick import Pick
from tinygpt_tui.tui.navigation import Course, RunDestination, StartRun, ToHome
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.view.run_view import RunView

from .screen_text import shown, until
from .scripted_run import EndsWhenClosed, ScriptedRun, started, steps

PAGES = [page for _, page in pages_of(read_course())]
SIZES = [(120, 36), (80, 24), (60, 16)]


class Student:
    """The app in the course, with scripted runs."""

    def __init__(self, folder: Path) -> None:
        self.opened: list[RunConfig] = []
        self.app = TinyGPTApp(
            folder / "runs", settings_file=folder / "settings.toml", destination=Course(), open=self._open
        )

    async def _open(self, destination: RunDestination, runs: Path) -> ScriptedRun:
        assert isinstance(destination, StartRun)
        self.opened.append(destination.config)
        config = destination.config
        losses = [5.5 - 0.02 * step for step in range(100)]
        return ScriptedRun(
            [started(config), *steps(config, losses), RunEnded(step=100, reason="finished")], config=config
        )

    @property
    def screen(self) -> CourseScreen:
        screen = self.app.screen
        assert isinstance(screen, CourseScreen)
        return screen


async def opened(pilot: Pilot[None], student: Student) -> None:
    await until(pilot, lambda: isinstance(student.app.screen, CourseScreen) and "  page " in shown(student.app))


@pytest.fixture
def student(tmp_path: Path) -> Student:
    return Student(tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.id)
def test_what_a_page_starts_exists(page: Page) -> None:
    for id in (*page.presets, *([page.train] if page.train else [])):
        assert find_preset(id)[1].with_changes(page.changes)


def test_the_title_of_a_changed_run_tells_how_it_differs() -> None:
    titles = {page.id: run_title("Baseline", page.changes) for page in PAGES if page.train == "baseline"}
    assert titles["loss-curve"] == "Baseline"
    assert titles["problem-stall"] == "Baseline, lr 1e-06, min_lr 1e-07 and 1 more"
    assert titles["sgd"] == "Baseline, kind sgd, lr 0.2 and 3 more"


def test_pages_have_ids_of_their_own_and_the_chapters_are_those_of_the_tutorial() -> None:
    assert len({page.id for page in PAGES}) == len(PAGES)
    titles = [chapter.title for chapter in read_course()]
    assert titles[:4] == ["The loss", "Perplexity", "Learning rate schedules", "Optimizers"]
    assert titles[4:] == ["Training phases", "Monitoring", "The five problems", "When to stop"]


@pytest.mark.parametrize("page", [page for page in PAGES if page.figure in COMPUTED], ids=lambda page: page.id)
@pytest.mark.parametrize("width", [20, 40, 76])
def test_a_calculated_figure_is_drawn_at_every_width(page: Page, width: int) -> None:
    for is_ascii in (False, True):
        drawn = COMPUTED[page.figure](page, width, is_ascii).plain  # pyright: ignore[reportArgumentType]
        assert drawn.strip()


@pytest.mark.parametrize("width", [54, 76])
def test_a_live_figure_in_words_is_as_wide_as_its_panel_and_keeps_the_columns_that_are_spoken_of(width: int) -> None:
    run = RunConfig()
    view = RunView.of(run).after_all([started(run), *steps(run, [3.0] * 800)])
    for figure in (updates, instruments):
        assert max(map(len, figure(view, width).plain.splitlines())) <= width
    assert "/ (lr*root)" in updates(view, width).plain and "lr*|g|" in updates(view, width).plain


def test_every_page_has_a_figure() -> None:
    assert [page.id for page in PAGES if page.figure == "none"] == []


def test_the_work_of_a_step_is_what_the_model_counts() -> None:
    for model in (ModelConfig(), ModelConfig(width=128), ModelConfig(context=128)):
        weights = sum(each.numel() for each in GPT(model, torch.Generator()).parameters())
        assert operations(model) == flops_per_token(model, weights)


def test_the_right_answers_are_not_always_in_one_place() -> None:
    assert len({page.question.answer for page in PAGES}) > 1


def test_presets_of_a_page_are_those_it_names_and_then_its_chapter() -> None:
    library = read_presets(own_folder())
    page = replace(PAGES[0], presets=("baseline",), chapter="Loss is NaN")
    found = [preset.id for preset in presets_of(page, library)]
    chapter = [each.id for each in library if isinstance(each, Preset) and each.config.lesson.chapter == page.chapter]
    assert found == ["baseline", *chapter] and chapter
    assert all(page.chapter in (*CHAPTERS, "none") for page in PAGES)


gradients = st.lists(st.floats(-10, 10).filter(lambda g: abs(g) > 1e-3), min_size=1, max_size=20)


@given(gradients, st.floats(1e-4, 1e-1))
@settings(deadline=None)  # torch wakes up in the first step
def test_adams_steps_are_those_of_torch(values: list[float], lr: float) -> None:
    weight = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=lr)
    ours = 1.0
    for value, step in zip(values, adam_steps(values, lr), strict=True):
        weight.grad = torch.tensor([value], dtype=torch.float64)
        optimizer.step()
        ours += step.update
        assert ours == pytest.approx(weight.item(), rel=1e-6, abs=1e-9)


@given(gradients)
def test_without_the_correction_the_moments_are_the_same_and_used_as_they_are(values: list[float]) -> None:
    plain, corrected = adam_steps(values, 0.1, bias_correction=False), adam_steps(values, 0.1)
    for ours, theirs in zip(plain, corrected, strict=True):
        assert (ours.m, ours.v) == (theirs.m, theirs.v) == (ours.m_hat, ours.v_hat)
    assert abs(plain[0].update / corrected[0].update) == pytest.approx(0.1 / math.sqrt(0.001), rel=1e-3)


def test_a_bowl_is_reached_overshot_or_left() -> None:
    assert abs(on_a_bowl(0.5, 50)[-1]) < 1e-9
    assert abs(on_a_bowl(2.0, 50)[-1]) == 1.0
    assert abs(on_a_bowl(2.1, 50)[-1]) > 100


def test_live_figures_say_what_the_run_measured() -> None:
    config = RunConfig()
    view = RunView.of(config).after_all([started(config), *steps(config, [3.0] * 30)])
    assert "0.001" in instruments(view).plain and "0.800" in instruments(view).plain
    moved = 20.0 * 1e-3  # param_norm times update_ratio
    assert f"{moved:.4f}"[:5] in updates(view).plain
    assert "starting" in updates(RunView.of(config)).plain


@pytest.mark.parametrize("size", SIZES)
async def test_the_course_is_read_from_its_first_page_to_its_last(student: Student, size: tuple[int, int]) -> None:
    async with student.app.run_test(size=size) as pilot:
        await opened(pilot, student)
        for place, page in enumerate(PAGES):
            await until(pilot, lambda page=page: page.title[:40] in shown(student.app))
            assert f"page {place + 1}/{len(PAGES)}" in shown(student.app)
            await pilot.press(str(page.question.answer))
            await until(
                pilot, lambda page=page: student.screen._kept.progress.answers.get(page.id) == page.question.answer
            )
            await pilot.press("n")
        assert f"{len(PAGES)} answered right" in shown(student.app)
        await pilot.press("p")
        await until(pilot, lambda: PAGES[-2].title in shown(student.app))


@pytest.mark.parametrize("size", SIZES)
async def test_the_figure_of_a_page_is_seen_beside_the_text_or_alone(student: Student, size: tuple[int, int]) -> None:
    async with student.app.run_test(size=size) as pilot:
        await opened(pilot, student)
        await until(pilot, lambda: size[1] < 20 or "5.56" in shown(student.app))
        await pilot.press("f")
        await until(pilot, lambda: "1/259" in shown(student.app) and "Half the probability" not in shown(student.app))
        await pilot.press("f")
        await until(pilot, lambda: "One number" in shown(student.app))


async def test_an_answer_is_explained_and_remembered_with_the_page(student: Student, tmp_path: Path) -> None:
    async with student.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, student)
        await pilot.press("1")
        await until(pilot, lambda: "No. -ln 0.05 is 3.00" in shown(student.app))
        await pilot.press("n", "3")
        await until(pilot, lambda: load(tmp_path / "course.toml")[0].answers == {"loss-what": 1, "loss-guessing": 3})
    again = Student(tmp_path)
    async with again.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, again)
        assert PAGES[1].title in shown(again.app)


async def test_a_pages_run_opens_with_enter_and_the_course_is_come_back_to(student: Student) -> None:
    async with student.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, student)
        await pilot.press("n", "n", "enter")
        await until(pilot, lambda: isinstance(student.app.screen, RunScreen))
        assert student.opened[-1].title == "Baseline"
        student.app.screen.dismiss(ToHome())
        await opened(pilot, student)
        assert PAGES[2].title in shown(student.app)


async def test_pages_with_the_same_run_share_it(student: Student) -> None:
    async with student.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, student)
        await pilot.press("n")
        await until(pilot, lambda: "trained just now" in shown(student.app))
        await pilot.press("n", "p")
        await until(pilot, lambda: "trained just now" in shown(student.app))
        assert len(student.opened) == 1


async def test_the_contents_lead_to_any_page(student: Student) -> None:
    async with student.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, student)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(student.app.screen, Pick))
        await pilot.press("end", "enter")
        await until(
            pilot, lambda: isinstance(student.app.screen, CourseScreen) and PAGES[-1].title in shown(student.app)
        )


@pytest.mark.parametrize(("on", "back"), [("n", "p"), ("right", "left")])
async def test_pages_are_turned_one_at_a_time(student: Student, on: str, back: str) -> None:
    async with student.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, student)
        for key, place in ((on, 1), (on, 2), (back, 1), (back, 0), (back, 0)):
            await pilot.press(key)
            await until(pilot, lambda place=place: PAGES[place].title in shown(student.app))


async def test_every_choice_has_a_number_that_answers_with_it(
    student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Question(text="?", choices=tuple("abcdefghi"), answer=9, explanation="x")
    chapter = read_course()[0]
    page = replace(chapter.pages[0], question=question)
    monkeypatch.setattr(screen, "read_course", lambda: (replace(chapter, pages=(page,)),))
    async with student.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, student)
        for number in range(1, 10):
            await pilot.press(str(number))
            await until(pilot, lambda number=number: student.screen._kept.progress.answers == {page.id: number})


async def test_the_numbers_in_the_footer_are_those_of_the_choices(student: Student) -> None:
    async with student.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, student)
        await until(pilot, lambda: f" 1-{len(PAGES[0].question.choices)} answer" in shown(student.app))


@pytest.mark.parametrize("size", SIZES[1:])  # a wider screen has the figure in the same lines
async def test_what_is_said_of_an_answer_is_seen_whole(student: Student, size: tuple[int, int]) -> None:
    async with student.app.run_test(size=size) as pilot:
        await opened(pilot, student)
        await pilot.press("1")
        await until(pilot, lambda: "twice as much." in " ".join(shown(student.app).replace("█", "").split()))
        await pilot.press("n")
        await until(pilot, lambda: "page 2/" in shown(student.app) and student.screen.words.scroll_y == 0)


async def test_an_answer_that_no_choice_has_is_not_taken(student: Student, tmp_path: Path) -> None:
    async with student.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, student)
        await pilot.press(*(str(n) for n in range(len(PAGES[0].question.choices) + 1, 10)), "n", "1")
        await until(pilot, lambda: load(tmp_path / "course.toml")[0].answers == {PAGES[1].id: 1})


async def test_resizing_the_course_at_random_never_fails(student: Student) -> None:
    dice = random.Random(4)
    async with student.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, student)
        for _ in range(12):
            await pilot.resize_terminal(dice.randint(10, 170), dice.randint(4, 50))
            await pilot.pause()
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: PAGES[0].title in shown(student.app))


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_the_course_is_left_for_home(student: Student, key: str) -> None:
    async with student.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, student)
        await pilot.press(key)
        await until(pilot, lambda: "Learn" in shown(student.app))


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_the_course_is_left_while_its_run_trains(
    student: Student, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    async def open_endless(destination: RunDestination, runs: Path) -> ScriptedRun:
        assert isinstance(destination, StartRun)
        config = destination.config
        return EndsWhenClosed([started(config), *steps(config, [5.0, 4.0])], config=config, live=True)

    monkeypatch.setattr(student.app, "_open", open_endless)
    async with student.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, student)
        await pilot.press("n")
        await until(pilot, lambda: ", live: step 2" in shown(student.app))
        await pilot.press(key)
        await until(pilot, lambda: not student.app.is_running or "Learn" in shown(student.app))
    assert student.app.return_code in (0, None)


async def test_a_figure_of_a_run_shows_its_instrument(student: Student) -> None:
    place = next(place for place, page in enumerate(PAGES) if page.figure == "updates")
    async with student.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, student)
        student.screen.place = place
        await until(pilot, lambda: "lr*|g|" in shown(student.app))
        assert student.opened[-1].optimizer.kind == "sgd"
        assert student.screen.query_one(CourseFigure).size != Size(0, 0)


def test_progress_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    progress = Progress().turned_to("adam").answered("adam", 2).answered("adam", 1)
    save(progress, tmp_path / "deep" / "course.toml")
    assert load(tmp_path / "deep" / "course.toml") == (progress, "")
    assert load(tmp_path / "nothing.toml") == (Progress(), "")


@pytest.mark.parametrize("text", ["page = ", "page = 3", "pages = 'x'", "answers = {a = 'b'}", "\xff"])
def test_a_damaged_file_is_kept_under_another_name_and_said_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "course.toml"
    for number in (1, 2):
        path.write_bytes(text.encode("latin-1"))
        progress, trouble = load(path)
        assert progress == Progress()
        assert "\n" not in trouble and str(path) in trouble and f"course.toml.damaged-{number}" in trouble
        assert (tmp_path / f"course.toml.damaged-{number}").read_bytes() == text.encode("latin-1")
        assert not path.exists()
        assert load(path) == (Progress(), "")


def test_progress_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProgressError, match="cannot be written"):
        save(Progress(), tmp_path / "file" / "course.toml")


async def test_damaged_progress_is_told_and_the_course_opens_at_its_first_page(
    student: Student, tmp_path: Path
) -> None:
    (tmp_path / "course.toml").write_text("answers = [")
    async with student.app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, student)
        assert PAGES[0].title in shown(student.app)
        notices = [notice.message for notice in student.app._notifications]
        assert len([notice for notice in notices if "damaged-1" in notice]) == 1


def test_a_damaged_page_names_its_file_and_key(tmp_path: Path) -> None:
    (tmp_path / "1-x.toml").write_text('title = "X"\n[[pages]]\nid = "a"\ntitle = "A"\n')
    with pytest.raises(ConfigError, match=r"1-x\.toml: pages\[1\]\.text is missing"):
        read_course(tmp_path)


def test_a_live_figure_needs_a_run_and_schedules_need_their_figure() -> None:
    question = Question(text="?", choices=("a", "b"), answer=1, explanation="x")
    for figure in LIVE:
        with pytest.raises(ConfigError, match="train"):
            Page(id="x", title="x", text="x", question=question, figure=figure)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigError, match="schedules"):
        Page(id="x", title="x", text="x", question=question, figure="schedules")


def test_the_pages_are_written_as_toml_that_keeps_its_lines() -> None:
    for path in (Path(__file__).parents[1] / "tui" / "course").glob("*.toml"):
        assert tomllib.loads(path.read_text())["pages"]
    assert preset_files()
