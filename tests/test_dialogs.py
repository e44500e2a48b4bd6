"""The dialogs of a run: typed values, and what becomes of a run that is left."""

import asyncio
import math
from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App
from textual.binding import BindingType
from textual.events import Key
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, OptionList, Static

from tests.pressed_keys import tui_modules
from tinygpt_tui.engine.config import ConfigError, LiveSettings, RunConfig
from tinygpt_tui.engine.events import ChangeSettings, Command, LimitSpeed, Sample, TakeSteps
from tinygpt_tui.engine.live_changes import changed
from tinygpt_tui.engine.schedule import SCHEDULES, ScheduleConfig
from tinygpt_tui.tui import themes
from tinygpt_tui.tui.dialogs.confirm import Confirm
from tinygpt_tui.tui.dialogs.dialog import Dialog
from tinygpt_tui.tui.dialogs.help import HelpScreen
from tinygpt_tui.tui.dialogs.notices import NoticesScreen
from tinygpt_tui.tui.dialogs.pick import Pick
from tinygpt_tui.tui.dialogs.pick_several import PickSeveral
from tinygpt_tui.tui.dialogs.prompt import Prompt
from tinygpt_tui.tui.noticing_app import Notice
from tinygpt_tui.tui.plots.viewport import Viewport
from tinygpt_tui.tui.run.change_fields import belongs, change_fields, read_change
from tinygpt_tui.tui.run.change_form import ChangeForm
from tinygpt_tui.tui.run.command_prompts import (
    read_lr,
    read_sample,
    read_speed,
    read_steps,
    sample_fields,
    steps_fields,
)
from tinygpt_tui.tui.run.leave_dialog import LeaveDialog, LeftKind, answers
from tinygpt_tui.tui.typed_ahead_app import SearchPalette
from tinygpt_tui.tui.view.fix_commands import change_between, change_for_fix
from tinygpt_tui.tui.view.run_view import RunView

from .screen_text import until

SETTINGS = LiveSettings.from_config(RunConfig())
UNTOUCHED = {field.name: field.value for field in change_fields(SETTINGS, 1e-3)}


class Asking(App[None]):
    """Pushes one dialog and remembers its answers."""

    def __init__(self, dialog: Screen) -> None:
        super().__init__()
        self._dialog = dialog
        self.answers: list[object] = []

    def on_mount(self) -> None:
        self.push_screen(self._dialog, self.answers.append)


def steps_prompt() -> Prompt[Command]:
    return Prompt("How many?", steps_fields(), read_steps)


async def test_enter_gives_the_typed_number_of_steps() -> None:
    app = Asking(steps_prompt())
    async with app.run_test() as pilot:
        await pilot.press("home", "ctrl+k", "2", "5", "enter")
        assert app.answers == [TakeSteps(count=25)]


async def test_enter_does_not_overtake_what_was_typed_before_it() -> None:
    app = Asking(steps_prompt())
    async with app.run_test() as pilot:
        for key in (Key("4", "4"), Key("2", "2"), Key("enter", None)):
            app.post_message(key)  # all at once, as a slow connection brings them
        await until(pilot, lambda: app.answers)
        assert app.answers == [TakeSteps(count=42)]


async def test_what_is_typed_after_a_tab_is_for_the_next_field_however_fast_it_comes() -> None:
    app = Asking(Prompt("What?", sample_fields(RunConfig()), read_sample))
    async with app.run_test() as pilot:
        for key in ("a", "tab", "0", "tab", "7", "enter"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.answers)
        (sample,) = app.answers
        assert isinstance(sample, Sample)
        assert (sample.prompt, sample.temperature, sample.top_k) == ("a", 0.0, 7)


async def test_shift_tab_goes_back_to_the_field_before() -> None:
    app = Asking(Prompt("What?", sample_fields(RunConfig()), read_sample))
    async with app.run_test() as pilot:
        first = app.screen.focused
        await pilot.press("tab")
        await until(pilot, lambda: app.screen.focused is not first)
        await pilot.press("shift+tab")
        await until(pilot, lambda: app.screen.focused is first)


