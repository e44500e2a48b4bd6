"""The command, as a person or a script uses it: what it prints, what it leaves on disk, how it exits."""

import json
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import RunStarted, decode_event
from tinygpt_tui.engine.presets import find_preset, planned
from tinygpt_tui.engine.storage.run_folder import find_worker
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.engine.storage.run_summary import list_runs
from tinygpt_tui.tui.cli.commands import command
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.cli.options import option_at_fault, overrides
from tinygpt_tui.tui.cli.run_table import run_table

COMMAND = [sys.executable, "-c", "from tinygpt_tui.tui.cli.main import main; main()"]
SMALL = ["--set", "model.layers=1", "--set", "model.width=16", "--set", "training.compile=false"]
FIXED = ["--threads", "1", "--device", "cpu", "--set", "training.precision=fp32"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat. " * 500)
    return path


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "runs"
    monkeypatch.setenv("TINYGPT_TUI_RUNS", str(folder))
    yield folder
    for run in folder.iterdir() if folder.is_dir() else []:
        if worker := find_worker(run):
            os.kill(worker.pid, signal.SIGKILL)


def tinygpt(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120, check=False)


def train(text: Path, *arguments: str) -> list[str]:
    return [*COMMAND, "train", "--data", str(text), *SMALL, *FIXED, *arguments]


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=refuse) for line in output.splitlines()]


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on stderr of a command that is refused."""
    assert run_command(list(arguments)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("tinygpt-tui: ") and output.err.count("\n") == 1
    return output.err


def test_a_run_is_trained_listed_told_again_resumed_sampled_and_removed(text: Path, runs: Path) -> None:
    trained = subprocess.run(train(text, "--steps", "6", "--json", "--name", "mine-1"), capture_output=True, text=True)
    assert trained.returncode == 0, trained.stderr
    assert trained.stderr == f"run {runs / 'mine-1'}\n"
    told = events(trained.stdout)
    prepared = [line for line in told if line["seq"] < 0]
    assert {line["event"] for line in prepared} <= {"preparing"} and all(line["time"] > 0 for line in prepared)
    lines = [line for line in told if line["seq"] >= 0]
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    steps = [line for line in lines if line["event"] == "step"]
    assert [line["step"] for line in steps] == [1, 2, 3, 4, 5, 6]
    assert {"time", "loss", "lr", "grad_norm", "update_ratio", "tokens_per_s"} <= steps[0].keys()
    assert lines[-1]["event"] == "end" and lines[-1]["reason"] == "finished"
    assert lines == events((runs / "mine-1" / "events.jsonl").read_text())

    [row] = events(tinygpt("runs", "--json").stdout)
    assert {key: row[key] for key in ("name", "state", "step", "steps")} == {
        "name": "mine-1",
        "state": "finished",
        "step": 6,
        "steps": 6,
    }
    assert row["loss"] == steps[-1]["loss"] and row["path"] == str(runs / "mine-1") and "pid" not in row

    again = tinygpt("attach", "mine-1", "--json")
    assert (again.returncode, events(again.stdout)) == (0, lines)

    written = (runs / "mine-1" / "events.jsonl").read_bytes(), (runs / "mine-1" / "config.toml").read_bytes()
    for further, why in (((), ""), (("--steps", "5"), ", and --steps 5 is not beyond it")):
        refused = tinygpt("resume", "mine-1", *further)
        words = f"mine-1 is finished at step 6{why}; --steps M goes on to a later step M"
        assert refused.returncode == 2 and words in refused.stderr and refused.stderr.count("\n") == 1
    assert written == ((runs / "mine-1" / "events.jsonl").read_bytes(), (runs / "mine-1" / "config.toml").read_bytes())

    resumed = tinygpt("resume", "mine-1", "--steps", "8", "--json")
    assert [line["step"] for line in events(resumed.stdout) if line["event"] == "step"] == [7, 8]

    sampled = tinygpt("sample", "mine-1", "--prompt", "the ", "--tokens", "20")
    assert sampled.returncode == 0 and sampled.stdout.startswith("the ")

    unanswered = subprocess.run([*COMMAND, "rm", "mine-1"], input=b"", capture_output=True, timeout=120, check=False)
    assert unanswered.returncode == 2
    assert unanswered.stderr.splitlines()[-1] == (
        b"tinygpt-tui: nobody answers, so nothing more is deleted; --yes deletes without asking"
    )
    assert len(list(runs.iterdir())) == 1
    assert tinygpt("rm", "mine-1", "--yes").returncode == 0
    assert list(runs.iterdir()) == []


def test_ctrl_c_stops_with_a_checkpoint_and_a_live_run_can_be_listed_and_sampled(text: Path, runs: Path) -> None:
    with subprocess.Popen(train(text, "--steps", "100000000", "--json"), stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout and process.stderr
        wait_for_step(process)
        [row] = events(tinygpt("runs", "--json").stdout)
        assert row["state"] == "running" and row["pid"] == worker_of(runs / "baseline-1")
        sampled = tinygpt("sample", "baseline-1", "--prompt", "cat", "--tokens", "8")
        assert sampled.returncode == 0 and sampled.stdout.startswith("cat"), sampled.stderr
        process.send_signal(signal.SIGINT)
        output, errors = rest_of(process)
    *_, checkpoint, end = events(output)
    assert checkpoint["event"] == "checkpoint" and end["reason"] == "stopped"
    assert checkpoint["step"] == end["step"]
    assert "Ctrl-C again" in errors and process.returncode == 0


def test_ctrl_c_twice_ends_a_worker_that_does_not_answer(text: Path, runs: Path) -> None:
    with subprocess.Popen(train(text, "--steps", "100000000", "--json"), stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout and process.stderr
        wait_for_step(process)
        os.kill(worker_of(runs / "baseline-1"), signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        while "Ctrl-C again" not in process.stderr.readline():
            continue
        process.send_signal(signal.SIGINT)
        output, errors = rest_of(process)
    assert events(output)[-1]["reason"] == "died"
    assert process.returncode == 1
    assert "SIGKILL" in errors and "tinygpt-tui resume baseline-1" in errors


def test_a_run_goes_on_when_nobody_follows_it_and_is_stopped_by_name(text: Path, runs: Path) -> None:
    with subprocess.Popen(train(text, "--steps", "100000000", "--json"), stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout and process.stderr
        wait_for_step(process)
        process.stdout.close()  # the reader of a pipe leaves
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == f"run {runs / 'baseline-1'}\n"
    assert worker_of(runs / "baseline-1")
    stopped = tinygpt("stop", "baseline-1")
    assert stopped.returncode == 0 and "baseline-1: stopped at step" in stopped.stdout


def wait_for_step(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    for line in process.stdout:
        if json.loads(line)["event"] == "step":
            return
    raise AssertionError("the run ended before its first step")


def rest_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it says until it ends; `communicate` would miss what was read along with the line that was waited for."""
    assert process.stdout and process.stderr
    return process.stdout.read(), process.stderr.read()


