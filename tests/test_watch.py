"""Logs of other programs on the run screen: what is shown, which keys act, and how a command is run on alarm."""

import json
import math
import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.widgets import OptionList

from tinygpt_tui.engine.arrivals import LinesPrinted, LogRead, StartedOver
from tinygpt_tui.engine.client.run import ClientError
from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import Pause, Refused, RunDescribed, RunStarted, StepFinished
from tinygpt_tui.engine.following.log_folder import logs_in
from tinygpt_tui.engine.following.log_run import LogRun
from tinygpt_tui.engine.readers.step_columns import StepColumns
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.cli.watch_command import opened_log
from tinygpt_tui.tui.comparison.screen import ComparisonScreen
from tinygpt_tui.tui.navigation import LogFolder, OpenLog, OpenRun
from tinygpt_tui.tui.panels.layout import absent_panels
from tinygpt_tui.tui.panels.metrics import MetricsPanel
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.view.metric_choice import ChoiceError, MetricChoice
from tinygpt_tui.tui.view.run_view import RunView
from tinygpt_tui.tui.watch import log_list_screen
from tinygpt_tui.tui.watch.log_list_screen import LogListScreen

from .screen_text import shown as screen_shown
from .scripted_run import ScriptedRun
from .store_files import event, events, simple
from .test_run_screen import shown, until

LOG = RunDescribed(title="a.csv", kind="log")


def columns(first: int, last: int, **metrics: float) -> StepColumns:
    steps = np.arange(first, last + 1, dtype="f8")
    return StepColumns(steps=steps, columns={name: np.full(len(steps), value) for name, value in metrics.items()})


def view_of(*arrivals: object) -> RunView:
    return RunView.of(RunConfig()).after_all([LOG, *arrivals])  # pyright: ignore[reportArgumentType]


def test_columns_go_into_a_view_and_a_metric_may_appear_late() -> None:
    view = view_of(columns(1, 5, loss=3.0), columns(6, 8, loss=2.0, gpu=7.0))
    assert view.curves["loss"].tolist() == [3.0] * 5 + [2.0] * 3
    assert np.isnan(view.curves["gpu"][:5]).all()
    assert view.curves["gpu"][5:].tolist() == [7.0] * 3


def test_rows_that_hold_parts_of_one_step_are_one_row_also_across_pieces() -> None:
    parts = StepColumns(
        steps=np.array([1.0, 2.0, 2.0]),
        columns={"loss": np.array([3.0, 2.5, np.nan]), "val_loss": np.array([np.nan, np.nan, 2.7])},
    )
    view = view_of(parts, columns(2, 2, gpu=5.0), columns(3, 3, loss=2.0))
    assert view.curves["step"].tolist() == [1, 2, 3]
    assert view.curves["loss"].tolist() == [3.0, 2.5, 2.0]
    assert view.curves["gpu"][1] == 5.0
    assert view.evaluations["step"].tolist() == [2]


