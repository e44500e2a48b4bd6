"""The run screen: every key does what it says, and what a run says is seen."""

import math
import random
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from textual.app import App
from textual.binding import Binding
from textual.events import MouseEvent, MouseScrollDown, MouseScrollLeft, MouseScrollRight, MouseScrollUp
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, OptionList

from tinygpt_tui.engine.config import LiveSettings, RunConfig, TrainingConfig
from tinygpt_tui.engine.events import (
    AnyEvent,
    ChangeSettings,
    CheckpointSaved,
    Evaluate,
    FindingOpened,
    Fix,
    LayersMeasured,
    LimitSpeed,
    Pause,
    PreparationBegan,
    Resume,
    RunEnded,
    RunPaused,
    RunResumed,
    Sample,
    SampleGenerated,
    SaveCheckpoint,
    SettingsChanged,
    Stop,
    StorageBlocked,
    TakeSteps,
    TimeSpent,
)
from tinygpt_tui.engine.storage.stored_checkpoints import State
from tinygpt_tui.tui.dialogs.choice import Choice
from tinygpt_tui.tui.dialogs.confirm import Confirm
from tinygpt_tui.tui.dialogs.key_line import KeyLine
from tinygpt_tui.tui.dialogs.pick import Pick
from tinygpt_tui.tui.dialogs.prompt import Prompt
from tinygpt_tui.tui.navigation import Destination, ForkRun, QuitApp, ResumeRun, StartRun, ToHome
from tinygpt_tui.tui.panels.frame import Frame
from tinygpt_tui.tui.panels.keys import PANEL_KEYS, RUN_KEYS
from tinygpt_tui.tui.panels.layers import LayersPanel
from tinygpt_tui.tui.panels.layout import FOREIGN, PANEL_NAMES
from tinygpt_tui.tui.panels.loss import LossPanel
from tinygpt_tui.tui.panels.plot_panel import PlotPanel
from tinygpt_tui.tui.panels.text_panel import TextPanel
from tinygpt_tui.tui.run import explained_keys
from tinygpt_tui.tui.run import screen as run_screen
from tinygpt_tui.tui.run.change_form import ChangeForm
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.settings import Remember, Settings

from .screen_text import shown as on_screen
from .screen_text import until
from .scripted_run import ScriptedRun, started, steps

CONFIG = RunConfig(title="Scripted", training=TrainingConfig(steps=100))
BEGUN: list[AnyEvent] = [started(CONFIG), *steps(CONFIG, [3.0 - 0.01 * step for step in range(50)])]
ALL = set(PANEL_NAMES) - {"lesson", *FOREIGN}
"""Of a run that has no lesson."""
NO_END = RunEnded(step=50, reason="stopped")


class Showing(App[None]):
    """Shows one run; remembers how it was left and what it was asked to remember."""

    def __init__(self, run: ScriptedRun, settings: Settings | None = None, *, paced: bool = False) -> None:
        super().__init__()
        self._run = run
        self._paced = paced
        self._settings = settings or Settings()
        self.departures: list[Destination | None] = []
        self.remembered: dict[str, object] = {}
        self.bells = 0

    def on_mount(self) -> None:
        self.push_screen(RunScreen(self._run, settings=self._settings, paced=self._paced), self.departures.append)

    def on_remember(self, message: Remember) -> None:
        self.remembered |= message.choices

    def bell(self) -> None:
        self.bells += 1

    @property
    def notices(self) -> list[str]:
        return [notice.message for notice in self._notifications]


Shown = TypeVar("Shown", bound=Screen)