async def test_escape_gives_no_answer() -> None:
    app = Asking(steps_prompt())
    async with app.run_test() as pilot:
        await pilot.press("escape")
        assert app.answers == [None]


async def test_what_is_no_number_is_refused_and_the_dialog_stays_until_it_is_mended() -> None:
    app = Asking(steps_prompt())
    async with app.run_test() as pilot:
        await pilot.press("home", "ctrl+k", "[", "x", "enter")
        assert "'[x' is no number" in str(app.screen.query_one(".refusal", Static).content)
        assert app.answers == []
        app.screen.query_one(Input).value = "3"
        await pilot.press("enter")
        assert app.answers == [TakeSteps(count=3)]


async def test_the_sample_prompt_begins_with_what_the_run_usually_does() -> None:
    app = Asking(Prompt("Write", sample_fields(RunConfig()), read_sample))
    async with app.run_test() as pilot:
        await pilot.press("enter")
        assert app.answers == [Sample(prompt="def ", temperature=0.8, top_k=40, tokens=64)]


@pytest.mark.parametrize(("key", "place"), [*((str(n), n - 1) for n in range(1, 10)), ("escape", None), ("q", None)])
async def test_a_choice_is_picked_by_its_number_or_left(key: str, place: int | None) -> None:
    app = Asking(Pick("Which?", [f"choice {n}" for n in range(1, 10)]))
    async with app.run_test() as pilot:
        await pilot.press(key)
        await until(pilot, lambda: app.answers)
        assert app.answers == [place]


async def test_a_long_choice_goes_on_behind_its_number_at_every_width() -> None:
    dialog = Pick("Which?", ["one", "the loss " * 12 + "sticks near", "5 though"])
    app = Asking(dialog)

    def lines() -> list[str]:
        return str(dialog.query_one(OptionList).get_option_at_index(1).prompt).splitlines()

    async with app.run_test(size=(60, 20)) as pilot:
        await until(pilot, lambda: dialog.is_mounted and len(lines()) > 2)
        first, *others = lines()
        assert first.startswith("2 the loss") and all(line.startswith("  ") for line in others)
        await pilot.resize_terminal(100, 20)
        await until(pilot, lambda: len(lines()) == 2)
        await pilot.press("3")
        await until(pilot, lambda: app.answers)
        assert app.answers == [2]


async def test_a_number_that_no_choice_has_picks_nothing() -> None:
    app = Asking(Pick("Which?", ["one", "two"]))
    async with app.run_test() as pilot:
        await pilot.press("3", "2")
        await until(pilot, lambda: app.answers)
        assert app.answers == [1]


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["s"], "stop"),
        (["x"], "stop"),
        (["l"], "leave"),
        (["ctrl+c"], "leave"),
        (["escape"], None),
        (["q"], None),
        (["enter"], "stop"),
        (["down", "enter"], "leave"),
        (["down", "down", "enter"], None),
    ],
)
async def test_leaving_a_run_stops_it_leaves_it_or_stays(keys: list[str], answer: str | None) -> None:
    app = Asking(LeaveDialog("Leave?", step=7))
    async with app.run_test() as pilot:
        await pilot.press(*keys)
        assert app.answers == [answer]


@pytest.mark.parametrize(("kind", "saves"), [("run", True), ("loop", False), ("program", False)])
def test_a_checkpoint_is_promised_only_where_one_is_saved(kind: LeftKind, saves: bool) -> None:
    assert ("checkpoint" in dict(answers(kind, is_paused=False))["stop"]) is saves


@pytest.mark.parametrize(
    ("key", "answer"), [("y", True), ("enter", True), ("n", False), ("escape", False), ("q", False)]
)
async def test_what_cannot_be_undone_is_confirmed_or_refused(key: str, answer: bool) -> None:
    app = Asking(Confirm("Delete it?", yes="Delete", no="Keep"))
    async with app.run_test() as pilot:
        await pilot.press(key)
        await until(pilot, lambda: app.answers)
        assert app.answers == [answer]


