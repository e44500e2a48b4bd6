"""`tinygpt-tui diagnose`, as a person or a script uses it: what it prints, how it exits, and what it survives."""

import io
import json
import math
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import Evaluated, StepFinished
from tinygpt_tui.engine.readers.log import open_log
from tinygpt_tui.engine.readers.source import ReadError
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.tui.cli.diagnose import diagnose_log
from tinygpt_tui.tui.cli.diagnosis_text import DiagnosisPage, json_line
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.cli.piped_log import passable
from tinygpt_tui.tui.plots.sketch import Sketch

COMMAND = [sys.executable, "-c", "from tinygpt_tui.tui.cli.main import main; main()", "diagnose"]


def healthy(steps: int = 400) -> list[float]:
    noise = random.Random(1)
    return [2.0 + 3.0 * math.exp(-step / 80) + noise.gauss(0, 0.03) for step in range(steps)]


def broken(steps: int = 400) -> list[float]:
    return [loss if step < 300 else math.nan for step, loss in enumerate(healthy(steps))]


def table(losses: list[float], name: str = "loss") -> str:
    return f"step,{name},lr\n" + "".join(f"{step},{loss},0.001\n" for step, loss in enumerate(losses, 1))


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., str]:
    def written(text: str | bytes, name: str = "run.csv") -> str:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return written


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def test_a_person_is_told_the_verdict_the_reason_the_remedy_and_the_evidence(
    log: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["diagnose", log(table(broken())), log(table(healthy()), "fine.csv")]) == 0
    told, fine = capsys.readouterr().out.split("fine.csv")
    assert "run.csv\n  read  loss, lr, step, as CSV" in told
    assert "failing (400 rows, steps 1 to 400)" in told
    assert "since step 301" in told
    assert all(f"\n  {label} " in told for label in ("Seen", "Why", "Next"))
    assert "  blind to overfitting" in told
    assert "no alarm (400 rows, steps 1 to 400)" in fine and "●" not in fine
    assert any("⠉" <= letter <= "⣿" for letter in fine)


