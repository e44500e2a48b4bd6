"""The LR range test: where its rules point on curves that are known, and a test that leaves nothing behind."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App
from textual.widgets import Static

from tinygpt_tui.engine.events import ChangeSettings, RunEnded, encode
from tinygpt_tui.engine.experiments.lr_range import (
    HIGHEST_SHOWN,
    SUGGESTED,
    FloatSequence,
    LrRule,
    LrSuggestion,
    before_rise,
    has_diverged,
    highest_shown,
    lr_suggestions,
    range_lrs,
    smoothed_losses,
    with_peak_lr,
)
from tinygpt_tui.engine.experiments.lr_range_process import (
    LrRangeReport,
    LrRangeRequest,
    LrRangeStart,
    lr_range_reports,
    range_start,
)
from tinygpt_tui.engine.schedule import ScheduleConfig
from tinygpt_tui.engine.storage.run_folder import StoreError
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.experiments.lr_range_screen import LrRangeScreen, adopted, suggestion_lines
from tinygpt_tui.tui.navigation import ForkRun, StartRun
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.settings import Settings

from .screen_text import until
from .scripted_run import ScriptedRun, started, steps
from .test_experiments import new_run, train
from .texts import small_config


def curve(lrs: np.ndarray, steep: float, high: float, low: float) -> np.ndarray:
    """A loss that falls from `high` to `low` around `steep`, and diverges a hundred times above."""
    fall = 1 / (1 + (lrs / steep) ** -2)
    return high - (high - low) * fall + high * (lrs / (100 * steep)) ** 2


def by_rule(lrs: FloatSequence, losses: FloatSequence) -> dict[LrRule, float]:
    return {each.rule: each.lr for each in lr_suggestions(lrs, losses)}


@settings(max_examples=20)
@given(st.floats(1e-3, 0.3), st.floats(2.0, 8.0), st.floats(0.1, 0.7))
def test_each_rule_points_at_its_own_place_of_a_known_curve(steep: float, high: float, falls_to: float) -> None:
    lrs = range_lrs()
    losses = curve(lrs, steep, high, falls_to * high)
    diverged = next(count for count in range(len(lrs)) if has_diverged(losses[: count + 1]))
    found = by_rule(lrs[:diverged], losses[:diverged])
    lowest = lrs[np.argmin(smoothed_losses(losses[:diverged]))]
    assert steep / 1.5 < found["steepest"] < 3 * steep, "a little later, for the smoothing lags behind"
    assert found["minimum over ten"] == pytest.approx(lowest / 10, rel=0.01)
    assert lrs[0] < found["valley"] < lowest
    assert found["valley"] < lrs[diverged - 1] and found["slide"] < lrs[diverged - 1]


def test_what_falls_after_a_rise_is_no_suggestion() -> None:
    losses = np.concatenate([np.linspace(5, 3, 30), np.linspace(3, 4.5, 20), np.linspace(4.5, 3.2, 3)])
    lrs = range_lrs()[: len(losses)]
    assert before_rise(losses) < 40
    assert by_rule(lrs, losses)["steepest"] < lrs[36]


def test_of_too_few_points_nothing_is_suggested() -> None:
    assert lr_suggestions([], []) == []
    assert lr_suggestions(range_lrs()[:8], [5.0 - step / 10 for step in range(8)]) == []
    assert lr_suggestions(range_lrs()[:20], [5.0, 4.0] + [float("nan")] * 18) == []


def test_the_smoothed_loss_of_a_constant_is_that_constant() -> None:
    assert smoothed_losses([3.0] * 9) == pytest.approx([3.0] * 9)


def test_a_loss_that_is_no_number_has_diverged() -> None:
    assert not has_diverged([])
    assert not has_diverged([5.0, 4.0])
    assert has_diverged([5.0, float("nan")])
    assert has_diverged([5.0, 100.0])


def test_the_lowest_lr_of_a_schedule_goes_below_a_peak_that_is_lower() -> None:
    schedule = ScheduleConfig(lr=1e-3, min_lr=1e-4)
    assert with_peak_lr(schedule, 0.012345) == {"schedule.lr": 0.012345}
    assert with_peak_lr(schedule, 1e-5) == {"schedule.lr": 1e-5, "schedule.min_lr": 1e-6}


def test_a_plot_ends_a_little_above_the_first_loss() -> None:
    assert highest_shown([5.0, 90.0]) == 5.0 * HIGHEST_SHOWN
    assert highest_shown([]) == float("inf")


def reporting(*lines: bytes, then: str = "") -> tuple[str, ...]:
    """A process that reports these lines."""
    return (
        sys.executable,
        "-c",
        f"import sys; sys.stdout.buffer.write({b''.join(lines)!r}); sys.stdout.flush(); {then}",
    )


async def collected(start: LrRangeStart, by: tuple[str, ...]) -> list[LrRangeReport]:
    async with aclosing(lr_range_reports(start, by)) as reports:
        return [report async for report in reports]


def test_a_test_that_cannot_be_done_tells_why() -> None:
    start = LrRangeStart(small_config())
    problem = encode(LrRangeReport(problem="no text")) + b"\n"
    with pytest.raises(StoreError, match="no text"):
        asyncio.run(collected(start, reporting(problem)))
    with pytest.raises(StoreError, match="out of memory"):
        asyncio.run(collected(start, reporting(then="sys.exit('out of memory')")))


def test_a_test_that_is_left_ends_its_process() -> None:
    line = encode(LrRangeReport(lrs=[1e-5], losses=[5.0])) + b"\n"
    endless = reporting(line, then="import os, time; os.write(1, b'{}\\n'); time.sleep(600)")

    async def first() -> None:
        async with aclosing(lr_range_reports(LrRangeStart(small_config()), endless)) as reports:
            async for report in reports:
                assert report.losses == [5.0]
                break

    asyncio.run(asyncio.wait_for(first(), 20))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(new_run(tmp_path_factory.mktemp("lr_range"), steps=24))


def test_a_run_is_tested_from_its_last_checkpoint_with_steps_left(run: Path) -> None:
    assert range_start(run).step == 20
    assert range_start(run, 19).step == 10
    assert range_start(run, 3) == LrRangeStart(range_start(run).config)


def test_a_run_on_disk_is_tested_by_the_command_and_only_read(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in sorted(run.parent.rglob("*"))}
    assert run_command(["lr-range", "parent", "--runs", str(run.parent), "--ascii"]) == 0
    said = capfd.readouterr().out
    assert "val_loss in a range test from step 20" in said
    assert "* steepest" in said and "fork parent --at 20 --set schedule.lr=" in said
    assert {path: path.stat().st_mtime_ns for path in sorted(run.parent.rglob("*"))} == before


def test_the_process_ends_when_nothing_reads_it_any_more(run: Path) -> None:
    """As when the command is killed."""
    command = [sys.executable, "-P", "-m", "tinygpt_tui.engine.training.lr_testing"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    process.stdout.close()
    process.stdin.write(encode(LrRangeRequest(config=range_start(run).config.to_toml())) + b"\n")
    process.stdin.close()
    assert process.wait(60) == 0


def test_what_is_adopted_trains_on_from_where_the_test_began(run: Path) -> None:
    start = range_start(run)
    (suggestion, *_) = lr_suggestions(*falling())
    fork = adopted(run, start, suggestion)
    assert isinstance(fork, ForkRun) and (fork.parent, fork.step) == (run, 20)
    assert fork.change == ChangeSettings(lr=suggestion.lr)
    anew = adopted(run, LrRangeStart(start.config), suggestion)
    assert isinstance(anew, StartRun) and anew.config.schedule.lr == suggestion.lr
    warming = LrRangeStart(start.config.with_changes({"schedule.warmup_steps": 30}), 20, start.checkpoint)
    within = adopted(run, warming, suggestion)
    assert isinstance(within, ForkRun) and within.changes["schedule.lr"] == suggestion.lr


def falling() -> tuple[list[float], list[float]]:
    lrs = range_lrs()[:120]
    return lrs.tolist(), curve(lrs, 1e-2, 5.0, 2.0).tolist()


async def test_the_screen_shows_the_rules_and_goes_on_with_the_chosen_one(run: Path) -> None:
    lrs, losses = falling()

    async def reports(_: LrRangeStart) -> AsyncGenerator[LrRangeReport]:
        yield LrRangeReport(lrs=lrs, losses=losses)

    start, results = range_start(run), []
    app: App[None] = App()
    async with app.run_test() as pilot:
        app.push_screen(screen := LrRangeScreen(run, start, ascii=True, reports=reports), results.append)
        await screen.workers.wait_for_complete()
        await pilot.pause()
        assert screen.plot.figure is not None and len(screen.plot.figure.vlines) == 4
        await pilot.press("up", "down", "enter")
        await pilot.pause()
    second = lr_suggestions(lrs, losses)[1]
    assert results == [adopted(run, start, second)]
    assert suggestion_lines([second], 0)[0].plain.startswith("› valley")


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_the_screen_is_left_without_a_fork(run: Path, key: str) -> None:
    results = []
    app: App[None] = App()
    async with app.run_test() as pilot:
        app.push_screen(LrRangeScreen(run, range_start(run), ascii=False, reports=silent), results.append)
        await pilot.pause()
        await pilot.press("enter", key)
        await pilot.pause()
    assert results == [None]


async def test_t_tests_the_run_on_the_screen_and_leaves_it_as_it_was(run: Path) -> None:
    config, departures = range_start(run).config, []
    begun = [started(config), *steps(config, [3.0] * 24), RunEnded(step=24, reason="finished")]
    app: App[None] = App()
    async with app.run_test(size=(120, 36)) as pilot:
        shown = RunScreen(ScriptedRun(begun, config=config, path=run), settings=Settings())
        app.push_screen(shown, departures.append)
        await until(pilot, lambda: shown.view is not None and shown.view.end is not None)
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, LrRangeScreen))
        assert "from step 20" in str(app.screen.query_one("#rules", Static).content)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is shown)
    assert departures == []


async def silent(_: LrRangeStart) -> AsyncGenerator[LrRangeReport]:
    await asyncio.Event().wait()
    yield LrRangeReport()


def test_the_suggested_lr_is_as_good_as_the_screen_promises() -> None:
    table = Path(__file__).parent.joinpath("bench", "README.md").read_text(encoding="utf-8")
    ratios = [float(line.split("|")[-2]) for line in table.splitlines() if re.match(r"\| (adam|sgd) ", line)]
    (line,) = suggestion_lines([LrSuggestion(rule=SUGGESTED, lr=1e-3)], 0)
    promised = re.search(r"within (\d+)% of the best of 7", line.plain)
    assert promised is not None and "best of 7 lrs" in table
    assert len(ratios) == 4 and max(ratios) <= 1 + float(promised[1]) / 100