def test_a_resumed_run_replaces_what_it_does_again_and_a_log_that_starts_over_leaves_nothing() -> None:
    view = view_of(columns(1, 10, loss=3.0), columns(6, 7, loss=1.0))
    assert view.curves["step"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    again = view.after_all([StartedOver(why="truncated"), columns(1, 2, loss=9.0)])
    assert again.curves["loss"].tolist() == [9.0, 9.0]
    assert again.described == LOG


def test_nan_that_was_measured_is_marked_and_what_was_not_measured_is_not() -> None:
    broken = StepColumns(
        steps=np.array([1.0, 2.0, 3.0]),
        columns={"loss": np.array([np.nan, np.nan, np.inf]), "grad_norm": np.full(3, np.nan)},
        nans={"loss": np.array([1])},
    )
    assert view_of(broken).nan_steps["step"].tolist() == [2, 3]
    loop = RunView.of(RunConfig()).after_all([RunDescribed(title="x", kind="loop"), StepFinished(step=1, loss=2.0)])
    assert not len(loop.nan_steps)


def test_panels_of_what_a_run_has_not_are_absent() -> None:
    assert absent_panels(view_of(columns(1, 3, loss=1.0))) == {
        "lr", "gradient", "layers", "sample", "history", "lesson", "metrics", "printed"
    }  # fmt: skip
    full = view_of(columns(1, 3, loss=1.0, lr=0.1, grad_norm=1.0, fps=3.0), LinesPrinted(lines=("hello",)))
    assert absent_panels(full) == {"layers", "sample", "history", "lesson"}
    own = RunView.of(RunConfig()).after(RunStarted(step=0))
    assert absent_panels(own) == {"metrics", "printed"}


NAMES = ["loss", "eval/acc", "eval/f1", "gpu.0.util", "gpu.1.util", "[bold]x"]


@pytest.mark.parametrize(
    ("shown_words", "first", "expected"),
    [
        ("", "", NAMES),
        ("EVAL", "", ["eval/acc", "eval/f1"]),
        ("eval/* loss", "", ["loss", "eval/acc", "eval/f1"]),
        ("/^gpu\\.[1]/", "", ["gpu.1.util"]),
        ("eval", "gpu.1 f1", ["gpu.1.util", "eval/f1", "eval/acc"]),
        ("[bold]", "", []),
    ],
)
def test_metrics_are_chosen_by_words_globs_and_expressions(shown_words: str, first: str, expected: list[str]) -> None:
    assert MetricChoice(shown=shown_words, first=first).chosen(NAMES) == expected


def test_an_expression_that_is_none_is_refused() -> None:
    with pytest.raises(ChoiceError, match=r"/\(/ is no regular expression"):
        MetricChoice(shown="/(/")


@settings(max_examples=40)
@given(st.text(max_size=12))
def test_no_word_breaks_the_choice(words: str) -> None:
    with suppress(ChoiceError):
        MetricChoice(shown=words, first=words).chosen(NAMES)


def write_log(path: Path, rows: int, first: int = 0) -> Path:
    lines = [] if first else ["step,loss,val_loss,lr,[red]name"]
    lines += [
        f"{step},{4 - step / 200},{4 if step % 10 == 0 else ''},0.001,{step}" for step in range(first, first + rows)
    ]
    with path.open("a") as file:
        file.write("\n".join(lines) + "\n")
    return path


def app_on(destination: OpenLog | LogFolder, folder: Path) -> TinyGPTApp:
    return TinyGPTApp(folder / "runs", settings_file=folder / "settings.toml", destination=destination)


async def test_a_log_is_shown_followed_and_takes_no_command(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a.csv", 100)
    app = app_on(OpenLog(path, "a.csv"), tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.view is not None)
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await until(pilot, lambda: screen.view is not None and screen.view.step == 99)
        await until(pilot, lambda: shown(screen) == {"loss", "lr", "metrics", "diagnosis", "status"})
        write_log(path, 5, first=100)
        await until(pilot, lambda: screen.view is not None and screen.view.step == 104)
        assert {each.binding.action for each in screen.active_bindings.values()}.isdisjoint(
            {"send('pause')", "act", "leave('restart')", "leave('restart_ended')", "ask('change')"}
        )
        await pilot.press("space")  # not dead: it says why
        await until(pilot, lambda: any("takes no commands" in note.message for note in app._notifications))
        await pilot.press("t")
        assert screen.panels.viewport.x_axis == "step"  # the log has neither epochs nor tokens nor times
        await pilot.press("M")
        await until(pilot, lambda: screen.panels.alone == "metrics")
        await pilot.press("full_stop", "comma", "M", "O", "O")
        await pilot.press("slash", *"red", "enter")
        await until(pilot, lambda: screen.panels.panel(MetricsPanel).choice.shown == "red")
        await until(pilot, lambda: str(tmp_path) in (tmp_path / "settings.toml").read_text())


async def test_what_a_program_prints_has_a_pane_of_its_own(tmp_path: Path) -> None:
    arrivals = [LOG, RunStarted(step=0), columns(1, 20, loss=1.0), LinesPrinted(lines=("hello [red]",))]
    run = ScriptedRun(arrivals, live=True)  # pyright: ignore[reportArgumentType]

    async def opened(*_: object) -> ScriptedRun:
        return run

    app = TinyGPTApp(tmp_path, settings_file=tmp_path / "s.toml", destination=OpenRun(tmp_path), open=opened)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "hello [red]" in screen_shown(app))
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await pilot.press("O")
        await until(pilot, lambda: screen.panels.alone == "printed")


@pytest.mark.parametrize("leave", ["ctrl+q", "ctrl+c", "escape"])
async def test_logs_of_a_folder_are_listed_filtered_and_opened(tmp_path: Path, leave: str) -> None:
    write_log(tmp_path / "old.csv", 30)
    os.utime(tmp_path / "old.csv", (time.time() - 500, time.time() - 500))
    write_log(tmp_path / "new.csv", 30)
    app = app_on(LogFolder(tmp_path), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LogListScreen) and len(app.screen.shown) == 2)
        screen = app.screen
        assert isinstance(screen, LogListScreen)
        assert [log.name for log in screen.shown] == ["new.csv", "old.csv"]
        await pilot.press(*"olx", "backspace", "d")
        await until(pilot, lambda: screen.query_one(OptionList).option_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.view is not None)
        await until(pilot, lambda: "p back" in screen_shown(app))
        await pilot.press("p")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("escape", leave)
        await until(pilot, lambda: app.screen is not screen or not app.is_running)


