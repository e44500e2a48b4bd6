"""The command line on runs of people's own loops: live, finished, and written row by row from a shell."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tinygpt_tui.engine.attach import watch
from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import FindingOpened, StepFinished, decode_event
from tinygpt_tui.engine.storage.event_log import all_events
from tinygpt_tui.engine.storage.run_summary import summarise
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.run.feed import first_view
from tinygpt_tui.tui.view.described import title_of_run

from .scripted_run import ScriptedRun


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINYGPT_TUI_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def finished(runs: Path) -> Path:
    run = watch(name="mine", steps=20, settings={"batch": 4}, runs=runs)
    for step in range(20):
        run.step(2.0 - step / 20, accuracy=step / 20)
    run.evaluate(1.5)
    run.close()
    assert run.path is not None
    return run.path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert run_command([*arguments]) == status
    output = capsys.readouterr()
    return output.out + output.err


def test_a_finished_loop_is_listed_shown_diagnosed_plotted_exported_and_removed(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [row] = [json.loads(line) for line in said(capsys, "runs", "--json").splitlines()]
    assert (row["name"], row["state"], row["step"], row["steps"]) == ("mine-1", "finished", 20, 20)
    assert "20/20" in said(capsys, "runs")
    assert "finished at step 20, loss 1.050, val_loss 1.500" in said(capsys, "attach", "mine-1", "--text")
    lines = said(capsys, "attach", "mine-1", "--json").splitlines()
    assert [decode_event(line.encode()) for line in lines] == list(all_events(finished))
    assert "20" in said(capsys, "diagnose", "mine-1")
    assert "mine: loss" in said(capsys, "plot", "mine-1", "--ascii", "--width", "60")
    said(capsys, "export", "mine-1", "--to", str(tmp_path / "x.csv"))
    assert "accuracy" in (tmp_path / "x.csv").read_text()
    said(capsys, "rm", "--yes", "mine-1")
    assert not finished.exists()


@pytest.mark.parametrize("command", [["resume"], ["sample"], ["stop"]])
def test_what_only_its_own_program_can_do_is_refused_in_one_line(
    finished: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    words = said(capsys, *command, finished.name, status=2)
    assert words.count("\n") == 1 and "mine-1" in words and "program" in words and "config.toml" not in words


def test_a_loop_without_a_planned_number_of_steps_has_none_on_the_command_line(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = watch(name="open", runs=runs)
    run.step(1.0)
    run.close()
    assert "1/0" not in said(capsys, "runs") + said(capsys, "attach", "open-1", "--text")


def test_a_diagnosis_of_a_loop_knows_its_guessing_loss(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = watch(name="guess", steps=400, chance_loss=2.3026, runs=runs)
    for step in range(400):
        run.step(2.3026 + 0.001 * (step % 3))
    run.close()
    live = {event.kind for event in all_events(run.path or runs) if isinstance(event, FindingOpened)}
    found = json.loads(said(capsys, "diagnose", "guess-1", "--json"))
    assert live and live <= {finding["kind"] for finding in found["findings"]}


def test_a_live_loop_is_listed_followed_and_stopped(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = watch(name="live", runs=runs)

    def loop() -> None:
        while run.step(1.0):
            time.sleep(0.002)
        run.close()

    thread = threading.Thread(target=loop)
    thread.start()
    [row] = [json.loads(line) for line in said(capsys, "runs", "--json").splitlines()]
    assert row["state"] in ("running", "starting") and row["pid"]
    assert "live-1: stopped at step" in said(capsys, "stop", "live-1")
    thread.join(20)
    assert not thread.is_alive() and summarise(runs / "live-1").state == "stopped"


def test_a_shell_loop_writes_a_run_row_by_row(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for row in (["loss=3", "--steps", "4"], ["loss=2", "accuracy=0.5"], ["loss=nan", "step=7"], ["val_loss=2.5"]):
        said(capsys, "log", "my shell", *row)
    assert summarise(runs / "my-shell-1").steps == 4
    said(capsys, "log", "my shell", "--end")
    stored = list(all_events(runs / "my-shell-1"))
    assert [event.seq for event in stored] == [*range(len(stored))]
    assert [(event.step, event.others) for event in stored if isinstance(event, StepFinished)][1][1] == {
        "accuracy": 0.5
    }
    assert [event.step for event in stored if isinstance(event, StepFinished)] == [1, 2, 7]
    assert [event.kind for event in stored if isinstance(event, FindingOpened)] == ["nan"]
    row = summarise(runs / "my-shell-1")
    assert (row.state, row.step, row.val_loss) == ("finished", 7, 2.5)
    said(capsys, "log", "my shell", "loss=1")
    assert summarise(runs / "my-shell-2").step == 1


def test_a_row_that_is_none_is_refused_and_leaves_nothing(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["loss"], ["loss=high"], ["=1"], [], ["step=1.5", "loss=1"], ["step=3"]):
        assert said(capsys, "log", "x", *words, status=2).count("\n") == 1
    for path in ("../x", "/tmp/x", "..", ""):
        assert "a run has a name" in said(capsys, "log", path, "loss=1", status=2)
    assert not runs.exists()


def test_rows_from_two_shells_at_once_are_all_kept(runs: Path) -> None:
    program = "from tinygpt_tui.tui.cli.main import run_command as r; [r(['log', 'x', 'loss=1']) for _ in range(20)]"
    assert run_command(["log", "x", "loss=1"]) == 0
    shells = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [shell.wait() for shell in shells] == [0, 0]
    rows = [event for event in all_events(runs / "x-1") if isinstance(event, StepFinished)]
    assert sorted(row.step for row in rows) == [*range(1, 42)]


def test_a_row_from_a_shell_needs_no_torch(runs: Path) -> None:
    program = (
        "import sys; from tinygpt_tui.tui.cli.main import run_command as r; "
        "assert r(['log', 'x', 'loss=1']) == 0; assert not {'torch', 'textual', 'plotext'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_first_frame_of_an_attached_loop_is_not_that_of_the_tiny_gpt(finished: Path) -> None:
    view = first_view(ScriptedRun(config=RunConfig(), path=finished))

    assert title_of_run(view) == "mine"
    assert view.steps == 0