CONFIG = RunConfig(title="Scripted")
DIALOGS: dict[str, Callable[[Screen], ModalScreen]] = {
    "confirm": lambda _: Confirm("Delete it?", yes="Delete", no="Keep"),
    "pick": lambda _: Pick("Which?", ["one", "two"]),
    "pick several": lambda _: PickSeveral("Which?", ["one", "two"], marked=[], most=2, ascii=False),
    "prompt": lambda _: steps_prompt(),
    "help": HelpScreen,
    "leave": lambda _: LeaveDialog("Leave?", step=7),
    "notices": lambda _: NoticesScreen([Notice("one", "warning")]),
    "change": lambda _: ChangeForm(RunView.of(CONFIG), Viewport()),
}
BURSTS = [("escape",), ("escape", "x"), ("escape", "escape"), ("enter", "escape", "tab"), ("tab", "1", "q", "escape")]


class Bursts(App[None]):
    """Opens a dialog by a key."""

    BINDINGS: ClassVar[list[BindingType]] = [("o", "open", "open")]

    def __init__(self, dialog: Callable[[Screen], ModalScreen]) -> None:
        super().__init__()
        self._dialog = dialog
        self.opened: list[ModalScreen] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.fallback_variables(dark=True)

    def action_open(self) -> None:
        self.opened.append(self._dialog(self.screen))
        self.push_screen(self.opened[-1])


def test_every_dialog_is_sent_bursts_of_keys() -> None:
    assert list(tui_modules())  # a class is known once its module is imported
    ours = {each for each in subclasses(ModalScreen) if each.__module__.startswith("tinygpt_tui.")} - {
        Dialog,
        SearchPalette,
    }
    assert {type(dialog(Screen())) for dialog in DIALOGS.values()} == ours - {Dialog, SearchPalette}


def subclasses(cls: type) -> set[type]:
    return {cls}.union(*(subclasses(each) for each in cls.__subclasses__())) - {ModalScreen}


@pytest.mark.parametrize("keys", BURSTS, ids="-".join)
@pytest.mark.parametrize("name", DIALOGS)
async def test_a_dialog_survives_keys_that_dismiss_it_before_it_is_mounted(name: str, keys: tuple[str, ...]) -> None:
    app = Bursts(DIALOGS[name])
    async with app.run_test() as pilot:
        for turn in range(3):
            for key in ("o", *keys):
                app.post_message(Key(key, key if len(key) == 1 else None))
            await until(pilot, lambda turn=turn: len(app.opened) > turn)
            await until(pilot, lambda: len(app.screen_stack) == 1)
            await pilot.pause()  # the last keys may still be on their way


@pytest.mark.parametrize("name", sorted(DIALOGS))
async def test_a_dialog_survives_being_dismissed_at_any_moment_of_its_mounting(name: str) -> None:
    app = Bursts(DIALOGS[name])
    async with app.run_test() as pilot:
        for turns in range(20):
            app.action_open()
            for _ in range(turns):  # of the event loop
                await asyncio.sleep(0)
            app.opened[-1].dismiss(None)
            app.opened[-1].dismiss(None)
            await until(pilot, lambda: len(app.screen_stack) == 1)


@pytest.mark.parametrize("name", sorted(DIALOGS))
async def test_a_dialog_that_is_covered_leaves_what_covers_it_alone(name: str) -> None:
    app = Bursts(DIALOGS[name])
    async with app.run_test() as pilot:
        app.action_open()
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await app.push_screen(cover := ModalScreen())
        app.opened[-1].dismiss(None)
        await pilot.pause()
        assert app.screen_stack[1:] == [app.opened[-1], cover]
        await cover.dismiss()
        app.opened[-1].dismiss(None)
        await until(pilot, lambda: len(app.screen_stack) == 1)


def test_an_empty_field_is_named_as_on_the_screen() -> None:
    with pytest.raises(ValueError, match=r"^Batch is empty; it must be a whole number"):
        read_change(UNTOUCHED | {"batch": " "}, "three-phase", SETTINGS)
    with pytest.raises(ValueError, match=r"^Peak lr = -1 cannot be"):
        read_change(UNTOUCHED | {"peak_lr": "-1"}, "three-phase", SETTINGS)


