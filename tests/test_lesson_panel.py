"""The lesson beside its run: what it says follows the run, and its keys do what it says."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.binding import Binding

from tinygpt_tui.engine.config import LiveSettings, OptimizerConfig, RunConfig, TrainingConfig
from tinygpt_tui.engine.diagnostics.catalogue import CATALOGUE, Shown
from tinygpt_tui.engine.events import (
    AnyEvent,
    FindingClosed,
    FindingOpened,
    Fix,
    RunEnded,
    RunPaused,
    RunResumed,
    SettingsChanged,
)
from tinygpt_tui.engine.lesson import Lesson, LessonFix, Question, Watch
from tinygpt_tui.engine.lesson_origin import lesson_in_force
from tinygpt_tui.engine.presets import find_preset
from tinygpt_tui.tui.dialogs.pick import Pick
from tinygpt_tui.tui.navigation import StartRun
from tinygpt_tui.tui.panels.keys import PANEL_KEYS, RUN_KEYS, key_of
from tinygpt_tui.tui.panels.layout import PANEL_NAMES
from tinygpt_tui.tui.panels.lesson import LessonPanel, question_words
from tinygpt_tui.tui.panels.lesson_actions import AskQuestion, OpenPreset, StartFixed, acts
from tinygpt_tui.tui.panels.lesson_guide import PANEL_SHOWING, fixes_to_try, guide, has_lesson, panel_to_look_at
from tinygpt_tui.tui.run.leave_dialog import LeaveDialog
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.view.run_view import RunView

from .scripted_run import ScriptedRun, started, steps
from .test_run_screen import Showing, following, shown, until

LESSON = Lesson(
    chapter="Loss is NaN",
    summary="A [b]lesson[/b]\x1b[2J",
    why="Because.",
    watch=(Watch(step=10, what="the first turn"), Watch(step=40, what="the second turn")),
    fixes=(LessonFix(title="lower the rate", changes={"schedule.lr": 5e-4}, then="It falls."),),
    questions=(Question(text="Why?", choices=("Luck", "The rate"), answer=2, explanation="It was too high."),),
    see_also=("baseline",),
)
CONFIG = RunConfig(title="Taught", lesson=LESSON, training=TrainingConfig(steps=100))
LOSSES = [5.5 - 0.01 * step for step in range(100)]
END = RunEnded(step=100, reason="finished")


def finding(id: int, kind: str, changes: dict[str, object] | None = None, step: int = 30) -> FindingOpened:
    fix = [Fix(title="clip harder", changes=changes)] if changes else []
    return FindingOpened(id=id, step=step, onset=step - 5, kind=kind, severity="failure", evidence="6 sigma", fixes=fix)


def view_at(step: int, *more: AnyEvent, config: RunConfig = CONFIG) -> RunView:
    return RunView.of(config).after_all([started(config), *steps(config, LOSSES[:step]), *more])


def words(view: RunView, answers: dict[int, int] | None = None) -> str:
    panel = LessonPanel()
    panel.set_reactive(LessonPanel.answers, answers or {})
    return panel.words(view)[1].plain


@given(st.integers(1, 100))
def test_what_to_watch_is_the_last_that_the_lesson_has_for_a_step_reached(step: int) -> None:
    said = guide(view_at(step))
    assert said.watch == (LESSON.summary if step < 10 else "the first turn" if step < 40 else "the second turn")
    assert said.watch_step == (0 if step < 10 else 10 if step < 40 else 40)
    assert ("Step 10: the first turn." in words(view_at(step))) == (10 <= step < 40)
    assert said.ahead == ("More to see at step 10." if step < 10 else "More to see at step 40." if step < 40 else "")


def test_nothing_is_promised_beyond_the_end_of_the_run() -> None:
    shorter = replace(CONFIG, training=replace(CONFIG.training, steps=39))
    assert guide(view_at(5, config=shorter)).ahead == "More to see at step 10."
    assert guide(view_at(20, config=shorter)).ahead == ""


def test_of_a_run_that_was_changed_nothing_is_said_that_is_true_of_the_unchanged_one() -> None:
    change = SettingsChanged(step=20, summary="lr halved", settings=LiveSettings.from_config(CONFIG))
    said = guide(view_at(50, change))
    assert said.watch.startswith("Changed at step 20") and said.ahead == ""


def test_a_run_with_settings_of_its_own_has_a_notice_and_no_sentence_that_names_a_step() -> None:
    preset = find_preset("overfitting")[1]
    [fixed] = [each for title, each in fixes_to_try(preset) if title == "Stop early"]
    seeded = preset.with_changes({"training.seed": 7, "training.threads": 1})
    longer = preset.with_changes({"training.steps": 900, "schedule.lr": 2e-3, "model.layers": 1})

    for config in (preset, seeded, fixed):
        assert guide(view_at(70, config=config)).otherwise == ""
    assert "Both losses fall" in guide(view_at(70, config=preset)).watch
    assert [watch.step for watch in lesson_in_force(longer).watch if not watch.when] == []

    said = guide(view_at(70, config=longer))
    assert "training.steps = 900, not 800" not in said.otherwise and "and 1 more" in said.otherwise
    assert "model.layers = 1, not 2" in said.otherwise and "model.layers = 1, not 2" in words(
        view_at(70, config=longer)
    )
    assert said.watch == preset.lesson.summary and guide(view_at(5, config=longer)).ahead == ""


def test_what_happens_now_is_told_from_the_schedule_and_the_state() -> None:
    assert "warm-up" in guide(view_at(5)).now
    assert "holds at 0.001" in guide(view_at(30)).now
    assert "falls" in guide(view_at(90)).now
    assert "Paused after step 30" in guide(view_at(30, RunPaused(step=30, reason="asked"))).now
    assert "has finished" in guide(view_at(100, END)).now


def test_the_latest_open_finding_is_told_with_its_evidence_and_where_it_shows() -> None:
    view = view_at(50, finding(1, "oscillation"), finding(2, "vanishing_gradients", step=40))
    noticed = guide(view).noticed
    assert noticed is not None and noticed.kind == "vanishing_gradients"
    assert "✖ Vanishing gradients since step 35: 6 sigma" in words(view)
    assert guide(view).look.binding == "panels.layers"
    recovered = view.after_all([FindingClosed(id=2, step=45), FindingClosed(id=1, step=46)])
    assert guide(recovered).noticed is None


def test_every_kind_of_finding_has_a_panel_that_shows_it() -> None:
    assert PANEL_SHOWING.keys() == set(get_args(Shown))
    assert set(PANEL_SHOWING.values()) <= set(PANEL_NAMES)
    for entry in CATALOGUE.values():
        assert panel_to_look_at(RunView.of(CONFIG), finding(1, entry.kind)) == (
            PANEL_SHOWING[entry.shown],
            entry.look_for,
        )


def test_a_run_that_has_the_fix_is_told_what_the_fix_does() -> None:
    mended = CONFIG.with_changes(LESSON.fixes[0].changes)
    view = view_at(50, config=mended)
    assert guide(view).watch == "It falls."
    assert not [act for act in acts(view, {}) if isinstance(act, StartFixed)]


SITUATIONS: dict[str, tuple[AnyEvent, ...]] = {
    "training": (),
    "paused": (RunPaused(step=50, reason="asked"),),
    "resumed": (RunPaused(step=50, reason="asked"), RunResumed(step=50)),
    "with a finding": (finding(1, "divergence", {"optimizer.clip": 0.5}),),
    "paused with a finding": (finding(1, "divergence", {"optimizer.clip": 0.5}), RunPaused(step=50, reason="asked")),
    "with a finding that needs a new run": (finding(1, "stall", {"model.layers": 4}),),
}


@pytest.mark.parametrize("events", SITUATIONS.values(), ids=SITUATIONS.keys())
@pytest.mark.parametrize("length", [3, 50])
async def test_every_key_that_the_lesson_names_does_something_now(length: int, events: tuple[AnyEvent, ...]) -> None:
    run = ScriptedRun([started(CONFIG), *steps(CONFIG, LOSSES[:length]), *events], config=CONFIG, live=True)
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot, length)
        assert screen.view is not None
        await until(pilot, lambda: screen.view is not None and bool(screen.view.findings) == any_finding(events))
        bindings = {active.binding.id for active in screen.active_bindings.values() if active.enabled}
        said = guide(screen.view)
        assert {hint.binding for hint in (said.look, *said.tries)} <= bindings


def any_finding(events: tuple[AnyEvent, ...]) -> bool:
    return any(isinstance(event, FindingOpened) for event in events)


@pytest.mark.parametrize("binding", [each for each in (*RUN_KEYS, *PANEL_KEYS) if isinstance(each, Binding)])
def test_a_binding_is_found_by_its_id(binding: Binding) -> None:
    assert binding.id and key_of(binding.id)


def test_the_question_comes_when_the_run_is_over_and_the_answer_is_explained() -> None:
    assert "Why?" not in words(view_at(50))
    over = view_at(100, END)
    assert "Why?" in words(over) and "too high" not in words(over)
    assert "Right. It was too high." in words(over, {0: 2})
    assert "✖ 1  Luck" in words(over, {0: 1}) and "✓ 2  The rate" in words(over, {0: 1})


def test_an_answered_question_is_no_longer_among_what_is_worth_trying() -> None:
    view = view_at(100, END)
    assert "answer the question" in words(view) and "answer the question" not in words(view, {0: 1})


@pytest.mark.parametrize("width", [30, 44])
def test_what_wraps_in_a_lesson_stays_in_its_column(width: int) -> None:
    choices = ("Luck", "The learning rate was a thousand times too high")
    long = Question(text="Why?", choices=choices, answer=2, explanation="It was.")
    lines = question_words(long, None, hint="a answers", width=width).plain.splitlines()
    assert max(map(len, lines)) <= width
    second = next(place for place, line in enumerate(lines) if "The learning" in line)
    assert lines[second + 1].startswith(" " * lines[second].index("The learning") + lines[second + 1].lstrip()[0])


def test_what_can_be_done_is_answering_first_then_fixes_then_comparing() -> None:
    view = view_at(100, END)
    assert [type(act) for act in acts(view, {})] == [AskQuestion, StartFixed, OpenPreset]
    (asked, fixed, _) = acts(view, {0: 1})
    assert isinstance(asked, AskQuestion) and asked.answer == 1
    assert isinstance(fixed, StartFixed) and fixed.config.schedule.lr == 5e-4


def test_a_fix_of_ones_own_preset_that_cannot_be_is_not_offered() -> None:
    impossible = LessonFix(title="no", changes={"model.width": -1}, then="")
    config = replace(CONFIG, lesson=replace(LESSON, fixes=(impossible,)))
    assert not [act for act in acts(view_at(5, config=config), {}) if isinstance(act, StartFixed)]


def test_a_run_without_a_lesson_says_so_and_text_from_outside_is_harmless() -> None:
    assert not has_lesson(RunConfig())
    assert "no lesson" in words(view_at(3, config=RunConfig(optimizer=OptimizerConfig(kind="sgd"))))
    assert "\x1b" not in words(view_at(5)) and "[b]lesson" in words(view_at(5))


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 16)])
async def test_the_question_is_answered_and_a_fix_is_started_from_the_keyboard(size: tuple[int, int]) -> None:
    app = Showing(ScriptedRun([started(CONFIG), *steps(CONFIG, LOSSES), END], config=CONFIG))
    async with app.run_test(size=size) as pilot:
        screen = await following(pilot, 100)
        assert ("lesson" in shown(screen)) == (size[0] >= 80)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, Pick) and app.screen._title == "Question 1")
        assert isinstance(app.screen, Pick) and str(app.screen._text) == "Why?"
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, Pick) and app.screen._text is not None)
        assert isinstance(app.screen, Pick) and "Right. It was too high." in str(app.screen._text)
        await pilot.press("2")
        await until(pilot, lambda: bool(app.departures))
    (destination,) = app.departures
    assert isinstance(destination, StartRun) and destination.config.schedule.lr == 5e-4


async def test_a_preset_to_compare_with_opens_and_a_run_that_trains_is_asked_about() -> None:
    run = ScriptedRun([started(CONFIG), *steps(CONFIG, LOSSES[:50])], config=CONFIG, live=True)
    app = Showing(run)
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, LeaveDialog))
        await pilot.press("l")
        await until(pilot, lambda: bool(app.departures))
    (destination,) = app.departures
    assert isinstance(destination, StartRun) and destination.config.title == "Baseline"


async def test_a_run_without_a_lesson_has_no_key_for_one() -> None:
    plain = RunConfig(title="Plain", training=TrainingConfig(steps=100))
    app = Showing(ScriptedRun([started(plain), *steps(plain, LOSSES[:50])], config=plain, live=True))
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen) and "lesson" not in shown(screen)