def worker_of(run: Path) -> int:
    worker = find_worker(run)
    assert worker is not None
    return worker.pid


def test_a_run_that_its_input_keeps_from_beginning_leaves_nothing_behind(runs: Path) -> None:
    result = tinygpt("train", "--data", "/nonexistent")
    assert result.returncode == 2
    assert result.stderr == "tinygpt-tui: /nonexistent: does not exist; set data.path to a file or a folder of text\n"
    assert list(runs.iterdir()) == []


def test_after_a_nan_the_hint_speaks_of_a_checkpoint_only_where_there_is_one(text: Path, runs: Path) -> None:
    broken = ("--steps", "60", "--set", "schedule.lr=1e6", "--set", "schedule.warmup_steps=0")
    arguments = train(text, *broken, "--set", "training.on_nan=stop", "--set", "instruments.evaluate_every=0")
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1, ended.stderr
    assert "resume baseline-1` begins again, for there is no checkpoint" in ended.stderr


def test_without_json_a_person_reads_lines(text: Path, runs: Path) -> None:
    result = subprocess.run(train(text, "--steps", "3"), capture_output=True, text=True, timeout=120, check=True)
    assert "parameters on cpu (fp32, 1 thread)" in result.stdout
    assert "finished at step 3, loss" in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "--steps", "0"), "--steps 0: training.steps = 0 must lie between"),
        (
            ("train", "--threads", "many"),
            "--threads many: training.threads = 'many' should be a whole number or 'auto'",
        ),
        (("train", "--set", "model.heads=3"), "--set model.heads=3: model.width = 64 cannot be shared"),
        (("train", "--set", "modle.heads=3"), "there is no section 'modle'"),
        (("train", "--set", "modle.heads=3"), "did you mean model.heads?"),
        (("train", "--set", "steps"), "--set steps: write section.key=value"),
        (("train", "lr-to-hih"), "did you mean 'lr-too-high'? `tinygpt-tui presets` lists them"),
        (("train", "nowhere.toml"), "nowhere.toml: cannot be read"),
        (("train", "--name", "../up"), "a run's name may have"),
        (("train", "--name", ""), "a run's name may have"),
        (("train", "--steps", "0"), "must lie between 1 and 1,000,000,000"),
        (("completion",), "Choose from: bash, zsh, fish"),
        (("train", "--bogus"), "No such option"),
        (("baseline",), "`tinygpt-tui train"),
        (("trian",), "there is no command 'trian'; did you mean train?"),
        (("dignose", "x.csv", "--fail-on", "nan"), "there is no command 'dignose'; did you mean diagnose?"),
        (("lr-to-hih", "--steps", "3"), "there is no preset 'lr-to-hih'; did you mean lr-too-high?"),
        (
            ("contrast", "a", "b"),
            "there is no command and no preset 'contrast'; `tinygpt-tui --help` lists the commands",
        ),
        (("lr-too-high", "--json"), "the screen has no --json; `tinygpt-tui train"),
        (("train", "--steps", "3", "--set", "training.steps=0"), "tinygpt-tui: --set training.steps=0: training.steps"),
        (("resume", "nothing"), "there is no run 'nothing'"),
        (("attach", "nothing"), "there is no run 'nothing'"),
        (("stop", "no\x1b[2Jthing"), "there is no run"),
        (("rm", "nothing", "--yes"), "there is no run"),
        (("completion", "tcsh"), "'tcsh' is not one of"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = complaint(capsys, *arguments)
    assert words in line and "\x1b" not in line


def test_an_empty_list_of_runs_says_what_to_do(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["runs"]) == 0
    assert capsys.readouterr().out == f"no runs in {runs} yet; `tinygpt-tui train` makes one\n"
    assert run_command(["runs", "--json"]) == 0
    assert capsys.readouterr().out == ""


def test_a_hostile_run_is_listed_without_its_escape_sequences(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "bad\x1b[2J").mkdir(parents=True)
    (runs / "bad\x1b[2J" / "config.toml").write_text(RunConfig(title="\x1b]0;owned\x07").to_toml())
    assert run_command(["runs"]) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["lr-too-high", "LR too high", "lr TOO high", " LR-Too-High "])
