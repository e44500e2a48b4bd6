"""Runs side by side: which is better and where, how lines are told apart, and that a run remembers the one before."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.config import RunConfig, TrainingConfig
from tinygpt_tui.engine.events import Evaluated, Event, RunEnded
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.relation import Relation, read_relation, write_relation
from tinygpt_tui.engine.storage.run_folder import RELATION
from tinygpt_tui.engine.storage.run_store import create, remove
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.comparison.compared_runs import ComparedRuns, distinct_names
from tinygpt_tui.tui.comparison.followed_run import FollowedRun, compared_view, flat_settings
from tinygpt_tui.tui.comparison.runs_beside import RunsBeside
from tinygpt_tui.tui.comparison.screen import ComparisonScreen
from tinygpt_tui.tui.comparison.table import TableRow, comparison_text, fitted_tables, laid_out_rows
from tinygpt_tui.tui.navigation import CompareRuns, LogFolder, OpenLog, OpenRun, RunDestination
from tinygpt_tui.tui.panels.loss import LossPanel
from tinygpt_tui.tui.plots.draw import draw_figure
from tinygpt_tui.tui.plots.viewport import Viewport
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.view.beside import Beside, beside_figure, outcome
from tinygpt_tui.tui.view.comparison import (
    LETTERS,
    ComparedRun,
    Difference,
    all_metrics,
    better_words,
    different_settings,
    free_letter,
    held_against,
    outcome_words,
)
from tinygpt_tui.tui.view.comparison_figure import comparison_figure
from tinygpt_tui.tui.view.run_view import RunView
from tinygpt_tui.tui.watch.log_list_screen import LogListScreen

from .screen_text import shown, until
from .scripted_run import ScriptedRun, started, steps

CONFIG = RunConfig(title="Compared", training=TrainingConfig(steps=40))


def events(losses: Sequence[float], evaluations: Mapping[int, float], *, end: bool = True) -> list[Event]:
    evaluated = [Evaluated(step=step, val_loss=loss, perplexity=1.0) for step, loss in evaluations.items()]
    ended: list[Event] = [RunEnded(step=len(losses), reason="finished")] if end else []
    return [started(CONFIG), *steps(CONFIG, losses), *evaluated, *ended]


def view_of(losses: Sequence[float], evaluations: Mapping[int, float] | None = None, *, end: bool = True) -> RunView:
    return RunView.of(CONFIG).after_all(events(losses, evaluations or {}, end=end))  # pyright: ignore[reportArgumentType]


def compared(
    losses: Sequence[float], evaluations: Mapping[int, float] | None = None, *, letter: str = "A", end: bool = True
) -> ComparedRun:
    view = view_of(losses, evaluations, end=end)
    return compared_view(view, f"run-{letter}", letter, flat_settings(CONFIG), is_over=end)


def stored(runs: Path, losses: Sequence[float], evaluations: Mapping[int, float] | None = None) -> Path:
    run = create(runs, CONFIG, None, datetime.now(UTC))
    log = EventLog(run)
    for event in events(losses, evaluations or {}):
        log.append(event)
    log.close()
    return run


def test_the_difference_is_taken_at_the_last_step_that_both_have() -> None:
    old = compared([3.0] * 40, {0: 5.5, 20: 3.2, 40: 3.06})
    new = compared([3.0] * 30, {0: 5.5, 10: 9.0, 20: 3.0}, letter="B", end=False)
    found = held_against(new, old)
    assert found is not None and (found.metric, found.step) == ("val_loss", 20)
    assert math.isclose(found.better, 0.2)
    assert outcome_words(new, old, 0.1) == "val_loss 3.00 at step 20, was 3.20: 0.20 better"


@pytest.mark.parametrize(
    ("metric", "now", "was", "words"),
    [
        ("val_loss", 2.68, 40.85, "38.2 better"), ("val_loss", 1.357, 1.36, "no difference"),
        ("val_loss", 0.0123, 0.0119, "0.0004 worse"), ("grad_norm", 1.2e-6, 3.4e-6, "2.2e-6 better"),
        ("val_loss", 2.0e5, 5.4, "2e5 worse"), ("val_loss", 0.0, 0.002, "0.00200 better"),
        ("accuracy", 0.914, 0.912, "0.002 better"),
    ],
)  # fmt: skip
def test_a_difference_has_the_digits_of_the_numbers_beside_it(metric: str, now: float, was: float, words: str) -> None:
    assert better_words(Difference(metric, 40, now, was)) == words


def test_before_an_evaluation_the_mean_losses_are_compared() -> None:
    new, old = compared([2.0] * 5, end=False, letter="B"), compared([2.5] * 40, {40: 2.5})
    assert outcome_words(new, old) == "mean loss 2.00 at step 5, was 2.50: 0.50 better"
    assert outcome_words(compared([]), old) == ""


def test_a_promise_is_judged_at_the_end_and_not_before() -> None:
    old, new = compared([3.0] * 40, {40: 3.06}), compared([2.0] * 40, {40: 2.69}, letter="B")
    assert outcome_words(new, old, 0.15) == "val_loss 2.69, was 3.06: 0.37 better; at least 0.15 better was promised"
    assert outcome_words(new, old, 0.5).endswith("at least 0.5 better was promised, which did not come true")
    assert "promised" not in outcome_words(old, replace(new, is_over=False), None)
    worse = outcome_words(old, new, -0.4)
    assert worse == "val_loss 3.06, was 2.69: 0.37 worse; at most 0.4 worse was promised"


def test_any_number_is_better_than_none() -> None:
    broken, sound = compared([math.nan] * 40, {40: math.nan}), compared([3.0] * 40, {40: 3.0}, letter="B")
    assert outcome_words(sound, broken, 1.0) == "val_loss 3.00, was NaN"
    assert outcome_words(broken, sound, 1.0).endswith("which did not come true")


def test_after_a_live_change_nothing_is_held_against_the_promise() -> None:
    from tinygpt_tui.engine.config import LiveSettings
    from tinygpt_tui.engine.events import SettingsChanged

    beside = Beside(runs=(compared([3.0] * 40, {40: 3.06}, letter="B"),), better_by=0.15)
    view = view_of([2.0] * 40, {40: 2.69})
    assert "promised" in outcome(view, beside)
    changed = SettingsChanged(step=10, summary="lr 1 -> 2", settings=LiveSettings.from_config(CONFIG))
    assert "promised" not in outcome(view.after(changed), beside)


def test_the_settings_that_differ_are_listed_and_no_others() -> None:
    one = compared([3.0])
    two = replace(one, letter="B", settings={**one.settings, "schedule.lr": 0.25, "optimizer.clip": math.inf})
    foreign = replace(one, letter="C", settings={})
    found = dict(different_settings([one, two, foreign]))
    assert set(found) == {"schedule.lr", "optimizer.clip"}
    assert found["schedule.lr"][1:] == ["0.25", ""]


@given(st.lists(st.sampled_from(LETTERS), unique=True))
def test_a_new_run_takes_no_letter_that_another_has(taken: list[str]) -> None:
    letter = free_letter(taken)
    assert (letter is None) == (len(taken) == len(LETTERS)) and letter not in taken


def test_every_line_is_told_by_its_letter_without_colour_and_in_ascii() -> None:
    runs = [
        compared([6 - 0.1 * place - 0.05 * step for step in range(40)], letter=LETTERS[place]) for place in range(8)
    ]
    for ascii_only in (False, True):
        drawn = str(draw_figure(comparison_figure(runs, Viewport(), "loss"), 80, 30, ascii_only=ascii_only))
        assert all(letter in drawn for letter in LETTERS)
        assert drawn.isascii() or not ascii_only
    assert all(letter.lower() in drawn for letter in LETTERS)


def test_a_run_that_diverged_does_not_flatten_the_others() -> None:
    falling = [5.5 - 0.08 * step for step in range(40)]
    diverged = [5.5 + 3 * step for step in range(40)]
    runs = [compared(falling), compared(diverged, letter="B")]
    drawn = draw_figure(comparison_figure(runs, Viewport(smoothing=0), "loss"), 80, 20)
    rows = {row for row, line in enumerate(str(drawn).splitlines()) for letter in line[8:] if letter == "A"}
    assert max(rows) - min(rows) > 8
    assert "▲" in str(drawn).splitlines()[0]


def test_the_axis_shows_the_old_run_whole_while_the_new_one_begins() -> None:
    beside = Beside(runs=(compared([3.0] * 40, letter="B"),))
    figure = beside_figure(view_of([5.0] * 3, end=False), Viewport(), beside)
    assert figure.x.high == 40
    assert {curve.letter for curve in figure.curves} == {"", "A", "B"}
    alone = beside_figure(view_of([5.0] * 3, end=False), Viewport(), Beside())
    assert alone.x.high < 40 and {curve.letter for curve in alone.curves} == {""}


def test_runs_beside_keep_their_letters_and_are_remembered(tmp_path: Path) -> None:
    own, *others = (stored(tmp_path, [3.0] * 5) for _ in range(4))
    write_relation(own, Relation(runs=(others[0].name,), fix="Clip", better_by=0.15))
    beside = RunsBeside(own)
    assert (beside.read().fix, beside.read().better_by) == ("Clip", 0.15)
    beside.choose([others[0], others[1], others[2]])
    assert [run.letter for run in beside.read().runs] == ["B", "C", "D"]
    beside.choose([others[0], others[2]])
    assert [run.letter for run in beside.read().runs] == ["B", "D"]
    again = RunsBeside(own).read()
    assert [run.name for run in again.runs] == [others[0].name, others[2].name] and again.fix == "Clip"
    remove(others[0])
    assert RunsBeside(own).read().better_by is None  # what was promised was promised against that run
    remove(own)
    assert not own.exists()


def test_a_damaged_relation_is_none(tmp_path: Path) -> None:
    run = stored(tmp_path, [3.0])
    for text in ("", "{", '{"runs": 3}', "[]", "\xff"):
        (run / RELATION).write_text(text, encoding="latin-1")
        assert read_relation(run) == Relation()


def test_a_run_that_trains_is_read_on(tmp_path: Path) -> None:
    run = stored(tmp_path, [3.0, 2.9])
    followed = FollowedRun(run)
    assert followed.read_on() and not followed.read_on()
    log = EventLog(run)
    log.append(steps(CONFIG, [2.8], first=3)[0])
    log.close()
    assert followed.read_on() and followed.compared("A").curves.extent == (1, 3)


def test_compare_prints_what_each_run_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = stored(tmp_path, [3.0] * 40, {40: 3.06}), stored(tmp_path, [2.6] * 40, {40: 2.69})
    assert run_command(["compare", one.name, two.name, "--runs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"B  {two.name}" in lines[2] and "0.37 better at 40" in lines[2]
    assert "No setting differs." in lines
    assert run_command(["compare", one.name, one.name, "--runs", str(tmp_path)]) == 2


def app_at(
    runs: Path, destination: RunDestination | CompareRuns | LogFolder, run: ScriptedRun | None = None
) -> TinyGPTApp:
    async def scripted(destination: RunDestination, runs: Path) -> ScriptedRun:
        assert run is not None
        return run

    return TinyGPTApp(runs, settings_file=runs / "settings.toml", destination=destination, open=scripted)


@pytest.mark.parametrize("leave", ["q", "p", "escape"])
async def test_the_comparison_screen_shows_lines_and_table(tmp_path: Path, leave: str) -> None:
    paths = tuple(stored(tmp_path, [loss] * 40, {40: loss}) for loss in (3.06, 2.69))
    app = app_at(tmp_path, CompareRuns((*paths, tmp_path / "gone-1")))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen) and "against A" in shown(app))
        assert "0.37 better at 40" in shown(app) and "B 2.69" in shown(app)
        await pilot.press("b", "v", "left", "down", "up")
        await until(pilot, lambda: "against B" in shown(app) and "Validation loss at step" in shown(app))
        await pilot.press(leave)
        await until(pilot, lambda: not isinstance(app.screen, ComparisonScreen))


async def test_a_run_screen_shows_the_run_that_it_is_remembered_with_until_it_is_taken_off(tmp_path: Path) -> None:
    old, new = stored(tmp_path, [3.0] * 40, {40: 3.06}), stored(tmp_path, [2.0] * 40, {40: 2.69})
    write_relation(new, Relation(runs=(old.name,), fix="Clip", better_by=0.15))
    run = ScriptedRun(events([2.0] * 40, {40: 2.69}), config=CONFIG, path=new)  # pyright: ignore[reportArgumentType]
    app = app_at(tmp_path, OpenRun(new), run)
    async with app.run_test(size=(160, 45)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "0.37 better" in shown(app))
        assert f"B {old.name}" in shown(app)
        await pilot.press("U")
        await until(pilot, lambda: "0.37 better" not in shown(app))
        assert read_relation(new).runs == ()
        await pilot.press("C")
        await until(pilot, lambda: "Compare with" in shown(app))
        await pilot.press("space", "enter")
        await until(pilot, lambda: bool(app.screen.query(LossPanel)) and f"B {old.name}" in shown(app))


def test_runs_that_cannot_be_read_are_told_of_once_and_left_out(tmp_path: Path) -> None:
    runs = ComparedRuns([tmp_path / "gone-1", stored(tmp_path, [3.0])])
    assert runs.read() and len(runs.new_trouble()) == 1 and not runs.new_trouble()
    assert [run.letter for run in runs.runs()] == ["B"]


def write_csv(path: Path, rows: int, loss: float, *, every: int = 1, **more: float) -> Path:
    path.parent.mkdir(exist_ok=True)
    lines = [",".join(["step", "loss", *more])] + [
        ",".join(map(str, [step, loss - step / 1000, *more.values()])) for step in range(0, rows * every, every)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def logs_compared(*paths: Path) -> tuple[ComparedRun, ...]:
    runs = ComparedRuns([OpenLog(path, str(path)) for path in paths])
    runs.read()
    runs.close()
    return runs.runs()


def test_logs_are_compared_where_both_have_rows_and_a_few_rows_are_not_averaged(tmp_path: Path) -> None:
    often, seldom = write_csv(tmp_path / "a.csv", 12, 3.0, every=7), write_csv(tmp_path / "b.csv", 9, 2.5, every=10)
    one, two = logs_compared(often, seldom)
    found = held_against(two, one)
    assert found is not None and (found.step, found.now) == (70, pytest.approx(2.43))
    rare = write_csv(tmp_path / "c.csv", 5, 2.0, every=11)
    found = held_against(logs_compared(rare)[0], one)
    assert found is not None and (found.step, found.was) == (44, pytest.approx(3.0 - 0.042))  # its row of step 42


def test_any_metric_is_compared_and_what_is_better_is_known_of_some(tmp_path: Path) -> None:
    paths = [write_csv(tmp_path / f"{n}.csv", 20, 3.0, acc=n / 10, reward=n, entropy=n) for n in (1, 2)]
    runs = logs_compared(*paths)
    assert all_metrics(runs) == ["loss", "accuracy", "reward", "entropy"]
    for metric, better in (("accuracy", 0.1), ("reward", 1.0), ("loss", 0.0)):
        found = held_against(runs[1], runs[0], (metric,))
        assert found is not None and found.better == pytest.approx(better)
    assert "+1 at 19" in comparison_text(runs, runs[0], "entropy")


def test_compare_takes_logs_and_runs_and_all_the_runs_of_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored(tmp_path / "runs", [3.0] * 40, {40: 3.06})
    log = write_csv(tmp_path / "mine.csv", 41, 2.5)
    several = tmp_path / "several.csv"
    several.write_text("\n".join(["step,loss", *(f"{step},{4 - step / 10}" for step in [*range(30), *range(30)])]))
    options = ["--runs", str(tmp_path / "runs"), "--text"]
    assert run_command(["compare", run.name, str(log), str(several), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines[1:5]] == ["A", "B", "C", "D"]
    assert "mine.csv" in lines[2] and "0.54 better loss at 40" in lines[2]  # means of two rows
    assert run_command(["compare", str(log), *options]) == 2


@pytest.mark.parametrize(
    ("names", "shown_names"),
    [
        (["r/lr1/metrics.csv", "r/lr2/metrics.csv"], ["lr1", "lr2"]),
        (["a", "a/b"], ["a", "a/b"]),
        (["x", "x"], ["x", "x"]),
        (["r/a.csv", "r/s/a.csv", "r/b.csv"], ["a.csv", "s/a.csv", "b.csv"]),
    ],
)
def test_names_are_told_apart_by_what_differs(names: list[str], shown_names: list[str]) -> None:
    assert distinct_names(names) == shown_names


def test_no_letter_covers_how_high_a_cut_line_goes() -> None:
    falling = [5.5 - 0.08 * step for step in range(40)]
    runs = [compared(falling)] + [
        compared([5.5 + (3 + place) * step for step in range(40)], letter=LETTERS[place]) for place in range(1, 8)
    ]
    for width in (60, 80, 120):
        top = str(draw_figure(comparison_figure(runs, Viewport(smoothing=0), "loss"), width, 20)).splitlines()[0]
        heights = re.findall(r"[B-H] \d+(?:\.\d+)?", top)
        assert heights and all(float(f"{5.5 + (3 + LETTERS.index(h[0])) * 39:.3g}") == float(h[2:]) for h in heights)


@pytest.mark.parametrize("key", ["enter", "C"])
async def test_marked_logs_of_a_folder_are_laid_over_each_other(tmp_path: Path, key: str) -> None:
    folder = tmp_path / ("logs" * 20)  # which leaves room for the marks all the same
    for name in ("a", "b", "c"):
        write_csv(folder / f"{name}.csv", 50, 3.0 + (name == "b"), acc=0.5)
    app = app_at(tmp_path, LogFolder(folder))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LogListScreen) and len(app.screen.shown) == 3)
        await pilot.press("insert", *"b", "space", "space", "space", "escape")  # marked, and no longer, and again
        await until(pilot, lambda: "2 marked" in shown(app))
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen) and "against A" in shown(app))
        assert "b.csv" in shown(app) and "1.00" in shown(app)
        await pilot.press("slash", "2")
        await until(pilot, lambda: "accuracy" in shown(app) and "lowest" in shown(app))
        await pilot.press("t", "escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, LogListScreen) and "2 marked" not in shown(app))


@pytest.mark.parametrize(
    ("width", "names"), [(80, ["a-long-name-1", "a-long-name-1-fork-1"]), (36, ["a-long-name-1", "a-long…fork-1"])]
)
def test_names_of_runs_give_way_to_the_numbers(width: int, names: list[str]) -> None:
    reached = [("A", "a-long-name-1", "1000", "2.16 at 1000"), ("B", "a-long-name-1-fork-1", "7", "2")]
    cells = [("", "run", "step", "val_loss"), *reached]
    (rows,) = fitted_tables([TableRow(each, ("",) * 4) for each in cells], width)
    assert [row.cells[1] for row in rows[1:]] == names
    assert all(len("".join(text for text, _ in line).rstrip()) <= width for line in laid_out_rows(rows))


@pytest.mark.parametrize("width", [20, 24, 30, 34])
def test_columns_that_do_not_fit_beside_each_other_stand_in_tables_below(width: int) -> None:
    cells = [("", "run", "step", "val_loss", "loss"), ("A", "a-long-name-1", "1000", "2.16 at 1000", "2.2")]
    tables = fitted_tables([TableRow(each, ("A", "", "", "", "")) for each in cells], width)
    assert [cell for rows in tables for cell in rows[0].cells[1:]] == list(cells[0][1:]), "each once, in order"
    assert len(tables) > 1 and all(rows[1].cells[0] == rows[1].letters[0] == "A" for rows in tables)
    lines = ["".join(text for text, _ in line).rstrip() for rows in tables for line in laid_out_rows(rows)]
    assert max(map(len, lines)) <= width