def test_a_log_that_is_not_there_is_refused_before_the_screen_opens(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=r"nosuch\.csv: there is no such file"):
        opened_log(str(tmp_path / "nosuch.csv"), None, {})


async def test_a_folder_with_one_log_is_a_list_to_which_others_come_and_all_are_read_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_list_screen, "_AGAIN_S", 0.01)
    (tmp_path / "a.csv").write_text("step,loss,other\n" + "".join(f"{step},5,{step % 7}\n" for step in range(30)))
    opened = opened_log(str(tmp_path), None, {"loss": "other"})
    assert isinstance(opened, LogFolder)
    app = app_on(opened, tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LogListScreen) and len(app.screen.shown) == 1)
        screen = app.screen
        assert isinstance(screen, LogListScreen)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.view is not None)
        run = app.screen
        assert isinstance(run, RunScreen)
        await until(pilot, lambda: run.view is not None and len(run.view.curves) == 30)
        assert run.view is not None and run.view.curves.at("loss") == 29 % 7
        write_log(tmp_path / "b.csv", 30)
        await pilot.press("p")
        await until(pilot, lambda: app.screen is screen and len(screen.shown) == 2)


def test_one_run_of_a_whole_folder_of_logs_is_refused(tmp_path: Path) -> None:
    write_log(tmp_path / "a.csv", 30)
    with pytest.raises(click.UsageError, match="is a folder of logs; name one of them"):
        opened_log(str(tmp_path), None, {}, run="2")


async def test_the_list_tells_how_long_ago_a_log_was_written_also_while_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(tmp_path / "a.csv", 30)
    monkeypatch.setattr(log_list_screen, "_AGAIN_S", 0.01)
    app = app_on(LogFolder(tmp_path), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "▶ a.csv" in screen_shown(app))
        monkeypatch.setattr(log_list_screen, "time", SimpleNamespace(time=lambda: time.time() + 600))
        await until(pilot, lambda: "10:0" in screen_shown(app) and "▶" not in screen_shown(app))


def test_a_named_pipe_is_followed_while_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    seen: list[str] = []

    def write() -> None:
        with pipe.open("w") as stream:
            for step in range(40):
                stream.write(f"step {step} loss {math.nan if step > 30 else 3.0}\n")
            stream.flush()
            deadline = time.monotonic() + 60
            while "nan" not in "".join(seen) and time.monotonic() < deadline:
                seen.append(capsys.readouterr().out)
                time.sleep(0.05)

    writer = threading.Thread(target=write)
    writer.start()
    assert run_command(["watch", str(pipe), "--headless"]) == 1
    writer.join()
    assert "nan" in "".join(seen), "it was found before the writer had ended"


def test_a_folder_lists_logs_event_files_by_folder_and_runs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "events.out.tfevents.1").write_bytes(b"1")
    (tmp_path / "a" / "events.out.tfevents.2").write_bytes(b"22")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "events.jsonl").write_text("{}\n")
    (tmp_path / "run" / "worker.log").write_text("x")
    (tmp_path / "x.csv").write_text("a")
    (tmp_path / "notes.md").write_text("a")
    found = {log.name: (log.is_run, log.bytes) for log in logs_in(tmp_path)}
    assert found == {"a": (False, 3), "run": (True, 3), "x.csv": (False, 1)}


@pytest.mark.parametrize("kind", ["missing", "folder", "binary", "no permission"])
async def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.csv"
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(bytes(range(256)) * 50)
        os.utime(path, (1e9, 1e9))
    elif kind == "no permission":
        write_log(path, 30).chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("root reads everything")
    run = LogRun("x.csv", path)
    with pytest.raises(ClientError) as error:
        await run.begin()
    assert str(error.value).startswith("x.csv: ")
    assert "\n" not in str(error.value)
    assert isinstance(await run.send(Pause()), Refused)