def test_a_preset_is_found_by_id_or_title(name: str) -> None:
    assert find_preset(name)[0] == "lr-too-high"


def test_a_file_is_a_preset_too(tmp_path: Path) -> None:
    path = tmp_path / "my run!.toml"
    path.write_text('title = "Mine"\n[training]\nsteps = 7\n')
    id, config = find_preset(str(path))
    assert (id, config.title, config.training.steps) == ("my-run", "Mine", 7)


def test_a_relative_path_counts_from_where_the_person_stands(tmp_path: Path) -> None:
    _, config = planned("baseline", overrides((), data="2024", steps="5"), tmp_path)
    assert config.data.path == str(tmp_path / "2024")
    assert config.training.steps == 5
    assert planned("baseline", {}, tmp_path)[1].data.path == "stdlib"


@pytest.mark.parametrize(
    ("message", "assignments", "option"),
    [
        ("training.steps = 0 must", (), "--steps 0: "),
        ("optimizer.clip = 0 must", ("optimizer.clip=0",), "--set optimizer.clip=0: "),
        ("training.steps = 0 must", ("training.steps=1", "training.steps=0"), "--set training.steps=0: "),
        ("nothing of ours", ("optimizer.clip=0",), ""),
    ],
)
def test_the_option_at_fault_is_named(message: str, assignments: tuple[str, ...], option: str) -> None:
    assert option_at_fault(message, assignments, steps="0", seed=None) == option


