"""A lesson run that is watched stops where there is something to see, says why, and goes on by one key."""

import math
from dataclasses import replace

import pytest

from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.events import (
    AnyEvent,
    Command,
    FindingClosed,
    LessonPaced,
    LimitSpeed,
    PaceLesson,
    Resume,
    RunEnded,
    RunPaused,
    RunResumed,
    SettingsChanged,
    SpeedLimited,
)
from tinygpt_tui.tui.dialogs.key_line import KeyLine
from tinygpt_tui.tui.panels.lesson import LessonPanel
from tinygpt_tui.tui.plots.viewport import Viewport
from tinygpt_tui.tui.run.leave_dialog import LeaveDialog
from tinygpt_tui.tui.run.pace_line import is_paced, lesson_pace, pace_words
from tinygpt_tui.tui.view.past_view import as_of
from tinygpt_tui.tui.view.plot_titles import lr_reading

from .screen_text import shown, until
from .scripted_run import ScriptedRun, started, steps
from .test_lesson_panel import CONFIG, LESSON, LOSSES, finding, view_at, words
from .test_run_screen import Showing, following

PACED = LessonPaced(step=0, watch_points=True, findings=True)
AT_WATCH = RunPaused(step=10, reason="the first turn", at="watch")


def live(length: int, *events: AnyEvent, config: RunConfig = CONFIG) -> ScriptedRun:
    return ScriptedRun([started(config), *steps(config, LOSSES[:length]), *events], config=config, live=True)


async def test_a_run_that_is_started_to_be_watched_is_asked_to_pace_itself() -> None:
    run = live(10)
    async with Showing(run, paced=True).run_test(size=(120, 36)) as pilot:
        await following(pilot, 10)
        await until(pilot, lambda: run.commands == [PaceLesson(watch_points=True, findings=True)])


async def test_neither_a_run_that_is_only_looked_at_nor_one_without_a_lesson_is_slowed() -> None:
    plain = RunConfig(title="Plain", training=CONFIG.training)
    for run, app in ((only := live(10), Showing(only)), (bare := live(10, config=plain), Showing(bare, paced=True))):
        async with app.run_test(size=(120, 36)) as pilot:
            screen = await following(pilot, 10)
            assert run.commands == [] and not screen.pace_line.display


def test_a_run_in_which_the_fault_is_mended_stops_at_findings_only() -> None:
    mended = CONFIG.with_changes(LESSON.fixes[0].changes)
    assert lesson_pace(mended) == PaceLesson(watch_points=False, findings=True)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 16)])
async def test_a_stop_says_why_and_a_key_goes_on_or_never_stops_again(size: tuple[int, int]) -> None:
    run = live(10, PACED, AT_WATCH)
    async with Showing(run).run_test(size=size) as pilot:
        screen = await following(pilot, 10)
        await until(pilot, lambda: screen.pace_line.display)
        assert "the first turn  space goes on  W full speed" in shown(pilot.app)
        assert [key.words for key in screen.query_one(KeyLine).keys][:2] == ["go on", "full speed"]
        await pilot.press("space")
        await until(pilot, lambda: run.commands == [Resume()])
        run.commands.clear()
        await pilot.press("W")
        await until(pilot, lambda: run.commands == [PaceLesson(), Resume()])
        run.say(replace_pace(PACED), RunResumed(step=10))
        await until(pilot, lambda: not screen.pace_line.display)
        assert "full speed" not in [key.words for key in screen.query_one(KeyLine).keys]


def replace_pace(pace: LessonPaced) -> LessonPaced:
    return LessonPaced(step=pace.step, watch_points=False, findings=False)


async def test_full_speed_lifts_a_speed_limit_too() -> None:
    run = live(10, SpeedLimited(step=10, steps_per_s=5.0))
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot, 10)
        await until(pilot, lambda: screen.view is not None and screen.view.speed_limit == 5.0)
        await pilot.press("W")
        expected: list[Command] = [LimitSpeed(steps_per_s=math.inf)]
        await until(pilot, lambda: run.commands == expected)


def test_the_line_of_a_finding_names_it_with_its_glyph_and_the_key_that_fixes_it() -> None:
    found = finding(1, "divergence", {"optimizer.clip": 0.5})
    view = view_at(30, PACED, found, RunPaused(step=30, reason="Divergence since step 25", at="finding"))
    assert pace_words(view, 100).plain == "✖ Divergence since step 25.  space goes on  f fixes it  W full speed"
    assert pace_words(view, 60).plain.endswith("…  space goes on  f fixes it  W full speed")
    assert len(pace_words(view, 60).plain) <= 60


def test_a_run_that_does_not_pace_itself_has_no_such_line() -> None:
    assert not is_paced(view_at(10, RunPaused(step=10, reason="as asked")))
    assert is_paced(view_at(10, AT_WATCH))


async def test_the_lesson_goes_back_with_the_cursor() -> None:
    found = finding(1, "divergence", step=30)
    async with Showing(live(50, found)).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot, 50)
        panel = screen.query_one(LessonPanel)
        await until(pilot, lambda: "the second turn" in panel.text and "Divergence" in panel.text)
        await pilot.press("shift+left", "shift+left", "shift+left")
        await until(pilot, lambda: "the first turn" in panel.text and "at step 20" in str(panel.border_title))
        assert "Divergence" not in panel.text and "Try" not in panel.text
        await pilot.press("end")
        await until(pilot, lambda: "the second turn" in panel.text and str(panel.border_title) == "Lesson")


def test_a_view_of_the_past_has_the_settings_of_then_and_the_present_is_not_touched() -> None:
    halved = replace(LiveSettings.from_config(CONFIG), lr_scale=0.5)
    view = view_at(50, SettingsChanged(step=40, summary="lr halved", settings=halved))
    assert as_of(view, 30).settings == LiveSettings.from_config(CONFIG) and as_of(view, 45).settings == halved
    assert as_of(view, 50) is view and (as_of(view, 30).step, view.step) == (30, 50)


def test_a_change_after_the_last_step_is_read_before_the_next() -> None:
    halved = replace(LiveSettings.from_config(CONFIG), lr_scale=0.5)
    view = view_at(50, SettingsChanged(step=50, summary="lr halved", settings=halved))
    assert [piece.text for piece in lr_reading(view, Viewport())][:2] == ["0.001", "→ 0.0005"]
    after = view.after_all(steps(CONFIG, [5.0], first=51))
    assert "→" not in [piece.text[0] for piece in lr_reading(after, Viewport())]


def test_a_lesson_that_is_over_looks_back_at_what_the_run_went_through() -> None:
    spiked = view_at(100, finding(1, "spike"), FindingClosed(id=1, step=60), RunEnded(step=100, reason="finished"))
    assert "Spike, steps 25 to 60" in words(spiked) and "steep, slower" not in words(spiked)


async def test_a_paused_run_that_is_left_is_not_promised_to_go_on() -> None:
    app = Showing(live(10, AT_WATCH))
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot, 10)
        await until(pilot, lambda: screen.view is not None and screen.view.state == "paused")
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, LeaveDialog))
        await until(pilot, lambda: "Leave it paused: it waits" in shown(app))
