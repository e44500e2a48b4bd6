"""Sweeps: the grid, what its losses tell, its screen; and that nothing is left of a sweep that is killed."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.app import App
from textual.widgets import Static

from tinygpt_tui.engine.config import ConfigError, RunConfig
from tinygpt_tui.engine.experiments.sweep import (
    MOST_CELLS,
    best_cell,
    final_loss,
    full_key,
    heat_levels,
    lr_curves,
    lr_sensitivity,
    plan_sweep,
    read_axis,
)
from tinygpt_tui.engine.experiments.sweep_runs import Sweep, SweepCell
from tinygpt_tui.tui.experiments.sweep_screen import SweepScreen
from tinygpt_tui.tui.experiments.sweep_table import LONGEST_CELL, cell_texts, sensitivity_words, sweep_rows
from tinygpt_tui.tui.go_to import GoTo
from tinygpt_tui.tui.navigation import StartRun

from .texts import TEXT, small_config

CONFIG = small_config(steps=400)
PLAN = plan_sweep(CONFIG, ["lr=1e-4,1e-3,1e-2", "batch=2,8"], 40)


def test_the_cells_are_all_combinations_row_by_row() -> None:
    assert PLAN.cells[:4] == [
        {"training.batch": 2, "schedule.lr": 1e-4},
        {"training.batch": 2, "schedule.lr": 1e-3},
        {"training.batch": 2, "schedule.lr": 1e-2},
        {"training.batch": 8, "schedule.lr": 1e-4},
    ]
    assert len(PLAN.cells) == 6


def test_a_cell_trains_briefly_and_its_whole_run_as_long_as_the_preset() -> None:
    short, whole = PLAN.short(5), PLAN.whole(5)
    assert (short.training.steps, short.training.batch, short.schedule.lr) == (40, 8, 1e-2)
    assert (whole.training.steps, whole.training.batch, whole.schedule.lr) == (400, 8, 1e-2)
    assert short.instruments.sample_every == 0 and whole.instruments == CONFIG.instruments


def test_an_lr_below_the_lowest_of_the_schedule_takes_that_along() -> None:
    plan = plan_sweep(CONFIG, ["lr=1e-5"], 40)
    assert plan.whole(0).schedule.min_lr == pytest.approx(1e-6)


def test_with_warmup_an_lr_is_swept_without_one_too() -> None:
    plan = plan_sweep(CONFIG, ["lr=1e-3,1e-2"], 40, warmup=True)
    assert plan.down is not None and plan.down.values == (0, CONFIG.schedule.warmup_steps)


def test_a_key_is_named_in_full_or_by_a_name_that_one_section_has() -> None:
    assert full_key("lr") == "schedule.lr"
    assert full_key("weight_decay") == "optimizer.weight_decay"
    assert full_key("model.width") == "model.width"
    assert read_axis("optimizer.kind=sgd, adam,sgd").values == ("sgd", "adam")


@pytest.mark.parametrize(
    ("assignments", "why"),
    [
        (["lr"], "write a key and its values"),
        (["lr="], "write a key and its values"),
        (["nonsense=1"], "no key"),
        (["kind=sgd"], "more than one key: optimizer.kind, schedule.kind"),
        (["lr=1", "lr=2"], "two different ones"),
        (["lr=1", "batch=2", "seed=3"], "two different ones"),
        (["model.heads=3"], "heads = 3"),
        (["lr=abc"], "schedule.lr = 'abc' should be a number"),
        (["steps=5,10"], "training.steps: is the same in all cells"),
        (["seed=" + ",".join(map(str, range(MOST_CELLS + 1)))], "give fewer values"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_it_begins(assignments: list[str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        plan_sweep(CONFIG, assignments, 40)


def test_a_cell_is_judged_by_its_last_val_loss_unless_it_diverged() -> None:
    assert final_loss([5.0, 4.0], [4.5, 4.2]) == 4.2
    assert math.isnan(final_loss([5.0, math.nan], [4.5]))
    assert math.isnan(final_loss([5.0], []))


def test_heat_is_highest_for_the_best_and_nothing_for_what_diverged() -> None:
    assert heat_levels([2.0, 2.9, 3.0, 90.0, math.nan]) == [5, 1, 1, 1, 0]
    assert heat_levels([2.0, 2.0]) == [5, 5]
    assert heat_levels([math.nan]) == [0]
    assert best_cell([math.nan, 3.0, 2.0]) == 2
    assert best_cell([math.nan]) is None


def test_the_lr_sensitivity_is_the_mean_loss_above_the_best_with_divergence_as_the_initial_loss() -> None:
    assert lr_sensitivity([3.0, 2.0, math.nan], 5.0) == pytest.approx((1 + 0 + 3) / 3)
    assert lr_sensitivity([3.0, 2.0, 80.0], 5.0) == pytest.approx((1 + 0 + 3) / 3)


def test_curves_over_the_lr_are_one_for_each_value_of_the_other_key() -> None:
    losses = [3.0, 2.0, math.nan, 3.5, 2.5, 2.2]
    assert lr_curves(PLAN, losses)[1] == ("batch 8", [1e-4, 1e-3, 1e-2], [3.5, 2.5, 2.2])
    turned = plan_sweep(CONFIG, ["batch=2,8", "lr=1e-2,1e-4"], 40)
    assert lr_curves(turned, [4.0, 3.0, 2.0, 1.0])[0] == ("batch 2", [1e-4, 1e-2], [2.0, 4.0])
    assert lr_curves(plan_sweep(CONFIG, ["batch=2,8"], 40), [4.0, 3.0]) == []


def cells() -> list[SweepCell]:
    made = [SweepCell() for _ in PLAN.cells]
    for place, (cell, loss) in enumerate(zip(made, (3.0, 2.25, math.nan, 3.5, 2.5), strict=False)):
        cell.state, cell.losses, cell.val_losses = "ended", [loss] * 40, [4.0, loss]
        if place == 4:
            cell.state, cell.losses = "training", [loss] * 10
    return made


def test_the_table_shows_every_cell_and_marks_the_best() -> None:
    assert sweep_rows(PLAN, cells(), ascii=True) == [
        "       lr",
        "batch  0.0001        0.001         0.01",
        "2      : 3.000       @ 2.250*        NaN",
        "8      . 3.500       # 2.500 25%     -",
    ]
    assert sensitivity_words(lr_curves(PLAN, [cell.loss for cell in cells()]))[0].startswith(
        "lr sensitivity, batch 2: 1."
    )


class Departures(App[None]):
    """Notes where its screens ask to go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[object] = []

    def on_go_to(self, event: GoTo) -> None:
        self.asked.append(event.where)


