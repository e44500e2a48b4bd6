"""What a person sees, as approved pictures: `pytest tests/test_snapshots.py --snapshot-update` approves other ones."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static
from textual.widgets._toast import Toast

from tinygpt_tui.engine.config import LiveSettings, RunConfig, TrainingConfig
from tinygpt_tui.engine.events import (
    AnyEvent,
    CheckpointSaved,
    Evaluated,
    FindingOpened,
    Fix,
    LayersMeasured,
    RunEnded,
    SampleGenerated,
    SettingsChanged,
    StepFinished,
)
from tinygpt_tui.engine.schedule import ScheduleConfig
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.run_folder import claimed
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.dialogs.key_line import KeyLine
from tinygpt_tui.tui.dialogs.notices import NoticesScreen
from tinygpt_tui.tui.home.screen import HomeScreen
from tinygpt_tui.tui.navigation import OpenRun, RunDestination
from tinygpt_tui.tui.panels.plot_panel import PlotPanel
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.settings import Settings, save_settings
from tinygpt_tui.tui.view.run_view import RunView

from .screen_text import shown, until
from .scripted_run import ScriptedRun, started, steps
from .test_run_screen import showing

Compare = Callable[..., bool]
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LAST = 700
CHANGED = 520
LAYERS = ("embeddings", "layer 1", "layer 2", "head")
CONFIG = RunConfig(
    title="Scripted",
    schedule=ScheduleConfig(lr=3e-3, min_lr=1e-4, warmup_steps=50),
    training=TrainingConfig(steps=1000),
)
SAMPLES = {
    0: "\x00\x9b[31m\x1b]0;title\x07�Kq[b]%\x7f ~\r\x03W�8",
    500: "self(self, name):\n        if [red]name[/red] is None:\n\t\t\x1b[2Jreturn self._get",
}


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have switched them off."""
    monkeypatch.delenv("NO_COLOR", raising=False)


def settled(folder: Path, *, run: ScriptedRun | None = None, settings: Settings | None = None) -> TinyGPTApp:
    """The app, showing a run or home, with the clock stopped and nothing that moves by itself."""
    if settings:
        save_settings(settings, folder / "settings.toml")

    async def scripted(destination: RunDestination, runs: Path) -> ScriptedRun:
        assert run is not None
        return run

    app = TinyGPTApp(
        folder / "runs",
        settings_file=folder / "settings.toml",
        destination=OpenRun(folder) if run else None,
        open=scripted,
        now=lambda: NOW,
    )
    app.animation_level = "none"
    return app


def learning() -> Iterator[StepFinished]:
    """A curve that falls, with noise, swings after step 430 and is calmer once the rate is halved."""
    chance = random.Random(0)
    swing = [0.25 * math.sin(step / 6) * (430 < step <= CHANGED) for step in range(1, LAST + 1)]
    losses = [2.1 + 3.4 * math.exp(-step / 90) + wave + chance.gauss(0, 0.09) for step, wave in enumerate(swing, 1)]
    for event in steps(CONFIG, losses):
        norm = 0.6 + 0.3 * math.exp(-event.step / 60) + abs(chance.gauss(0, 0.15)) + 4 * abs(swing[event.step - 1])
        assert event.lr is not None
        lr = event.lr / 2 if event.step > CHANGED else event.lr
        ratio = lr * (1 + chance.random()) / 2
        yield msgspec.structs.replace(event, lr=lr, grad_norm=norm, clipped=norm > 1, update_ratio=ratio)


def said_after(step: int) -> Iterator[AnyEvent]:
    """What else the run says once it has done a step."""
    if step % 50 == 0:
        ratios = [10 ** (-2.2 - 0.4 * row - step / 1000) for row in range(len(LAYERS))]
        norms = [0.5 / (1 + row) for row in range(len(LAYERS))]
        yield LayersMeasured(
            step=step,
            names=list(LAYERS),
            grad_norm=norms,
            update_ratio=ratios,
            max_attention_logit=4.5,
            log_z=5.1,
        )
    if step % 100 == 0:
        val_loss = 2.15 + 3.3 * math.exp(-step / 95)
        yield Evaluated(step=step, val_loss=val_loss, perplexity=math.exp(val_loss))
    if step in SAMPLES:
        yield SampleGenerated(step=step, prompt="def ", text=SAMPLES[step], temperature=0.8, top_k=40)
    match step:
        case 500:
            yield CheckpointSaved(step=step, name="step-500", reason="series")
        case 480:
            yield FindingOpened(
                id=1,
                step=step,
                onset=431,
                kind="oscillation",
                severity="warning",
                evidence="the loss swings by 0.25 around its mean, ten times since step 431",
                causes=["the learning rate is too high for this curvature", "the batch is too small"],
                fixes=[Fix(title="halve the learning rate", changes={"schedule.lr": 1.5e-3})],
            )
        case 520:
            halved = replace(LiveSettings.from_config(CONFIG), lr_scale=0.5)
            yield SettingsChanged(step=step, summary="lr 0.003 -> 0.0015", settings=halved)


