"""Logs that are odd or hostile, on the screen and in commands: nothing breaks, and one line says what is wrong."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tinygpt_tui.engine.arrivals import LogRead, Noticed, StartedOver
from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.following.log_run import LogRun
from tinygpt_tui.engine.following.shown_run import ShownRun
from tinygpt_tui.engine.readers.source import ReadError
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.navigation import LogFolder
from tinygpt_tui.tui.view.run_view import RunView
from tinygpt_tui.tui.watch.log_list_screen import LogListScreen

from .screen_text import shown as screen_shown
from .test_run_screen import until
from .test_terminal_safety import HOSTILE, require_harmless

ROWS = 40
NAME = f"m{HOSTILE.replace(chr(13), '')}[red]x"


def table(rows: int = ROWS, first: int = 0, name: str = NAME) -> str:
    head = f"step,loss,{name}\n" if first == 0 else ""
    return head + "".join(f"{step},{4 - step / 100},{step}\n" for step in range(first, first + rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two logs with hostile names, columns and settings."""
    for name in ("a", "b"):
        place = tmp_path / f"{name}{HOSTILE}[bold]"
        place.mkdir()
        (place / "log.csv").write_text(table())
        (place / "args.json").write_text(
            f'{{"{name}[red]\\u001b]52;c;": "{name}[/]\\u009b31m", "lr": "{name}\\u202e"}}'
        )
        os.utime(place / "log.csv", (1e9, 1e9))
    return tmp_path


@pytest.mark.parametrize("words", ["compare LOGS", "plot LOGS", "diagnose LOGS", "export LOGS --to OUT", "watch LOG"])
def test_no_escape_sequence_of_a_log_reaches_the_terminal(
    folder: Path, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = sorted(map(str, folder.glob("*/log.csv")))
    given: dict[str, list[str]] = {"LOGS": logs, "LOG": [logs[0], "--headless", "--until-end"]}
    outs = [".md", ".html", ".svg", ".tfevents", ".nope"] if "OUT" in words else [""]
    for suffix in outs:
        given["OUT"] = [str(folder / f"o{HOSTILE}{suffix}")]
        run_command([argument for word in words.split() for argument in given.get(word, [word])])
        out, err = capsys.readouterr()
        require_harmless(out + err)
        assert out + err or words == "watch LOG"


async def test_hostile_names_are_listed_as_they_are(folder: Path) -> None:
    app = TinyGPTApp(folder / "runs", settings_file=folder / "s.toml", destination=LogFolder(folder))
    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LogListScreen) and len(app.screen.shown) == 2)
        await until(pilot, lambda: "[bold]" in screen_shown(app))
        require_harmless(screen_shown(app))


def looks(shown: ShownRun, times: int = 3) -> tuple[RunView, list[str]]:
    """What a screen has after some looks, and what was noticed; a ReadError ends it, as it does on the screen."""
    view, words = RunView.of(RunConfig()), []
    try:
        for _ in range(times):
            for batch in shown.look():
                view = view.after_all(batch)
                words += [each.words for each in batch if isinstance(each, Noticed)]
                words += [each.why for each in batch if isinstance(each, StartedOver) and each.why]
            while shown.has_backlog:
                shown.diagnose_some()
    except ReadError as error:
        words.append(str(error))
    return view, words


def shrink(path: Path) -> None:
    path.write_text(table(10))


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (shrink, "was truncated; it is read from its beginning"),
        (Path.unlink, "is gone; waiting for it to come back"),
        (become_folder, "was replaced by something that is no file"),
        (become_pipe, "was replaced by something that is no file"),
        (become_device, "was replaced by something that is no file"),
    ],
)
def test_what_becomes_of_a_followed_file_is_told_in_one_line(
    tmp_path: Path, change: Callable[[Path], None], expected: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table())
    shown = ShownRun("a.csv", path)
    looks(shown, 1)
    change(path)
    _, words = looks(shown)
    shown.close()
    assert words == [f"a.csv {expected}"] or words == [f"a.csv: {expected}"]


async def test_a_file_that_became_a_folder_is_shown_as_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table())
    run = LogRun("a.csv", path)
    await run.begin()
    become_folder(path)
    reads: list[LogRead] = []
    async for batch in run.batches():
        reads += [each for each in batch if isinstance(each, LogRead)]
        if any(isinstance(each, Noticed) and "not followed any more" in each.words for each in batch):
            break
    await run.close()
    assert [each.is_over for each in (reads[0], reads[-1])] == [False, True]
    assert "replaced by something that is no file" in reads[-1].waiting, (
        "it stays on the screen when the notice is gone"
    )


@pytest.mark.parametrize("command", ["compare", "plot", "diagnose", "export", "watch"])
def test_a_log_without_permission_is_refused_in_one_line(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Injected, because tests may run as root, who is refused nothing."""
    closed, other, true_open = tmp_path / "closed.csv", tmp_path / "open.csv", os.open
    for path in (closed, other):
        path.write_text(table())

    def refused(path: object, *arguments: int, **named: int) -> int:
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return true_open(path, *arguments, **named)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(os, "open", refused)
    further = {"compare": [str(other)], "export": ["--to", str(tmp_path / "x.csv")], "watch": ["--headless"]}
    assert run_command([command, str(closed), *further.get(command, [])]) == 2
    err = capsys.readouterr().err.strip()
    assert "cannot be opened: Permission denied" in err.splitlines()[-1] and "Traceback" not in err


@pytest.mark.parametrize("letter", [",", "\x1b"])
def test_a_line_of_ten_megabytes_costs_seconds_at_most(tmp_path: Path, letter: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{table()}{letter * 10_000_000}\n{table(5, first=ROWS)}")
    os.utime(path, (1e9, 1e9))
    shown, began = ShownRun("a.csv", path), time.process_time()
    view, _ = looks(shown)
    shown.close()
    assert view.step == ROWS + 4 and time.process_time() - began < 8


def test_a_log_from_the_future_ends_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table())
    ahead = time.time() + 1e6
    os.utime(path, (ahead, ahead))
    monkeypatch.setattr("tinygpt_tui.tui.cli.headless.OVER_S", 0.0)
    assert run_command(["watch", str(path), "--headless", "--until-end"]) == 0


def test_two_writers_in_one_file_break_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("step,loss\n")
    shown = ShownRun("a.csv", path)
    for step in range(0, ROWS, 4):
        with path.open("a") as file:
            file.writelines(f"{place},{loss - place / 100}\n" for place in range(step, step + 4) for loss in (4, 9))
        view, words = looks(shown, 1)
        assert len(set(words)) <= 1 and all("resumed" in word or "another run" in word for word in words)
        assert (view.curves["step"][1:] > view.curves["step"][:-1]).all()
    shown.close()
    shutil.rmtree(tmp_path)