async def test_on_the_screen_a_cell_is_chosen_and_trained_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(self: Sweep, folder: Path) -> None:
        self.cells[:] = cells()

    monkeypatch.setattr(Sweep, "run", run)
    app = Departures()
    async with app.run_test() as pilot:
        app.push_screen(screen := SweepScreen(Sweep(PLAN), "small", ascii=True))
        await screen.workers.wait_for_complete()
        await pilot.pause()
        assert screen.chosen == 1, "the best one"
        assert "@ 2.250*" in str(screen.query_one("#cells", Static).content)
        await pilot.press("left", "up", "down", "right", "right", "b", "down", "enter")
        await pilot.pause()
    assert app.asked == [StartRun(PLAN.whole(4), "small", numbered=True)]


async def test_the_chosen_cell_is_in_sight_where_the_table_is_larger_than_the_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(self: Sweep, folder: Path) -> None:
        pass

    monkeypatch.setattr(Sweep, "run", run)
    plan = plan_sweep(CONFIG, ["batch=1,2,3,4,5,6,7,8", "width=8,16,24,32,40,48,56,64"], 40)
    async with Departures().run_test(size=(60, 16)) as pilot:
        pilot.app.push_screen(screen := SweepScreen(Sweep(plan), "small", ascii=True))
        await screen.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press(*["down"] * 7, *["right"] * 7)
        await pilot.pause()
        assert screen.chosen == 63
        assert (screen.table.scroll_offset.x > 0, screen.table.scroll_offset.y > 0) == (True, True)
        await pilot.press(*["up"] * 7, *["left"] * 7)
        await pilot.pause()
        assert (screen.chosen, screen.table.scroll_offset) == (0, (0, 0))