LOG = "step,loss\n" + "".join(f"{step},{3 - step / 100}\n" for step in range(100))


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("command", [("train",), ("attach",), ("resume",), ("sample",)])
def test_a_log_in_the_place_of_a_preset_or_a_run_leads_to_diagnose(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("overfit.csv").write_text(LOG)
    assert "; `tinygpt-tui diagnose overfit.csv` reads it" in complaint(capsys, *command, "overfit.csv")


@pytest.mark.usefixtures("runs")
def test_a_log_alone_is_watched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("overfit.csv").write_text(LOG)
    assert "--headless watches without one" in complaint(capsys, "overfit.csv")


def test_a_text_or_a_run_in_the_place_of_a_preset_leads_to_what_takes_it(
    runs: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"`tinygpt-tui train --data {text}` trains on its text" in complaint(capsys, str(text))
    assert f"`tinygpt-tui train --data {text.parent}` trains on" in complaint(capsys, "train", str(text.parent))
    create(runs, RunConfig(), "mine", datetime.now(UTC), numbered=False)
    assert "`tinygpt-tui attach mine` opens it" in complaint(capsys, "mine")


def test_only_near_names_are_offered_for_a_run(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create(runs, RunConfig(), "baseline", datetime.now(UTC))
    assert "did you mean baseline-1?" in complaint(capsys, "attach", "basline-1")
    far = complaint(capsys, "attach", "nosuch")
    assert "baseline" not in far and "`tinygpt-tui runs` lists those that there are" in far


def test_attach_takes_the_latest_run_of_a_name_without_a_number(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create(runs, RunConfig(title="Another"), "my", datetime.now(UTC))
    for _ in range(11):
        create(runs, RunConfig(), "my-run", datetime.now(UTC))
    run_command(["attach", "my-run", "--text"])
    assert "my-run-11 is the latest run of that name" in capsys.readouterr().err
    create(runs, RunConfig(), "my-run", datetime.now(UTC), numbered=False)
    run_command(["attach", "my-run", "--text"])
    assert "is the latest run" not in capsys.readouterr().err


def test_the_screen_does_not_call_itself_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["lr-too-high", "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("Usage: tinygpt-tui [OPTIONS] [PRESET|FILE.toml]\n") and "--name" in told


def test_the_screen_has_the_options_of_train_but_for_json() -> None:
    shown = {name: {each.name for each in command.commands[name].params} for name in ("screen", "train")}
    assert shown["train"] <= shown["screen"]
    assert [each.name for each in command.commands["screen"].params if getattr(each, "hidden", False)] == ["as_json"]


@pytest.mark.parametrize("width", [None, 80, 40])
def test_the_list_of_runs_fits_the_terminal(tmp_path: Path, width: int | None) -> None:
    long = create(tmp_path, RunConfig(), "loss-spike-from-a-bad-batch", datetime.now(UTC))
    bad = create(tmp_path, RunConfig(), "bad", datetime.now(UTC))
    (bad / "config.toml").write_text("[nonsense")
    table = run_table(list_runs(tmp_path), width)
    lines = table.splitlines()
    assert len(lines) == 3 and long.name in table and "bad-1" in table
    assert width is None or all(len(line) <= max(width, 64) for line in lines)
    assert ("title" in lines[0]) == (width is None)
    assert ("loss" in lines[0].split()) == (width != 40)


def test_a_group_without_a_subcommand_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["exercise"]) == 2
    assert "Commands:\n" in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_output_is_nobodys_trouble(runs: Path, closed: str) -> None:
    number = {"stdout": 1, "stderr": 2}[closed]
    asked = subprocess.run(
        ["sh", "-c", f'exec "$@" {number}>&-', "sh", *COMMAND, "runs"], capture_output=True, text=True
    )
    assert (asked.returncode, asked.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("asked", [["runs"], ["presets"], ["--help"], ["train"]])
def test_an_output_that_is_full_is_one_line_and_no_run_is_left_that_has_not_trained(
    runs: Path, asked: list[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        said = subprocess.run([*COMMAND, *asked], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (said.returncode, said.stderr) == (
        2,
        "tinygpt-tui: standard output cannot be written: No space left on device\n",
    )
    assert not runs.exists() or not list(runs.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_run_whose_output_is_full_trains_on_and_it_is_said_how_to_come_back(text: Path, runs: Path) -> None:
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(train(text, "--steps", "3", "--json"), stdout=full, stderr=subprocess.PIPE, text=True)
    assert said.returncode == 2
    assert said.stderr.splitlines()[-1].endswith(
        "No space left on device; the run goes on, and `tinygpt-tui attach baseline-1` comes back to it"
    )
    assert tinygpt("attach", "baseline-1", "--text").returncode == 0


def test_help_and_completion_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--help"]) == 0
    assert "Exit status" in capsys.readouterr().out
    assert run_command([]) == 0
    assert "Exit status" in capsys.readouterr().out
    assert run_command(["completion", "zsh"]) == 0
    assert "_TINYGPT_TUI_COMPLETE" in capsys.readouterr().out


def test_presets_and_runs_are_completed(runs: Path) -> None:
    (runs / "baseline-7").mkdir(parents=True)
    assert {"train", "lr-too-high"} <= completions("tinygpt-tui ", 1)
    assert completions("tinygpt-tui train lr", 2) >= {"lr-too-high"}
    assert completions("tinygpt-tui attach base", 2) == {"baseline-7"}


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("train lr-too-h", "train lr-too-high "),
        ("lr-too-h", "lr-too-high "),
        ("trai", "train "),
        ("rm baseline-7 base", "rm baseline-7 baseline-7 "),
        ("train --set schedule.warm", "train --set schedule.warmup_steps="),
        ("train --set schedule.kind=cos", "train --set schedule.kind=cosine "),
        ("train --set training.compile=fa", "train --set training.compile=false "),
        ("diagnose --fail-on nan,diver", "diagnose --fail-on nan,divergence "),
        ("diagnose --map val_l", "diagnose --map val_loss="),
        ("train text.t", "train text.txt "),
        ("diagnose text.t", "diagnose text.txt "),
    ],
)
def test_bash_completes(text: Path, runs: Path, typed: str, completed: str) -> None:
    (runs / "baseline-7").mkdir(parents=True)
    on_path(text.parent)
    ours, theirs = pty.openpty()
    environment = os.environ | {"PATH": f"{text.parent}:{os.environ['PATH']}", "TERM": "dumb", "INPUTRC": "/dev/null"}
    shell = ["bash", "--norc", "--noprofile", "-i"]
    with subprocess.Popen(shell, stdin=theirs, stdout=theirs, stderr=theirs, cwd=text.parent, env=environment):
        os.close(theirs)
        os.write(ours, b"""set +o history; eval "$(tinygpt-tui completion bash)"; PS1='g''o>'\n""")
        prompt = b""
        while b"go>" not in prompt:
            prompt += os.read(ours, 4096)
        os.write(ours, f"tinygpt-tui {typed}\t#end\x15exit\n".encode())
        output = read_all(ours)
    assert f"tinygpt-tui {completed}#end" in output, output


def on_path(folder: Path) -> None:
    """The command, as a shell finds it."""
    (folder / "tinygpt-tui").write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    (folder / "tinygpt-tui").chmod(0o700)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_completes_also_where_nothing_is_typed_yet(text: Path) -> None:
    # what its completion system calls, saying what it was given
    stubs = "compdef() {}; _path_files() { print files }; _describe() { print -l -- $completions_with_descriptions }"
    asked = f"""{stubs}; compadd() {{ print -l -- $completions }}; words=(tinygpt-tui ""); CURRENT=2
        eval "$(tinygpt-tui completion zsh)"; _tinygpt_tui_completion"""
    lines = asked_of(["zsh", "-fc", asked], text.parent)
    assert "files" in lines and "baseline" in lines
    assert "train:Train a preset or a TOML file, in text." in lines


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_shows_a_description_up_to_its_end(text: Path) -> None:
    asked = 'eval "$(tinygpt-tui completion fish)"; complete -C "tinygpt-tui trai"'
    lines = asked_of(["fish", "--no-config", "-c", asked], text.parent)
    assert lines == ["train\tTrain a preset or a TOML file, in text."]


def asked_of(shell: list[str], folder: Path) -> list[str]:
    on_path(folder)
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)}
    return subprocess.run(shell, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def completions(words: str, index: int) -> set[str]:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(index), "_TINYGPT_TUI_COMPLETE": "bash_complete"}
    result = subprocess.run(COMMAND, env=os.environ | asked, capture_output=True, text=True, check=False)
    return {line.partition(",")[2] for line in result.stdout.splitlines()}


def test_on_a_terminal_progress_is_one_line_that_is_redrawn(text: Path, runs: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(train(text, "--steps", "30"), stdout=theirs) as process:
        os.close(theirs)
        output = read_all(ours)
    assert process.returncode == 0
    assert "\r\x1b[Kstep" in output and output.rstrip().splitlines()[-1].endswith("[K")
    assert "finished at step 30" in output


def test_a_screen_that_is_told_to_terminate_restores_the_terminal(runs: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        COMMAND, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"}
    ) as process:
        os.close(theirs)
        begun = b""
        while b"tinygpt-tui" not in begun or b"\x1b[?1049h" not in begun:
            begun += os.read(ours, 4096)
        process.send_signal(signal.SIGTERM)
        rest = read_all(ours)
    assert process.returncode == 128 + signal.SIGTERM
    assert "\x1b[?1049l" in rest and "\x1b[?1000l" in rest and "\x1b[?25h" in rest


def read_all(terminal: int) -> str:
    """Until the other side is closed, which a terminal tells by an error."""
    parts = []
    try:
        while part := os.read(terminal, 4096):
            parts.append(part)
    except OSError:
        pass
    finally:
        os.close(terminal)
    return b"".join(parts).decode()


def test_started_tells_scripts_which_process_trains(text: Path, runs: Path) -> None:
    output = subprocess.run(train(text, "--steps", "1", "--json"), capture_output=True, check=True).stdout
    first = next(event for line in output.splitlines() if (event := decode_event(line)).seq == 0)
    assert isinstance(first, RunStarted) and first.pid > 0


@pytest.mark.parametrize("given", [None, "30"])
def test_a_key_waits_a_120th_of_a_second_for_its_frame_unless_somebody_wants_fewer(given: str | None) -> None:
    ask = "import atexit; atexit.register(lambda: print(__import__('textual.constants').constants.MAX_FPS)); "
    environment = {name: value for name, value in os.environ.items() if name != "TEXTUAL_FPS"}
    done = subprocess.run(
        [sys.executable, "-c", ask + COMMAND[2], "--version"],
        env=environment | ({"TEXTUAL_FPS": given} if given else {}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == (given or "120")