def test_an_empty_speed_is_full_speed() -> None:
    assert read_speed({"speed": " "}) == LimitSpeed(steps_per_s=math.inf)
    assert read_speed({"speed": "2.5"}) == LimitSpeed(steps_per_s=2.5)


@pytest.mark.parametrize("text", ["", "nan", "-1", "inf", "fast"])
def test_a_learning_rate_must_be_a_finite_number(text: str) -> None:
    with pytest.raises(ValueError, match="Learning rate"):
        read_lr({"lr": text})


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "nan", "1e12"])
def test_steps_are_whole_and_at_least_one(text: str) -> None:
    with pytest.raises(ValueError, match="Steps"):
        read_steps({"steps": text})


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_form_that_nobody_touched_changes_nothing_but_the_chosen_schedule(kind: str) -> None:
    change = read_change(UNTOUCHED, kind, SETTINGS)
    if kind == SETTINGS.schedule.kind:
        assert change is None
    else:
        assert change == ChangeSettings(schedule={"kind": kind})


def test_a_form_changes_only_what_was_typed() -> None:
    texts = UNTOUCHED | {"lr": "3e-4", "dropout": "0.1", "min_lr": "1e-5"}
    expected = ChangeSettings(lr=3e-4, dropout=0.1, schedule={"min_lr": 1e-5})
    assert read_change(texts, "three-phase", SETTINGS) == expected


@pytest.mark.parametrize(("name", "text"), [("dropout", "1"), ("batch", "0"), ("min_lr", "1"), ("clip", "much")])
def test_a_form_refuses_what_a_run_would_refuse(name: str, text: str) -> None:
    with pytest.raises((ConfigError, ValueError)):
        read_change(UNTOUCHED | {name: text}, "three-phase", SETTINGS)


def test_a_form_keeps_every_digit_of_what_was_not_typed() -> None:
    odd = LiveSettings.from_config(RunConfig(schedule=ScheduleConfig(lr=0.1234567890123)))
    texts = {field.name: field.value for field in change_fields(odd, 0.1)}
    assert read_change(texts, "three-phase", odd) is None


def test_only_the_fields_that_a_schedule_uses_belong_to_it() -> None:
    assert not belongs("period", "cosine")
    assert belongs("period", "restarts")
    assert belongs("lr", "constant")


settings_of_all_kinds = st.builds(
    LiveSettings,
    schedule=st.builds(
        ScheduleConfig, kind=st.sampled_from([*SCHEDULES]), lr=st.floats(1e-3, 1.0), period=st.integers(1, 1000)
    ),
    clip=st.floats(0.1, 10.0),
    weight_decay=st.floats(0.0, 1.0),
    dropout=st.floats(0.0, 0.9),
    batch=st.integers(1, 64),
    accumulation=st.integers(1, 8),
    patience=st.integers(0, 8),
)


@given(settings_of_all_kinds, settings_of_all_kinds)
def test_the_change_between_two_settings_leads_from_one_to_the_other(old: LiveSettings, new: LiveSettings) -> None:
    change = change_between(old, new)
    assert changed(old, change or ChangeSettings(), step=5, steps=100) == new


def test_a_fix_of_live_settings_is_a_command_and_any_other_needs_a_new_run() -> None:
    fix = change_for_fix({"schedule.lr": 5e-4, "optimizer.clip": 0.5})
    assert fix == ChangeSettings(clip=0.5, schedule={"lr": 5e-4})
    assert change_for_fix({"schedule.lr": 5e-4, "model.width": 32}) is None
    assert change_for_fix({}) is None


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_several_may_be_left_without_picking_any(key: str) -> None:
    app = Bursts(lambda _: PickSeveral("Which?", ["one", "two"], marked=[0], most=2, ascii=False))
    async with app.run_test() as pilot:
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, PickSeveral))
        await pilot.press(key)
        await until(pilot, lambda: not isinstance(app.screen, PickSeveral))