def half_done(monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """A sweep that trains until it is cancelled."""

    async def run(self: Sweep, folder: Path) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Sweep, "run", run)
    sweep = Sweep(PLAN)
    sweep.cells[:] = cells()
    return sweep


def words_of(screen: SweepScreen) -> str:
    return str(screen.query_one("#words", Static).content)


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_a_sweep_is_ended_before_its_table_is_left(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Departures()
    async with app.run_test(size=(60, 16)) as pilot:
        app.push_screen(screen := SweepScreen(half_done(monkeypatch), "small", ascii=True))
        await pilot.pause()
        assert "# 2.500 25%" in str(screen.query_one("#cells", Static).content)
        assert screen.query_one("#words").region.width == 60, "longer words wrap"
        await pilot.press(key)
        await pilot.pause()
        assert app.screen is screen and "4 of 6 runs have ended" in words_of(screen)
        assert screen.chosen == 1, "the best one"
        await pilot.press(key)
        await pilot.pause()
        assert app.screen is not screen
    assert app.asked == []


async def test_training_a_cell_asks_before_it_ends_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Departures()
    async with app.run_test() as pilot:
        app.push_screen(screen := SweepScreen(half_done(monkeypatch), "small", ascii=True))
        await pilot.pause()
        await pilot.press("b", "enter", "n")
        await pilot.pause()
        assert app.asked == [] and "left" in words_of(screen), "it goes on"
        await pilot.press("enter", "y")
        await pilot.pause()
        assert app.asked == [StartRun(PLAN.whole(1), "small", numbered=True)]
        assert app.screen is screen, "to choose another cell afterwards"


def test_a_cell_that_trains_is_no_longer_than_its_column() -> None:
    cell = SweepCell()
    cell.state, cell.losses, cell.val_losses = "training", [2.25] * 40, [2.25]
    (text,) = cell_texts(plan_sweep(CONFIG, ["batch=2"], 40), [cell], ascii=True)
    assert (text.text, len(f"{text.text}*")) == ("@ 2.250 99%", LONGEST_CELL)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A short path, as sockets need it."""
    with tempfile.TemporaryDirectory(prefix="s-") as folder:
        yield Path(folder)


def test_of_a_sweep_that_is_killed_nothing_is_left(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "text.py").write_bytes(TEXT)
    config = CONFIG.with_changes({"data.path": str(tmp_path / "text.py")})
    (tmp_path / "small.toml").write_text(config.to_toml())
    main = "from tinygpt_tui.tui.cli.main import main; main()"
    arguments = ["sweep", str(tmp_path / "small.toml"), "batch=2,4", "--steps", "1000000"]
    command = subprocess.Popen(
        [sys.executable, "-c", main, *arguments, "--runs", str(tmp_path / "runs")],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
    )
    wait(lambda: any(temporary.glob("tinygpt-tui-*/cell-0/events.jsonl")))
    command.send_signal(signal.SIGKILL)
    command.wait()
    wait(lambda: not any(temporary.glob("tinygpt-tui-*")))
    assert not (tmp_path / "runs").exists()


def wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_preset_has_keys_to_sweep() -> None:
    assert len(plan_sweep(RunConfig(), ["lr=1e-3,1e-2"], 100).cells) == 2
