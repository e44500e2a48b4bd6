"""The line that shows how far a command is, and what Ctrl-C leaves of its work."""

import math
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tinygpt_tui.tui.cli import progress_line
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.cli.progress_line import share_words

ROWS = 12_000


@pytest.mark.parametrize(
    ("share", "rows", "words"),
    [(0.25, 10, "25%, 0:30 left"), (0.0, 0, "0%, …"), (None, 31_000, "31,000 rows"), (1.0, 31_000, "31,000 rows")],
)
def test_the_time_left_is_shown_where_the_end_is_known(share: float | None, rows: int, words: str) -> None:
    assert share_words(share, rows, 10.0) == words


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So long that it is read in several pieces."""
    path = tmp_path_factory.mktemp("logs") / "long.csv"
    rows = (f"{step},{2 + math.exp(-step / 4000) + 0.01 * (step % 7):.24f}" for step in range(ROWS))
    path.write_text("step,loss\n" + "\n".join(rows) + "\n")
    return path


Shown = Callable[[str], list[str]]


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Ctrl-C is pressed once the line of progress matches a pattern; gives the lines."""
    lines: list[str] = []
    pressed: list[str] = []

    def at(pattern: str) -> list[str]:
        def show(words: str) -> None:
            lines.append(words)
            if not pressed and re.search(pattern, words):
                pressed.append(words)
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(progress_line, "_TOLD_EVERY_S", 0.0)
        monkeypatch.setattr(progress_line, "show_progress", show)
        return lines

    return at


@pytest.mark.parametrize("command", ["diagnose", "plot"])
def test_after_ctrl_c_what_was_read_by_then_is_shown(
    command: str, log: Path, interrupted: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(r"diagnosing .*: [3-9]\d%, \d+:\d\d left")
    assert run_command([command, str(log)]) == 130
    told = capsys.readouterr()
    (words,) = told.err.splitlines()
    share = re.fullmatch(r"tinygpt-tui: interrupted while diagnosing .*, after ([\d,]+) rows, (\d+)% of it", words)
    assert share and 0 < int(share[1].replace(",", "")) < ROWS and int(share[2]) < 100
    assert "loss" in told.out and len(told.out.splitlines()) > 5
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("at", "suffix"), [("diagnosing", "csv"), ("reading", "csv"), ("writing", "csv"), ("writing", "tfevents")]
)
def test_after_ctrl_c_a_file_is_as_it_was(
    at: str, suffix: str, log: Path, tmp_path: Path, interrupted: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / f"out.{suffix}"
    target.write_text("earlier")
    interrupted(rf"^{at} .*: \d+%")
    assert run_command(["export", str(log), "--to", str(target), "--force"]) == 130
    assert capsys.readouterr().err == f"tinygpt-tui: interrupted; {target} was not written\n"
    assert [*tmp_path.iterdir()] == [target] and target.read_text() == "earlier"


def test_all_parts_of_the_work_of_a_comparison_are_shown(
    log: Path, interrupted: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, other = interrupted("never"), log.with_name("other.csv")
    other.write_bytes(log.read_bytes())
    assert run_command(["compare", str(log), str(other), "--text"]) == 0
    assert "other" in capsys.readouterr().out
    for words in (f"looking for runs in {re.escape(str(log))}", "reading"):
        assert any(re.fullmatch(rf"{words}: \d+%, \d+:\d\d left", line) for line in lines)
    assert lines[-1] == "", "nothing is left of it"