async def test_a_log_that_is_still_empty_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.touch()
    run = LogRun("x.csv", path)
    await run.begin()
    waiting = ""
    async for batch in run.batches():
        waiting = next((each.waiting for each in batch if isinstance(each, LogRead) and each.waiting), waiting)
        if waiting:
            write_log(path, 30)
        if any(isinstance(each, StepColumns) for each in batch):
            break
    await run.close()
    assert "is empty" in waiting


def headless(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    code = "from tinygpt_tui.tui.cli.main import main; main()"
    command = [sys.executable, "-c", code, "watch", *arguments, "--headless"]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_a_command_gets_each_finding_once_as_json_and_the_status_tells(tmp_path: Path) -> None:
    lines = ["step,loss", *(f"{step},{3 - step / 100 if step < 60 else 'nan'}" for step in range(1, 100))]
    kept = tmp_path / "alarms"
    ended = headless("-", "--on", "failure", f"cat >> {kept}", text="\n".join(lines) + "\n")
    assert ended.returncode == 1, ended.stderr
    alarms = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [alarm["kind"] for alarm in alarms] == ["nan"]
    assert "step,loss" in ended.stdout


def test_the_option_of_an_unknown_finding_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write_log(tmp_path / "a.csv", 30)
    assert run_command(["watch", "--headless", "--on", "gremlins", str(log)]) == 2
    assert "--on gremlins: there is no such finding" in capsys.readouterr().err


def write_runs(path: Path, *names: str) -> Path:
    """A database of trackio."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table metrics (id integer primary key, timestamp, run_name, step, metrics)")
        for name in names:
            rows = [(f"{step:04}", name, step, json.dumps({"loss": 4 - step / 50})) for step in range(60)]
            database.executemany("insert into metrics (timestamp, run_name, step, metrics) values (?, ?, ?, ?)", rows)
        database.commit()
    return path


async def test_of_a_log_that_holds_named_runs_one_is_chosen_or_several_are_compared(tmp_path: Path) -> None:
    path = write_runs(tmp_path / "p.db", "[b]alpha", "beta", "gamma")
    app = app_on(OpenLog(path, "p.db"), tmp_path)
    async with app.run_test(size=(110, 36)) as pilot:
        await until(pilot, lambda: "3 runs in p.db" in screen_shown(app) and "[b]alpha" in screen_shown(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "p.db · beta" in screen_shown(app) and "3 runs in it" in screen_shown(app))
        await pilot.press("C")
        await until(pilot, lambda: "3 runs in p.db" in screen_shown(app))
        await pilot.press("space", "space", "enter")
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen) and "against A" in screen_shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))


def test_the_runs_of_a_log_are_listed_and_one_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write_runs(tmp_path / "p.db", "alpha", "beta"))
    assert run_command(["diagnose", path]) == 0
    assert "2, of which --run NAME takes one: alpha, beta" in capsys.readouterr().out
    for command in (["diagnose"], ["plot", "--height", "8"]):
        assert run_command([*command, path, "--run", "beta"]) == 0
        out = capsys.readouterr().out
        assert "alpha" not in out
        assert run_command([*command, path, "--run", "nosuch"]) == 2
        assert "holds no run 'nosuch'; its runs are alpha, beta" in capsys.readouterr().err
    many = str(write_runs(tmp_path / "many.db", *(f"r{n}x" for n in range(20))))
    assert run_command(["plot", many]) == 2
    assert "these are 20; --run names those" in capsys.readouterr().err
    os.utime(path, (1e9, 1e9))
    assert run_command(["watch", path, "--headless", "--until-end"]) == 0
    assert "the log holds 2 runs" in capsys.readouterr().err
    assert run_command(["watch", path, "--headless", "--until-end", "--run", "nosuch"]) == 2


def test_the_runs_of_an_mlflow_store_are_listed_by_their_names(tmp_path: Path) -> None:
    for run, name in (("a1", "first"), ("b2", "second")):
        for folder, file, text in (("metrics", "loss", "1600000000000 1.0 1\n"), ("tags", "mlflow.runName", name)):
            (tmp_path / "7" / run / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / "7" / run / folder / file).write_text(text)
        (tmp_path / "7" / run / "meta.yaml").write_text("")
    assert {(log.name, log.path.name) for log in logs_in(tmp_path)} == {("7/first", "a1"), ("7/second", "b2")}


def test_event_files_of_one_run_in_a_folder_for_each_split_are_one_log(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "events.out.tfevents.1").write_bytes(events(event(1, simple("loss", 1.0))))
    opened = opened_log(str(tmp_path), None, {})
    assert isinstance(opened, OpenLog) and opened.path == tmp_path