def scripted_run() -> ScriptedRun:
    """Live, of a process that does not exist, so that no memory is measured."""
    events: list[AnyEvent] = [msgspec.structs.replace(started(CONFIG), time=1_000.0), *said_after(0)]
    for event in learning():
        events += [event, *said_after(event.step)]
    return ScriptedRun(events, config=CONFIG, live=True)


async def run_is_drawn(pilot: Pilot[None]) -> None:
    app: App[None] = pilot.app

    def view() -> RunView | None:
        return app.screen.view if isinstance(app.screen, RunScreen) else None

    await until(pilot, lambda: (now := view()) and now.step == LAST)
    await until(
        pilot, lambda: app.screen.focused and all(not plot.redraws.pending for plot in app.screen.query(PlotPanel))
    )


@pytest.mark.parametrize("size", [(160, 45), (120, 36), (80, 24), (60, 16)], ids=lambda size: "{}x{}".format(*size))
def test_a_run_looks_as_approved_at_every_size(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    app = settled(tmp_path, run=scripted_run())
    assert snap_compare(app, terminal_size=size, run_before=run_is_drawn)


def test_a_run_looks_as_approved_in_the_light(snap_compare: Compare, tmp_path: Path) -> None:
    app = settled(tmp_path, run=scripted_run(), settings=Settings(theme="dawn"))
    assert snap_compare(app, terminal_size=(120, 36), run_before=run_is_drawn)


def test_a_run_looks_as_approved_without_colours(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = settled(tmp_path, run=scripted_run())
    assert snap_compare(app, terminal_size=(120, 36), run_before=run_is_drawn)


def stored_run(runs: Path, title: str, age: timedelta, *said: AnyEvent, trained: int = 300) -> Path:
    config = RunConfig(title=title, training=TrainingConfig(steps=1000, threads=1))
    run = create(runs, config, None, NOW - age)
    log = EventLog(run, clock=lambda: 1_000.0)
    for event in (started(config), *steps(config, [5.5 - 0.01 * step for step in range(trained)]), *said):
        log.append(event)
    log.close()
    return run


def test_home_looks_as_approved(snap_compare: Compare, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    swings = FindingOpened(id=1, step=80, onset=60, kind="oscillation", severity="warning", evidence="swings")
    stored_run(runs, "LR too high", timedelta(days=9), swings, RunEnded(step=90, reason="stopped"), trained=90)
    stored_run(runs, "Baseline", timedelta(hours=5), RunEnded(step=300, reason="finished"))
    stored_run(runs, "My [b]own[/b] \x1b[31mtext", timedelta(minutes=12), trained=40)
    running = stored_run(runs, "Baseline", timedelta(seconds=20), trained=120)

    async def home_is_drawn(pilot: Pilot[None]) -> None:
        home = pilot.app.screen_stack[0]
        assert isinstance(home, HomeScreen)
        await until(pilot, lambda: home._found is not None)
        await pilot.press(*"baseline")  # brings presets and runs to one screen
        await until(pilot, lambda: home.previews.of_preset.speed)
        await until(pilot, lambda: "running" in shown(pilot.app))

    with claimed(running):
        app = settled(tmp_path)
        assert snap_compare(app, terminal_size=(120, 36), run_before=home_is_drawn)


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
async def test_where_there_is_no_room_a_notice_lies_on_the_keys_and_on_nothing_that_is_read(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = settled(tmp_path, run=scripted_run())
    async with app.run_test(size=size, notifications=True) as pilot:
        screen = await showing(pilot, RunScreen)
        keys = screen.query_one(KeyLine).region
        for words in ("no open finding has a remedy to apply", "the second, [b]newest[/b]: " + "long " * 60):
            screen.notify(words, timeout=60, markup=False)
            await until(pilot, lambda words=words: words[:10] in shown(pilot.app))
            seen = [toast.region for toast in screen.query(Toast) if toast.region.height]
            assert [(region.y, region.height) for region in seen] == [(keys.y, 1)], "the newest alone, in one line"
        assert "…" in shown(pilot.app).splitlines()[keys.y]
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(pilot.app.screen, NoticesScreen))
        read = " ".join(str(each.content) for each in pilot.app.screen.query(".sheet Static").results(Static))
        assert read.index("[b]newest[/b]: " + "long " * 60) < read.index("no open finding has a remedy")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: pilot.app.screen is screen)