def test_what_a_terminal_cannot_write_is_not_written(
    log: Callable[..., str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert run_command(["diagnose", "--ascii", log(table(broken()))]) == 0
    out = capsys.readouterr().out
    assert out.isascii() and "\x1b" not in out and "*" in out


def test_a_script_gets_one_object_a_log(log: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    paths = [log(table(broken())), log(table(healthy()), "fine.csv")]
    assert run_command(["diagnose", "--json", *paths]) == 0
    first, second = objects(capsys.readouterr().out)
    assert [first["file"], second["file"]] == paths
    assert first["format"] == "CSV" and first["rows"] == 400 and "runs" not in first
    assert first["columns"] == {"loss": "loss", "lr": "lr", "step": "step"}
    assert set(first["signals"]) == {"loss", "lr"} and any("val_loss" in reason for reason in first["blind"])
    [finding] = [finding for finding in first["findings"] if finding["kind"] == "nan"]
    assert finding.keys() == {
        "kind", "severity", "onset", "detected", "closed", "title", "evidence", "causes", "fixes", "confidence",
    }  # fmt: skip
    assert (finding["severity"], finding["onset"], finding["closed"]) == ("failure", 301, None)
    assert all(fix.keys() == {"title", "set"} for fix in finding["fixes"])
    assert [finding for finding in second["findings"] if finding["severity"] != "info"] == []


def test_every_run_of_a_log_is_diagnosed_by_itself(log: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(
        f"step {step}: loss {loss}" for losses in (healthy(), broken()) for step, loss in enumerate(losses)
    )
    path = log(text, "train.log")
    assert run_command(["diagnose", "--json", path]) == 0
    [found] = objects(capsys.readouterr().out)
    assert found["runs"] == ["1", "2"] and found["rows"] == 800
    assert {finding["run"] for finding in found["findings"] if finding["severity"] != "info"} == {"2"}
    assert run_command(["diagnose", path]) == 0
    out = capsys.readouterr().out
    assert "run 1: no alarm" in out and "run 2: failing" in out


def test_scripts_can_fail_on_what_they_choose(log: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    bad, fine = log(table(broken())), log(table(healthy()), "fine.csv")
    assert run_command(["diagnose", fine, bad, "--fail-on", "divergence,nan"]) == 1
    assert run_command(["diagnose", fine, bad, "--fail-on", "overfitting"]) == 0
    assert run_command(["diagnose", fine, "--fail-on", "nan"]) == 0
    assert run_command(["diagnose", bad, "--fail-on", "warning"]) == 1
    capsys.readouterr()
    assert run_command(["diagnose", bad, "--fail-on", "nan,gremlins"]) == 2
    assert "--fail-on gremlins: there is no such finding; there are nan, " in capsys.readouterr().err


def test_a_log_that_cannot_be_read_does_not_keep_others_from_it(
    log: Callable[..., str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = str(tmp_path / "none.csv")
    paths = [missing, log(b"", "empty.csv"), log(table(healthy()))]
    assert run_command(["diagnose", "--json", "--fail-on", "nan", *paths]) == 2
    output = capsys.readouterr()
    assert [found["file"] for found in objects(output.out)] == [paths[2]]
    assert output.err.splitlines() == [
        f"tinygpt-tui: {missing}: cannot be opened: No such file or directory",
        f"tinygpt-tui: {paths[1]}: is empty; has the run logged anything yet?",
    ]


def test_a_column_can_be_named(log: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    path = log(table(healthy(), "joy").replace("step,", "tick,", 1))
    assert run_command(["diagnose", path]) == 2
    assert "--map loss=NAME from tick, joy, lr" in capsys.readouterr().err
    assert run_command(["diagnose", "--json", "--map", "loss=joy", "--map", "step=tick", path]) == 0
    assert objects(capsys.readouterr().out)[0]["columns"] == {"loss": "joy", "lr": "lr", "step": "tick"}
    assert run_command(["diagnose", "--map", "joy", path]) == 2
    assert "--map joy: write NAME=COLUMN, where NAME is one of loss, val_loss" in capsys.readouterr().err


def test_standard_input_is_read_and_nothing_in_it_can_control_the_terminal() -> None:
    text = table(healthy()).replace("lr", "\x1b[2Jlr\u202e", 1)
    told = subprocess.run([*COMMAND, "-"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    assert "\x1b" not in told.stdout and "\u202e" not in told.stdout and "␛[2Jlr" in told.stdout


@contextmanager
def piped(*options: str) -> Iterator[subprocess.Popen[str]]:
    """The command with a pipe that nothing has been written to yet."""
    with subprocess.Popen([*COMMAND, "-", *options], stdin=-1, stdout=-1, stderr=-1, text=True, bufsize=1) as process:
        yield process
        process.kill()


def test_what_comes_through_a_pipe_is_passed_on_and_a_failure_is_told_before_the_end() -> None:
    with piped() as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("step,loss\n1,2.5\n")
        assert [process.stdout.readline() for _ in range(2)] == ["step,loss\n", "1,2.5\n"]
        process.stdin.write("2,nan\n3,nan\n")
        assert "failure: " in (alert := process.stderr.readline()) and "since step 2, known at step 2" in alert
        process.stdin.write("4,nan\n5,n")
        process.stdin.close()
        rest = process.stdout.read()
        assert rest.startswith("2,nan\n3,nan\n4,nan\n5,n\n-\n") and "failing (4 rows, steps 1 to 4)" in rest
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_ctrl_c_ends_the_reading_and_what_came_is_diagnosed() -> None:
    with piped("--fail-on", "nan", "--quiet") as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(table(broken()))
        process.stderr.readline()  # so it has been read
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert rest.startswith("-\n") and "failing (400 rows, steps 1 to 400)" in rest
        assert process.wait(timeout=60) == 1


def test_with_json_only_the_diagnosis_is_on_standard_output() -> None:
    text = table(healthy())
    told = subprocess.run([*COMMAND, "-", "--json"], input=text, capture_output=True, text=True, timeout=60, check=True)
    assert objects(told.stdout)[0]["rows"] == 400
    assert told.stderr == text
    quiet = subprocess.run([*COMMAND, "-", "--json", "--quiet"], input=text, capture_output=True, text=True, timeout=60)
    assert (quiet.stdout, quiet.stderr) == (told.stdout, "")


def test_colours_are_not_passed_on_and_progress_bars_return_to_their_line() -> None:
    assert passable("\x1b[1;32mok\x1b[0m 3/9\r4/9\x1b[2J\n") == "ok 3/9\r4/9␛[2J\n"


def test_our_own_runs_are_diagnosed_by_name_and_by_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = create(tmp_path, RunConfig().with_values({"training.steps": "400"}), "mine", datetime.now(UTC))
    events = EventLog(run)
    for step, loss in enumerate(broken(), 1):
        events.append(
            StepFinished(step=step, loss=loss, lr=1e-3, tokens=step, tokens_per_s=1.0, grad_norm=1.0, clipped=False)
        )
        if step % 50 == 0:
            events.append(Evaluated(step=step, val_loss=loss, perplexity=math.exp(loss)))
    events.close()
    assert run_command(["diagnose", "--json", "--runs", str(tmp_path), run.name, str(run)]) == 0
    first, second = objects(capsys.readouterr().out)
    assert first["findings"] == second["findings"] and first["format"] == "run folder"
    assert first["rows"] == 408 and {"loss", "val_loss", "grad_norm"} <= set(first["signals"])
    assert "nan" in [finding["kind"] for finding in first["findings"]]
    assert run_command(["diagnose", "--runs", str(tmp_path), "mine-2"]) == 2
    assert "mine-2: there is no such file; there is no run 'mine-2'" in capsys.readouterr().err


LOGS = {
    "csv": table(healthy(120)),
    "jsonl": "".join(json.dumps({"step": step, "loss": loss}) + "\n" for step, loss in enumerate(broken(320))),
    "document": json.dumps({"log_history": [{"step": s, "loss": x} for s, x in enumerate(healthy(60))]}, indent=1),
    "parts": "epoch,train/a_loss,train/b_loss,train/c_loss,val/a_loss,val/b_loss,val/c_loss,grad_norm\n"
    + "".join(f"{e},{x},{x},{x},{x},{x},{x},1\n" for e, x in enumerate(healthy(40))),
    "golden": json.dumps({"lm loss": {"values": {str(s): x for s, x in enumerate(healthy(60))} | {"99": "nan"}}}),
    "text": "".join(f"step:{s}/500 train_loss:{x:.4f} lr:1e-3 grad norm: 1.5\n" for s, x in enumerate(healthy(120))),
    "bars": "".join(
        f"Epoch {epoch}/9\n1/9 [>..] - loss: 9\r9/9 [==] - loss: {loss} - val_loss: {loss}\n"
        for epoch, loss in enumerate(healthy(9))
    ),
}  # fmt: skip
SNIPPETS = [
    b"nan", b"Infinity", b"-1e999", b"9" * 5000, b"1,000", b"\x00" * 40, b"\x1b[31m", b"\r", b"\n\n", b'"', b"{" * 3000,
    b"[" * 100_000, b"loss", b"step", b"\xff\xfe", b"\xef\xbb\xbf", b":", b",,,,", b"-", b"1e300", b"val_loss",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid log, cut, flipped, spliced with another or with something nasty, a few times over."""
    data = draw(st.sampled_from([*LOGS.values()])).encode()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(start + 2000, len(data))))
        other = draw(st.sampled_from([*LOGS.values()])).encode()
        piece = draw(st.one_of(st.sampled_from([b"", *SNIPPETS]), st.binary(max_size=40), st.just(other[start:end])))
        data = data[:start] + piece + draw(st.sampled_from([data[end:], data[start:], b""]))
    return data


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=damaged())
def test_a_damaged_log_gives_an_answer_or_one_line(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(data)
    try:
        found = diagnose_log(str(path), tmp_path, {})
    except ReadError as refused:
        assert str(refused).startswith(str(path)) and "\n" not in str(refused)
        return
    json.loads(json_line(found), parse_constant=refuse)
    assert DiagnosisPage(width=80, is_ascii=False)(found).strip()
    with closing(open_log("again", io.BytesIO(data))) as log:
        assert all(row.step >= 0 and row.values for _, row in log.rows())


@given(st.lists(st.floats(), min_size=1, max_size=3000), st.integers(2, 8))
def test_a_sketch_keeps_the_extremes_of_a_curve_of_any_length(values: list[float], most: int) -> None:
    sketch = Sketch(most=most)
    for step, value in enumerate(values):
        sketch.add(step, value)
    steps, points = sketch.points()
    kept = [value for value in points if not math.isnan(value)]
    known = [value for value in values if not math.isnan(value)]
    assert len(points) == len(steps) <= 4 * most + 2 and steps == sorted(steps)
    assert (min(kept, default=None), max(kept, default=None)) == (min(known, default=None), max(known, default=None))


def test_annotations_and_a_summary_for_a_workflow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, summary = tmp_path / "a|b.csv", tmp_path / "summary.md"
    log.write_text("step,loss\n1,2.0\n2,1.9\n3,nan\n4,nan\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert run_command(["diagnose", str(log), "--format", "github", "--fail-on", "nan"]) == 1
    out = capsys.readouterr().out.strip()
    assert out.startswith("::error title=") and "\n" not in out and "%0AWhy%3A" not in out and "%0AWhy" in out
    assert "a\\|b.csv" in summary.read_text() and "| finding |" in summary.read_text()