async def showing(pilot: Pilot[None], kind: type[Shown]) -> Shown:
    """The screen on top, once it is one of this kind."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and pilot.app.screen.is_mounted)
    screen = pilot.app.screen
    assert isinstance(screen, kind)
    return screen


async def following(pilot: Pilot[None], step: int = 50) -> RunScreen:
    """The run screen once it shows a step and the loss has the focus."""
    screen = await showing(pilot, RunScreen)
    await until(pilot, lambda: screen.view is not None and screen.view.step >= step and screen.focused is not None)
    await pilot.pause()
    return screen


def live(*events: AnyEvent, refuse: str = "") -> ScriptedRun:
    return ScriptedRun([*BEGUN, *events], config=CONFIG, live=True, refuse=refuse)


def shown(screen: RunScreen) -> set[str]:
    return {str(frame.id) for frame in screen.query(Frame) if frame.display and frame.region.area}


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        (["space"], Pause()),
        (["s"], TakeSteps(count=1)),
        (["S", "enter"], TakeSteps(count=10)),
        (["["], ChangeSettings(lr_times=0.5)),
        (["]"], ChangeSettings(lr_times=2.0)),
        (["=", "3", "e", "minus", "4", "enter"], ChangeSettings(lr=3e-4)),
        (["w", "2", "0", "enter"], LimitSpeed(steps_per_s=20.0)),
        (["v"], Evaluate()),
        (["g", "enter"], Sample(prompt="def ", temperature=0.8, top_k=40, tokens=64)),
        (["c"], SaveCheckpoint()),
        (["x"], Stop()),
    ],
)
async def test_a_key_tells_the_run_its_command(keys: list[str], command: object) -> None:
    run = live()
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press(*keys)
        await until(pilot, lambda: bool(run.commands))
        assert run.commands == [command]


async def test_the_space_bar_goes_on_after_a_pause() -> None:
    run = live(RunPaused(step=50, reason="asked"))
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await until(pilot, lambda: screen.view is not None and screen.view.state == "paused")
        await pilot.press("space")
        await until(pilot, lambda: bool(run.commands))
        assert run.commands == [Resume()]
        run.say(RunResumed(step=50))
        await until(pilot, lambda: screen.view is not None and screen.view.state == "training")


async def test_a_pause_is_seen_at_once_and_not_with_the_next_publication() -> None:
    run = live()
    async with Showing(run, Settings(redraws_per_s=0.2)).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        began = time.monotonic()
        run.say(RunPaused(step=50, reason="asked"))
        await until(pilot, lambda: "paused" in str(screen.header.render()))
        assert time.monotonic() - began < 2.5


@pytest.mark.parametrize(
    "often",
    [
        LayersMeasured(
            step=51, names=["head"], grad_norm=[1.0], update_ratio=[1e-3], max_attention_logit=1.0, log_z=5.0
        ),
        TimeSpent(step=51, steps=50, seconds={"gradients": 0.2}),
    ],
    ids=lambda event: type(event).__name__,
)
async def test_what_a_run_says_often_waits_for_the_next_publication(often: AnyEvent) -> None:
    """Or following would take more of the processor than its share."""
    run = live()
    async with Showing(run, Settings(redraws_per_s=0.2)).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        published: list[tuple[int, str]] = []
        screen.watch(screen, "view", lambda view: published.append((view.step, view.state)), init=False)
        run.say(*steps(CONFIG, [2.0], first=51), often)
        run.say(RunPaused(step=51, reason="asked"))
        await until(pilot, lambda: bool(published))
        assert published == [(51, "paused")]


async def test_a_refusal_is_shown_as_plain_text() -> None:
    app = Showing(live(refuse="lr = -1 must lie [b]between[/b]\x07 0 and 1"))
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press("[")
        await until(pilot, lambda: bool(app.notices))
        assert app.notices == ["lr = -1 must lie [b]between[/b]␇ 0 and 1"]


async def test_the_change_form_sends_what_was_typed_and_previews_its_rate() -> None:
    run = live()
    app = Showing(run)
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press("m")
        form = await showing(pilot, ChangeForm)
        form.query_one("#lr", Input).value = "5e-4"
        await until(pilot, lambda: form.rate.preview is not None)
        form.query_one("#lr", Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: bool(run.commands))
        assert run.commands == [ChangeSettings(lr=5e-4)]


async def test_before_the_first_step_the_rate_that_is_changed_is_the_planned_one() -> None:
    async with Showing(ScriptedRun([started(CONFIG)], config=CONFIG, live=True)).run_test(size=(120, 36)) as pilot:
        await following(pilot, step=0)
        for key in ("m", "="):
            await pilot.press(key)
            await until(pilot, lambda: bool(pilot.app.screen.query("#lr")))
            assert pilot.app.screen.query_one("#lr", Input).placeholder.startswith("now 0.0001")
            await pilot.press("escape")
            await showing(pilot, RunScreen)


async def test_the_arrows_choose_a_schedule_and_enter_sends_it() -> None:
    run = live()
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press("m")
        form = await showing(pilot, ChangeForm)
        kinds = form.query_one(Choice)
        kinds.focus()
        usual = kinds.value
        await pilot.press("right", "down", "left", "up")
        assert kinds.value == usual
        await pilot.press("right")
        await until(pilot, lambda: form.rate.preview is not None)
        await pilot.press("enter")
        await until(pilot, lambda: bool(run.commands))
        assert run.commands == [ChangeSettings(schedule={"kind": kinds.value})]


async def test_the_change_form_says_what_cannot_be_and_sends_nothing() -> None:
    run = live()
    app = Showing(run)
    async with app.run_test(size=(60, 16)) as pilot:
        await following(pilot)
        await pilot.press("m")
        form = await showing(pilot, ChangeForm)
        form.query_one("#dropout", Input).value = "2"
        await until(pilot, lambda: "dropout" in form.outcome)
        await pilot.press("enter", "escape")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert run.commands == []


def oscillation(changes: dict[str, object], *, severity: str = "warning", time: float = 0.0) -> FindingOpened:
    return FindingOpened(
        id=1,
        step=50,
        time=time,
        onset=40,
        kind="oscillation",
        severity=severity,  # pyright: ignore[reportArgumentType]
        evidence="swings",
        fixes=[Fix(title="halve the learning rate", changes=changes)],
    )


async def test_f_applies_the_first_fix_of_the_open_finding() -> None:
    run = live(oscillation({"schedule.lr": 5e-4}))
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press("f")
        await until(pilot, lambda: bool(run.commands))
        assert run.commands == [ChangeSettings(schedule={"lr": 5e-4})]


async def test_f_says_that_there_is_nothing_to_apply_and_is_not_offered() -> None:
    app = Showing(live())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        assert "fix" not in [key.words for key in screen.query_one(KeyLine).keys]
        await pilot.press("f")
        await until(pilot, lambda: bool(app.notices))
        assert "no open finding" in app.notices[0]


async def test_f_on_a_run_of_nan_weights_offers_a_new_run_with_the_fix() -> None:
    diverged = oscillation({"schedule.lr": 5e-4}, severity="failure")
    lost = FindingOpened(
        id=2, step=51, onset=51, kind="nan", severity="failure", evidence="loss is nan from step 51 on"
    )
    app = Showing(live(diverged, *steps(CONFIG, [math.nan], first=51), lost))
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await until(pilot, lambda: screen.view is not None and len(screen.view.findings) == 2)
        assert "fix" not in [key.words for key in screen.query_one(KeyLine).keys]
        await pilot.press("f")
        pick = await showing(pilot, Pick)
        assert "no change of a setting brings weights back" in str(pick._text)
        assert any("new run with the fix" in str(option.prompt) for option in pick.query_one(OptionList).options)


async def test_a_fix_that_a_run_cannot_take_is_offered_as_a_new_run() -> None:
    app = Showing(live(oscillation({"model.width": 32})))
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await until(pilot, lambda: screen.view is not None and bool(screen.view.findings))
        await pilot.press("f")
        pick = await showing(pilot, Pick)
        assert "needs a new run" in str(pick._text)
        await pilot.press("1")
        await until(pilot, lambda: bool(app.screen.query(OptionList)) and not isinstance(app.screen, Pick))
        await pilot.press("l")
        await until(pilot, lambda: bool(app.departures))
    (departure,) = app.departures
    assert isinstance(departure, StartRun) and departure.config == CONFIG.with_changes({"model.width": 32})


LOOKS = {
    "l": ("y_log", True),
    "L": ("x_log", True),
    "t": ("x_axis", "tokens"),
    "P": ("perplexity", True),
    "left": ("cursor", 49.0),
    "shift+left": ("cursor", 40.0),
    "e": ("smoothing", 4),
    "E": ("smoothing", 2),
    "plus": ("x_range", (25.5, 50.0)),
}


async def test_a_key_changes_how_the_curves_are_seen() -> None:
    async with Showing(live(), Settings(smoothing=1 - 1 / 30)).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        usual = screen.panels.viewport
        for key, (read, value) in LOOKS.items():
            screen.panels.viewport = usual
            await pilot.press(key)
            assert (key, getattr(screen.panels.viewport, read)) == (key, value)


async def test_the_cursor_goes_back_and_forth_and_follows_the_end_again() -> None:
    async with Showing(live()).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await pilot.press("shift+left", "left", "right", "shift+left", "shift+right")
        assert screen.panels.viewport.cursor == 40.0
        await pilot.press("end")
        assert screen.panels.viewport.cursor is None


async def test_the_cursor_moves_wherever_the_focus_is() -> None:
    async with Showing(live()).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        for focus in (["5", "5"], ["i"]):
            screen.panels.viewport = replace(screen.panels.viewport, cursor=None)
            await pilot.press(*focus, "left")
            assert screen.panels.viewport.cursor == 49.0
            await pilot.press("end")
            assert screen.panels.viewport.cursor is None


async def test_zoom_pan_and_the_whole_run_again() -> None:
    async with Showing(live()).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await pilot.press("plus", "plus", "ctrl+left")
        low, high = screen.panels.viewport.visible((1.0, 50.0))
        assert high < 50.0
        await pilot.press("ctrl+right")
        assert screen.panels.viewport.visible((1.0, 50.0))[0] > low
        await pilot.press("minus")
        wider_low, wider_high = screen.panels.viewport.visible((1.0, 50.0))
        assert high - low < wider_high - wider_low < 49.0
        await pilot.press("home")
        assert screen.panels.viewport.x_range is None


async def test_a_number_shows_one_panel_in_full_screen_and_back() -> None:
    async with Showing(live()).run_test(size=(80, 24)) as pilot:
        screen = await following(pilot)
        usual = shown(screen)
        for number, name in enumerate(PANEL_NAMES[:9], 1):
            await pilot.press(str(number))
            await until(pilot, lambda name=name: shown(screen) == {name})
            await pilot.press(str(number))
            await until(pilot, lambda: shown(screen) == usual)


@pytest.mark.parametrize("key", ["z", "enter"])
async def test_the_focused_panel_is_shown_in_full_screen_and_back(key: str) -> None:
    async with Showing(live()).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await pilot.press("tab", key)
        await until(pilot, lambda: shown(screen) == {"lr"})
        await pilot.press(key)
        await until(pilot, lambda: shown(screen) == ALL)


async def test_tab_gives_the_focus_to_the_next_panel_and_shift_tab_to_the_one_before() -> None:
    async with Showing(live()).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        for key, name in (("tab", "lr"), ("tab", "gradient"), ("shift+tab", "lr"), ("shift+tab", "loss")):
            await pilot.press(key)
            assert screen.focused is screen.query_one(f"#{name}", Frame).panel


async def test_h_is_the_history_in_full_screen_and_escape_is_the_way_back() -> None:
    async with Showing(live()).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await pilot.press("h")
        await pilot.pause()
        assert shown(screen) == {"history"}
        await pilot.press("escape")
        await pilot.pause()
        assert shown(screen) == ALL


async def test_hidden_panels_are_remembered_and_come_back() -> None:
    app = Showing(live(), Settings(hidden_panels=("sample",)))
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        assert shown(screen) == ALL - {"sample"}
        await pilot.press("tab", "d")
        await pilot.pause()
        assert shown(screen) == ALL - {"sample", "lr"}
        assert app.remembered == {"hidden_panels": (("lr", "sample"))}
        await pilot.press("D")
        await pilot.pause()
        assert shown(screen) == ALL
        assert app.remembered == {"hidden_panels": ()}


async def test_a_click_on_a_key_does_what_the_key_does() -> None:
    run = live()
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        step = next(key for key in screen.query_one(KeyLine).keys if key.words == "step")
        await pilot.click(KeyLine, offset=(step.start + 2, 0))
        await until(pilot, lambda: bool(run.commands))
        assert run.commands == [TakeSteps(count=1)]


async def test_the_key_line_shows_only_what_fits_and_can_be_done() -> None:
    run = live()
    async with Showing(run).run_test(size=(60, 16)) as pilot:
        line = (await following(pilot)).query_one(KeyLine)
        assert [key.words for key in line.keys][:2] == ["pause", "step"]
        assert line.keys[-1].end <= 60
        run.say(RunEnded(step=50, reason="finished"))
        run.end()
        await until(pilot, lambda: "restart" in [key.words for key in line.keys][:2])


async def test_without_braille_the_words_around_the_plots_are_ascii_too() -> None:
    run = live(oscillation({"schedule.lr": 5e-4}))
    async with Showing(run, Settings(ascii=True)).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        assert str(screen.header.render()).isascii()
        texts = [panel.text for panel in screen.query(TextPanel) if panel.region.area]
        assert all(text and text.isascii() for text in texts)
        first_words = [panel.text.split()[1] for panel in screen.query(TextPanel) if panel.region.area]
        assert all(word in on_screen(pilot.app) for word in first_words)


async def test_the_line_at_the_top_tells_that_panels_are_hidden() -> None:
    async with Showing(live(), Settings(hidden_panels=("sample", "layers"))).run_test(size=(160, 45)) as pilot:
        screen = await following(pilot)
        assert "2 hidden, D shows" in str(screen.header.render())


async def test_the_smoothing_is_remembered() -> None:
    app = Showing(live(), Settings(smoothing=0.9))
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        assert screen.panels.viewport.span == 10
        await pilot.press("e")
        await until(pilot, lambda: "smoothing" in app.remembered)
        assert app.remembered["smoothing"] == pytest.approx(1 - 1 / 30)


async def test_every_panel_explains_itself_in_place() -> None:
    async with Showing(live()).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        for number, name in enumerate(PANEL_NAMES[:9], 1):
            await pilot.press(str(number), "i")
            await pilot.pause()
            frame = screen.query_one(f"#{name}", Frame)
            assert frame.query_one(".explanation").region.area > 0
            assert not frame.panel.region.area
            await pilot.press("i")
            await pilot.pause()
            assert frame.panel.region.area > 0


async def test_escape_leaves_the_explanation_and_then_full_screen() -> None:
    async with Showing(live()).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        panel = screen.query_one("#loss", Frame).panel
        await pilot.press("1", "i")
        await until(pilot, lambda: not panel.region.area)
        await pilot.press("escape")
        await until(pilot, lambda: panel.region.area)
        assert shown(screen) == {"loss"}
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(screen)) > 1)


async def test_b_and_n_go_through_the_samples() -> None:
    samples = [SampleGenerated(step=s, prompt="", text=f"text {s}", temperature=1.0, top_k=9) for s in (0, 25, 50)]
    async with Showing(live(*samples)).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        title = screen.query_one("#sample", Frame).panel
        await until(pilot, lambda: title.border_title == "Sample at step 50")
        await pilot.press("b")
        assert title.border_title == "Sample at step 25, 1 before the latest"
        await pilot.press("n")
        assert title.border_title == "Sample at step 50"


async def test_a_panel_of_words_scrolls_with_the_keys() -> None:
    async with Showing(live()).run_test(size=(60, 16)) as pilot:
        screen = await following(pilot)
        await pilot.press("5", "i")
        box = screen.focused
        assert box is not None
        await until(pilot, lambda: box.max_scroll_y > 1)
        for key, holds in {
            "down": lambda: box.scroll_target_y == 1,
            "up": lambda: box.scroll_target_y == 0,
            "pagedown": lambda: box.scroll_target_y > 1,
            "pageup": lambda: box.scroll_target_y == 0,
        }.items():
            await pilot.press(key)
            await until(pilot, holds)


async def test_y_copies_the_sample_with_its_control_characters_visible() -> None:
    sample = SampleGenerated(step=50, prompt="def ", text="a\x1b[31m\nb", temperature=1.0, top_k=9)
    app = Showing(live(sample))
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press(str(PANEL_NAMES.index("sample") + 1), "y")
        assert app.clipboard == "def a␛[31m\nb"


async def test_o_shows_the_other_quantity_of_the_layers() -> None:
    async with Showing(live()).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        before = screen.query_one(LayersPanel).quantity
        await pilot.press("o")
        assert screen.query_one(LayersPanel).quantity != before
        await pilot.press("o")
        assert screen.query_one(LayersPanel).quantity == before


@pytest.mark.parametrize(("key", "destination"), [("q", QuitApp()), ("ctrl+c", QuitApp()), ("p", ToHome())])
@pytest.mark.parametrize(("answer", "commands"), [("s", [Stop()]), ("l", [])])
async def test_leaving_a_live_run_asks_what_becomes_of_it(
    key: str, destination: Destination, answer: str, commands: list[object]
) -> None:
    run = live()
    app = Showing(run)
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press(key)
        await until(pilot, lambda: bool(app.screen.query(OptionList)))
        await pilot.press(answer)
        await until(pilot, lambda: bool(app.departures))
        assert app.departures == [destination]
        assert run.commands == commands


@pytest.mark.parametrize(("key", "seed"), [("r", 0), ("R", 1)])
async def test_a_live_run_starts_again_once_it_is_asked_about(key: str, seed: int) -> None:
    run = live()
    app = Showing(run)
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press(key)
        await until(pilot, lambda: bool(app.screen.query(OptionList)))
        await pilot.press("s")
        await until(pilot, lambda: bool(app.departures))
        training = replace(CONFIG.training, seed=CONFIG.training.seed + seed, precision="fp32", threads=1)
        again = replace(CONFIG, training=training)  # in the arithmetic that the run had
        assert app.departures == [StartRun(again, numbered=True)]
        assert run.commands == [Stop()]


async def test_a_screen_that_is_being_left_shows_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, left = threading.Event(), threading.Event()

    def slow(log: Path) -> tuple[str, ...]:
        asked.set()
        left.wait(20)
        return ()

    monkeypatch.setattr(run_screen, "last_lines", slow)
    monkeypatch.setattr(RunScreen, "dismiss", lambda screen, destination: left.set())  # its parts are not gone yet
    died = RunEnded(step=50, reason="died", detail="killed")
    async with Showing(ScriptedRun([*BEGUN, died], config=CONFIG, path=tmp_path)).run_test(size=(120, 36)) as pilot:
        screen = await showing(pilot, RunScreen)
        await until(pilot, asked.is_set)
        reading = next(worker for worker in screen.workers if worker.group == "report")
        await pilot.press("q")
        await reading.wait()
        assert left.is_set() and screen.report.crash is None


async def test_staying_leaves_nothing() -> None:
    app = Showing(live())
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press("q")
        await until(pilot, lambda: bool(app.screen.query(OptionList)))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert app.departures == []


async def test_a_second_ctrl_c_leaves_the_run_running_and_quits() -> None:
    run = live()
    app = Showing(run)
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: bool(app.screen.query(OptionList)))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: bool(app.departures))
        assert app.departures == [QuitApp()]
        assert run.commands == []


@pytest.mark.parametrize(("key", "seed"), [("r", 0), ("R", 1)])
async def test_a_finished_run_starts_again_without_a_question(key: str, seed: int) -> None:
    app = Showing(ScriptedRun([*BEGUN, NO_END], config=CONFIG))
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press(key)
        await until(pilot, lambda: bool(app.departures))
        config = replace(CONFIG, training=replace(CONFIG.training, seed=seed, precision="fp32", threads=1))
        assert app.departures == [StartRun(config, numbered=True)]


async def test_a_stopped_run_is_taken_up_again_with_the_space_bar(tmp_path: Path) -> None:
    app = Showing(ScriptedRun([*BEGUN, NO_END], config=CONFIG, path=tmp_path))
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await app.workers.wait_for_complete()
        await pilot.press("space")
        await until(pilot, lambda: bool(app.departures))
        assert app.departures == [ResumeRun(tmp_path)]


def over(path: Path, reason: str = "finished", *more: AnyEvent) -> ScriptedRun:
    end = RunEnded(step=50, reason=reason)  # pyright: ignore[reportArgumentType]
    return ScriptedRun(
        [*BEGUN, CheckpointSaved(step=50, name="step-000050", reason="stop"), *more, end], config=CONFIG, path=path
    )


async def ended(pilot: Pilot[None]) -> RunScreen:
    screen = await following(pilot)
    await until(pilot, lambda: screen.view is not None and screen.view.end is not None)
    await pilot.app.workers.wait_for_complete()
    return screen


async def test_a_finished_run_trains_on_for_as_many_steps_as_are_asked_for(tmp_path: Path) -> None:
    app = Showing(over(tmp_path))
    async with app.run_test(size=(120, 36)) as pilot:
        await ended(pilot)
        await pilot.press("space")
        await showing(pilot, Prompt)
        await pilot.press("home", "ctrl+k", "7", "0", "enter")
        await until(pilot, lambda: bool(app.departures))
    assert app.departures == [ResumeRun(tmp_path, steps=120)]


KEYS_OF_A_LIVE_RUN = [
    binding
    for binding in Binding.make_bindings(RUN_KEYS)
    if binding.action.startswith(("send", "ask")) and binding.key not in ("space", "g")
]


@pytest.mark.parametrize("reason", ["finished", "stopped"])
async def test_every_key_that_an_ended_run_cannot_obey_says_so_and_offers_what_can_be_done(
    tmp_path: Path, reason: str
) -> None:
    run = over(tmp_path, reason, oscillation({"schedule.lr": 5e-4}))
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        await ended(pilot)
        assert len(KEYS_OF_A_LIVE_RUN) > 10
        for binding in KEYS_OF_A_LIVE_RUN:
            await pilot.press(binding.key)
            pick = await showing(pilot, Pick)
            assert "at step 50" in str(pick._text)
            words = " ".join(pick._choices)
            assert "halve the learning rate" in words
            assert ("Train on" if reason == "finished" else "Resume it from step 50") in words
            await pilot.press("escape")
            await showing(pilot, RunScreen)
        assert run.commands == []


async def test_a_model_that_does_not_train_writes_by_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def written(run: Path, wanted: Sample) -> SampleGenerated:
        assert (run, wanted.prompt) == (tmp_path, "def ")
        return SampleGenerated(step=50, prompt="def ", text="written later", temperature=0.8, top_k=40)

    monkeypatch.setattr(explained_keys, "sample_stored", written)
    async with Showing(over(tmp_path)).run_test(size=(120, 36)) as pilot:
        await ended(pilot)
        await pilot.press("g")
        await showing(pilot, Prompt)
        await pilot.press("enter")
        await until(pilot, lambda: "written later" in on_screen(pilot.app))


async def test_a_click_on_restart_asks_before_it_starts_a_run(tmp_path: Path) -> None:
    app = Showing(over(tmp_path))
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ended(pilot)
        for answer, left in (("n", 0), ("y", 1)):
            key = next(key for key in screen.query_one(KeyLine).keys if key.words == "restart")
            await pilot.click(KeyLine, offset=(key.start + 2, 0))
            await showing(pilot, Confirm)
            await pilot.press(answer)
            await until(pilot, lambda left=left: len(app.departures) == left and not isinstance(app.screen, Confirm))


@pytest.mark.parametrize("end", [RunEnded(step=50, reason="died", detail="killed by SIGKILL"), None])
async def test_a_dead_worker_turns_the_screen_into_a_report(tmp_path: Path, end: RunEnded | None) -> None:
    (tmp_path / "worker.log").write_text("MemoryError: [bold]\x1b[2J\n")
    checkpoint = CheckpointSaved(step=25, name="step-000025", reason="series")
    run = ScriptedRun([*BEGUN, checkpoint, *([end] if end else [])], config=CONFIG, path=tmp_path)
    app = Showing(run)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await until(pilot, lambda: screen.report.crash is not None)
        await pilot.pause()
        assert screen.report.region.area and not screen.panels.region.area
        assert screen.report.crash is not None
        assert screen.report.crash.checkpoint == 25
        assert screen.report.crash.log_lines == ("MemoryError: [bold]\x1b[2J",)
        await pilot.press("escape")
        await pilot.pause()
        assert screen.panels.region.area and not screen.report.region.area
        await pilot.press("escape", "space")
        await until(pilot, lambda: bool(app.departures))
        assert app.departures == [ResumeRun(tmp_path)]


async def test_a_report_that_is_longer_than_the_screen_scrolls_with_the_keys(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("a line\n" * 40)
    died = RunEnded(step=50, reason="died", detail="killed")
    async with Showing(ScriptedRun([*BEGUN, died], config=CONFIG, path=tmp_path)).run_test(size=(60, 16)) as pilot:
        report = (await following(pilot)).report
        await until(pilot, lambda: report.has_focus and report.max_scroll_y > 1)
        for key, holds in {
            "down": lambda: report.scroll_target_y == 1,
            "end": lambda: report.scroll_target_y == report.max_scroll_y,
            "home": lambda: report.scroll_target_y == 0,
        }.items():
            await pilot.press(key)
            await until(pilot, holds)


async def test_the_report_of_an_earlier_death_goes_when_the_run_is_started_again() -> None:
    run = live()
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        run.say(RunEnded(step=50, reason="died", detail="killed"))
        await until(pilot, lambda: screen.report.display)
        run.say(PreparationBegan(activity="reading the text"))
        await until(pilot, lambda: screen.panels.display and not screen.report.display)
        await until(pilot, lambda: "starting · reading the text" in str(screen.header.render()))


async def test_a_run_that_waits_for_disk_space_says_so_and_can_be_told_to_try_again() -> None:
    run = live(StorageBlocked(step=50, detail="No space left on device"))
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await until(pilot, lambda: "No space left" in str(screen.banner.content))
        await pilot.press("space")
        await until(pilot, lambda: bool(run.commands))
        assert run.commands == [Resume()]


@pytest.mark.parametrize(("bell", "notices", "bells"), [("off", 0, 0), ("notice", 1, 0), ("bell", 0, 1)])
async def test_a_failure_calls_as_the_settings_say(bell: str, notices: int, bells: int) -> None:
    settings = Settings(bell=bell)  # pyright: ignore[reportArgumentType]
    run = live()
    app = Showing(run, settings)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        run.say(oscillation({}, severity="failure", time=time.time()))
        await until(pilot, lambda: screen.view is not None and bool(screen.view.findings))
        assert (len(app.notices), app.bells) == (notices, bells)


async def test_the_failures_of_a_past_run_call_nobody() -> None:
    app = Showing(ScriptedRun([*BEGUN, oscillation({}, severity="failure", time=1.0), NO_END], config=CONFIG))
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await app.workers.wait_for_complete()
        assert app.notices == []


async def test_a_live_change_is_in_the_history() -> None:
    settings = replace(LiveSettings.from_config(CONFIG), lr_scale=0.5)
    run = live()
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        run.say(SettingsChanged(step=50, summary="lr 0.001 -> 0.0005", settings=settings))
        history = screen.query_one("#history", Frame).panel
        await until(pilot, lambda: "History  1" in str(history.border_title))


ALL_KEYS = [binding for binding in (*RUN_KEYS, *PANEL_KEYS) if isinstance(binding, Binding)]


async def test_no_key_of_the_screen_has_two_meanings_at_once() -> None:
    keys = [(key, str(binding.action)) for binding in ALL_KEYS for key in binding.key.split(",")]
    doubled = {key for key, _ in keys if [other for other, _ in keys].count(key) > 1}
    assert doubled == {"space", "r", "C"}


async def test_any_size_down_to_the_smallest_and_back_is_survived() -> None:
    async with Showing(live()).run_test(size=(160, 45)) as pilot:
        screen = await following(pilot)
        dice = random.Random(3)
        others = [(dice.randint(10, 170), dice.randint(4, 50)) for _ in range(12)]
        for size in [(80, 24), (60, 16), (10, 4), (1, 1), (40, 10), (200, 5), (12, 60), *others, (160, 45)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert shown(screen) == ALL


async def test_dragging_over_one_plot_moves_the_cursor_of_all_and_the_end_key_lets_go() -> None:
    app = Showing(live())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        await pilot.mouse_down("#loss LossPanel", offset=(20, 5))
        await pilot.hover("#loss LossPanel", offset=(40, 5))
        await pilot.mouse_up("#loss LossPanel", offset=(40, 5))
        await until(pilot, lambda: screen.panels.viewport.cursor is not None)
        step = screen.panels.viewport.cursor
        plots = shown_plots(screen)
        assert len(plots) == 4
        assert all(plot.viewport.cursor == step and f"step {step:.0f}" in plot.text for plot in plots)
        await pilot.hover("#loss LossPanel", offset=(60, 5))
        assert screen.panels.viewport.cursor == step
        await pilot.press("end")
        assert all(plot.viewport.cursor is None for plot in plots)


def shown_plots(screen: RunScreen) -> list[PlotPanel]:
    return [plot for plot in screen.query(PlotPanel) if plot.region.area]


async def test_the_wheel_zooms_all_plots_around_the_step_it_is_over_and_back() -> None:
    app = Showing(live())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        loss = screen.query_one(LossPanel)
        for kind, zoomed in ((MouseScrollUp, True), (MouseScrollDown, False)):
            loss.post_message(kind(loss, 20, 5, 0, 0, 0, False, False, False))
            await until(pilot, lambda zoomed=zoomed: (screen.panels.viewport.x_range is not None) is zoomed)
            assert {plot.viewport for plot in shown_plots(screen)} == {screen.panels.viewport}


@pytest.mark.parametrize(
    ("earlier", "later", "shift"),
    [(MouseScrollLeft, MouseScrollRight, False), (MouseScrollUp, MouseScrollDown, True)],
)
async def test_the_wheel_pans_all_plots_sideways_or_with_shift(
    earlier: type[MouseEvent], later: type[MouseEvent], shift: bool
) -> None:
    app = Showing(live())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        loss = screen.query_one(LossPanel)
        await pilot.press("plus", "plus")
        before = screen.panels.viewport.x_range
        assert before is not None
        loss.post_message(earlier(loss, 20, 5, 0, 0, 0, shift, False, False))
        await until(pilot, lambda: (screen.panels.viewport.x_range or before)[0] < before[0])
        assert {plot.viewport for plot in shown_plots(screen)} == {screen.panels.viewport}
        loss.post_message(later(loss, 20, 5, 0, 0, 0, shift, False, False))
        await until(pilot, lambda: screen.panels.viewport.follow)


async def test_a_click_gives_a_panel_the_focus() -> None:
    app = Showing(live())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await following(pilot)
        for name in ("gradient", "diagnosis", "loss"):
            await pilot.click(f"#{name}", offset=(10, 2))
            await until(pilot, lambda name=name: screen.focused is screen.query_one(f"#{name}", Frame).panel)


async def test_a_run_that_has_ended_goes_back_to_a_checkpoint_with_another_lr(tmp_path: Path) -> None:
    for step, best in ((20, 3.0), (40, 2.5), (60, 2.5)):
        folder = tmp_path / "checkpoints" / f"step-{step:06d}"
        folder.mkdir(parents=True)
        settings = LiveSettings.from_config(CONFIG)
        state = State(step=step, tokens=1, reason="series", fingerprint="", best_val_loss=best, settings=settings)
        (folder / "state.json").write_bytes(msgspec.json.encode(state))
    saved = CheckpointSaved(step=60, name="step-000060", reason="series")
    app = Showing(ScriptedRun([*BEGUN, saved, NO_END], config=CONFIG, path=tmp_path))
    async with app.run_test(size=(120, 36)) as pilot:
        await following(pilot)
        await pilot.press("u")
        await until(pilot, lambda: bool(app.screen.query(OptionList)))
        lines = [str(option.prompt) for option in app.screen.query_one(OptionList).options]
        assert ["the best" in line for line in lines] == [False, True, False]
        await pilot.press("2")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await pilot.press(*"0.0005", "enter")
        await until(pilot, lambda: bool(app.departures))
        assert app.departures == [ResumeRun(tmp_path, "step-000040", ChangeSettings(lr=0.0005))]


async def test_k_forks_from_the_step_under_the_cursor_with_a_fix_or_settings_of_ones_own(tmp_path: Path) -> None:
    opened = oscillation({"schedule.lr": 5e-4})
    run = ScriptedRun([*BEGUN, opened, NO_END], config=CONFIG, path=tmp_path)
    app = Showing(run)

    async with app.run_test() as pilot:
        screen = await following(pilot)
        screen.panels.viewport = replace(screen.panels.viewport, cursor=30)
        await pilot.press("k")
        await showing(pilot, Pick)
        await pilot.press("1")
        await until(pilot, lambda: bool(app.departures))

    fix = opened.fixes[0]
    assert app.departures == [ForkRun(tmp_path, 30, fix.changes, fix=fix.title)]


async def test_a_fork_takes_what_is_typed_into_the_form(tmp_path: Path) -> None:
    app = Showing(ScriptedRun([*BEGUN, NO_END], config=CONFIG, path=tmp_path))

    async with app.run_test() as pilot:
        await following(pilot)
        await pilot.press("k")
        await showing(pilot, Pick)
        await pilot.press("2")
        await showing(pilot, ChangeForm)
        await pilot.press(*"0.01", "enter")
        await until(pilot, lambda: bool(app.departures))

    assert app.departures == [ForkRun(tmp_path, 50, change=ChangeSettings(lr=0.01))]
