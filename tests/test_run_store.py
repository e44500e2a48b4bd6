"""Runs are created, listed, found and removed by name; strange folders are described, not followed."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.config import ConfigError, RunConfig
from tinygpt_tui.engine.events import (
    AnyEvent,
    CheckpointSaved,
    Evaluated,
    FindingOpened,
    RunDescribed,
    RunEnded,
    RunPaused,
    RunResumed,
    StepFinished,
    encode,
)
from tinygpt_tui.engine.readers.log import open_log
from tinygpt_tui.engine.readers.source import ReadError
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.run_folder import (
    CONFIG,
    EVENTS,
    StoreError,
    claimed,
    find_worker,
    hold_watched,
    is_watched,
    kill_worker,
    socket_path,
)
from tinygpt_tui.engine.storage.run_store import (
    config_keeper,
    create,
    create_described,
    default_runs_folder,
    find_run,
    read_config,
    remove,
    write_config,
)
from tinygpt_tui.engine.storage.run_summary import RunSummary, list_runs
from tinygpt_tui.tui.cli.run_table import run_table

from .scripted_loop import ScriptedLoop, new_run

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def write(run: Path, *events: AnyEvent) -> None:
    log = EventLog(run)
    for event in events:
        log.append(event)
    log.close()


def step(number: int) -> StepFinished:
    return StepFinished(
        step=number, loss=1 / number, lr=0.1, tokens=number, tokens_per_s=1.0, grad_norm=1.0, clipped=False
    )


def finding(number: int) -> FindingOpened:
    return FindingOpened(id=0, step=number, onset=number, kind="spike", severity="warning", evidence="7 sigma")


def only(runs: Path) -> RunSummary:
    [summary] = list_runs(runs)
    return summary


def test_a_new_run_is_complete_private_and_remembers_when_it_was_created(tmp_path: Path) -> None:
    config = RunConfig(title="LR too high")

    run = create(tmp_path / "runs", config, None, NOW)

    assert run.name == "lr-too-high-1"
    assert read_config(run) == config
    assert only(tmp_path / "runs").created == NOW
    assert [stat.S_IMODE(path.stat().st_mode) for path in (run, run / CONFIG)] == [0o700, 0o600]


def test_runs_of_one_name_are_numbered_and_a_number_is_not_given_to_a_newer_run(tmp_path: Path) -> None:
    runs = [create(tmp_path, RunConfig(), "copy", NOW) for _ in range(3)]
    remove(runs[0])

    assert [run.name for run in runs] == ["copy-1", "copy-2", "copy-3"]
    assert create(tmp_path, RunConfig(), "copy", NOW).name == "copy-4"


def test_an_attached_loop_is_as_old_as_its_first_event_though_files_come_and_go_later(tmp_path: Path) -> None:
    run = create_described(tmp_path, "loop")
    began = NOW.timestamp()
    event = RunDescribed(title="loop", kind="loop", commands=[], changes=[], seq=0, time=began)
    (run / EVENTS).write_bytes(encode(event) + b"\n")

    os.utime(run, (began + 3600, began + 3600))

    assert only(tmp_path).created == NOW


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "with space", "x" * 65, "\x1b[31m", "ü"])
def test_a_name_that_is_no_plain_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError) as refused:
        create(tmp_path, RunConfig(), name, NOW)
    assert str(refused.value).isprintable()
    assert not list(tmp_path.iterdir())


@given(title=st.text())
def test_every_title_gives_a_plain_folder_name(title: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    runs = tmp_path_factory.mktemp("runs")

    run = create(runs, RunConfig(title=title), None, NOW)

    assert run.parent == runs
    assert find_run(runs, run.name) == run


def test_a_replaced_configuration_keeps_the_date_and_leaves_nothing_else(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=10)
    changed = replace(read_config(run), title="Another")

    write_config(run, changed)

    assert read_config(run) == changed
    assert only(tmp_path).created == NOW
    assert [path.name for path in run.iterdir()] == [CONFIG]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], "interrupted"),
        ([step(1)], "interrupted"),
        ([step(1), RunPaused(step=1, reason="as asked")], "interrupted"),
        ([step(1), RunEnded(step=1, reason="finished")], "finished"),
        ([step(1), RunEnded(step=1, reason="stopped")], "stopped"),
        ([step(1), RunEnded(step=1, reason="nan")], "failed"),
        ([RunEnded(step=1, reason="stopped"), ScriptedLoop(9).started(), step(1)], "interrupted"),
    ],
)
def test_a_run_without_a_worker_is_in_the_state_its_events_left_it_in(
    tmp_path: Path, events: list[AnyEvent], state: str
) -> None:
    write(new_run(tmp_path, steps=10), *events)

    assert only(tmp_path).state == state
    assert only(tmp_path).pid is None


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], "starting"),
        ([step(1), RunEnded(step=1, reason="stopped")], "starting"),
        ([ScriptedLoop(9).started(), step(1)], "running"),
        ([step(1), RunPaused(step=1, reason="as asked"), CheckpointSaved(step=1, name="a", reason="asked")], "paused"),
        ([step(1), RunPaused(step=1, reason="as asked"), RunResumed(step=1)], "running"),
    ],
)
def test_a_run_with_a_worker_says_what_it_does(tmp_path: Path, events: list[AnyEvent], state: str) -> None:
    run = new_run(tmp_path, steps=10)
    write(run, *events)

    with claimed(run):
        assert (only(tmp_path).state, only(tmp_path).pid) == (state, os.getpid())


def test_a_row_of_the_list_tells_the_latest_numbers(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=10, title="A title")
    write(run, step(1), finding(1), Evaluated(step=1, val_loss=3.0, perplexity=20.0), step(2), finding(2))

    row = only(tmp_path)

    assert (row.title, row.step, row.steps, row.loss, row.val_loss, row.findings) == ("A title", 2, 10, 0.5, 3.0, 2)
    assert row.bytes == sum(path.stat().st_size for path in run.iterdir())


def test_what_a_resumed_run_took_back_is_not_in_the_list(tmp_path: Path) -> None:
    restarted = ScriptedLoop(9)
    restarted.step = 2
    write(new_run(tmp_path, steps=9), step(1), step(2), finding(2), step(3), finding(3), restarted.started())

    assert (only(tmp_path).step, only(tmp_path).loss, only(tmp_path).findings) == (2, 0.5, 1)


def test_the_newest_run_comes_first(tmp_path: Path) -> None:
    for day in (2, 3, 1):
        create(tmp_path, RunConfig(), f"day{day}", NOW.replace(day=day))

    assert [run.name for run in list_runs(tmp_path)] == ["day3-1", "day2-1", "day1-1"]


def test_folders_that_are_no_runs_and_links_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "runs" / "file").touch()
    (tmp_path / "runs" / "link").symlink_to(new_run(tmp_path, steps=1))

    assert list_runs(tmp_path / "runs") == list_runs(tmp_path / "none") == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda run: (run / CONFIG).rename(run / EVENTS),
        lambda run: (run / CONFIG).write_bytes(b"\xff\xfe"),
        lambda run: (run / CONFIG).write_text("[model]\nwidth = 1e999\n"),
        lambda run: (run / CONFIG).write_text("[model]\nlayers = 99999999999999999999999\n"),
        lambda run: (run / CONFIG).write_text("a = " + "[" * 100_000),
        lambda run: (run / CONFIG).write_text("title = '" + "x" * (1 << 21) + "'"),
        lambda run: ((run / CONFIG).unlink(), (run / CONFIG).symlink_to("/etc/passwd")),
        lambda run: ((run / CONFIG).unlink(), os.mkfifo(run / CONFIG)),
        lambda run: (run / EVENTS).mkdir(),
        lambda run: (run / EVENTS).symlink_to("/etc/passwd"),
        lambda run: (run / "lock").symlink_to("/etc/passwd"),
    ],
)
def test_a_damaged_run_is_listed_with_one_line_that_says_why(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    run = new_run(tmp_path, steps=1)
    damage(run)

    assert only(tmp_path).state == "damaged"
    assert only(tmp_path).why.isprintable()
    assert str(run) in only(tmp_path).why


def test_other_peoples_runs_are_listed_found_and_refused_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path, steps=1)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # the folders above may be closed to others
    closed, name = Path(run.name), run.name
    run.chmod(0)
    with somebody_else():
        assert only(Path()).state == "damaged" and "ask its owner" in only(Path()).why
        with pytest.raises(StoreError, match=f"{name}/{CONFIG}: cannot be opened: Permission denied; ask its owner"):
            read_config(find_run(Path(), name))
        with pytest.raises(ReadError, match="ask its owner"):
            list(open_log(name, closed, {}).rows())
    run.chmod(0o555)
    with somebody_else(), pytest.raises(StoreError, match="cannot be written: Permission denied; copy the run"):
        write_config(closed, RunConfig())
    with somebody_else(), pytest.raises(StoreError, match="cannot be removed: Permission denied; ask its owner"):
        remove(closed)


@contextmanager
def somebody_else() -> Iterator[None]:
    """Whoever runs the tests, even root, may for a moment do no more than others."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_hostile_events_neither_hide_nor_break_a_run(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)
    (run / EVENTS).write_bytes(b'\xff\n{"event":"step","step":1e400}\n{"event":"rm -rf"}\n[[[\n"\\u001b"\n')

    assert (only(tmp_path).state, only(tmp_path).step) == ("damaged", 0)
    assert "nothing at its end can be read" in only(tmp_path).why


def test_a_run_is_found_by_its_name_or_by_a_path_with_a_slash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path / "runs", steps=1)
    monkeypatch.chdir(tmp_path / "runs")

    assert find_run(tmp_path / "runs", "scripted-1") == run
    assert find_run(tmp_path / "elsewhere", str(run)) == run
    assert find_run(tmp_path / "elsewhere", "./scripted-1") == run
    with pytest.raises(StoreError):
        find_run(tmp_path / "elsewhere", "scripted-1")


@pytest.mark.parametrize("name", ["..", ".", "", "\x1b]0;x\x07", "../outside", "/etc", "link"])
def test_what_is_no_run_is_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "outside")

    with pytest.raises(StoreError) as error:
        find_run(tmp_path / "runs", name)
    assert str(error.value).isprintable()


def test_a_mistyped_name_is_answered_with_the_close_ones(tmp_path: Path) -> None:
    new_run(tmp_path, steps=1)

    with pytest.raises(StoreError, match="did you mean scripted-1"):
        find_run(tmp_path, "scriptd-1")


def test_removing_a_run_does_not_follow_its_links(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", steps=1)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (run / "checkpoints").symlink_to(tmp_path / "precious")

    remove(run)

    assert not run.exists()
    assert (tmp_path / "precious" / "file").exists()


def test_a_folder_that_is_no_run_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "link").symlink_to(new_run(tmp_path, steps=1))

    for folder in (tmp_path / "thesis", tmp_path / "link"):
        with pytest.raises(StoreError, match="no run folder"):
            remove(folder)
        assert folder.exists()


@pytest.mark.parametrize(("name", "text"), [(CONFIG, "baseURL = 'https://example.org'"), (EVENTS, '{"step": 1}')])
def test_a_folder_that_another_program_made_is_not_removed(tmp_path: Path, name: str, text: str) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / name).write_text(text)

    with pytest.raises(StoreError, match="no run folder that this program made"):
        remove(site)
    assert (site / name).read_text() == text


def test_what_this_program_did_not_make_is_left_in_a_removed_run(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", steps=1)
    checkpoint, other = run / "checkpoints" / "step-000001", run / "checkpoints" / "mine"
    for folder in (checkpoint, other, run / ".partial"):
        folder.mkdir(parents=True)
    for file in (checkpoint / "state.json", checkpoint / "notes", other / "state.json", run / "thesis.tex"):
        file.write_text("words")
    (run / "checkpoints" / "step-000002").symlink_to(other)
    (tmp_path / "precious").write_text("untouched")
    (run / "worker.log").symlink_to(tmp_path / "precious")

    left = remove(run)

    assert left == [run / ".partial", run / "checkpoints", run / "thesis.tex"]
    files = sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
    assert files == ["checkpoints/mine/state.json", "checkpoints/step-000001/notes", "thesis.tex"]
    assert (tmp_path / "precious").read_text() == "untouched"
    with pytest.raises(StoreError, match="no run folder"):
        remove(run)


def test_a_deep_folder_in_a_run_is_neither_walked_nor_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path, steps=1)
    monkeypatch.chdir(run)
    for _ in range(1500):
        Path("d").mkdir()
        os.chdir("d")
    os.chdir(tmp_path)

    assert only(tmp_path).state == "interrupted"
    assert remove(run) == [run / "d"]
    subprocess.run(["rm", "-rf", run], check=True)


def test_a_run_with_a_worker_is_neither_removed_nor_claimed_again(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)

    with claimed(run):
        with pytest.raises(StoreError, match=f"process {os.getpid()}"):
            remove(run)
        with pytest.raises(StoreError, match=f"process {os.getpid()}"), claimed(run):
            pass
        assert find_worker(run) is not None
    assert find_worker(run) is None
    assert not socket_path(run).exists()
    remove(run)


@pytest.mark.parametrize("pid", ["0", "1", "-1", "99999999999999999999", "x", str(os.getppid())])
def test_a_pid_that_is_no_workers_is_not_signalled(tmp_path: Path, pid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    signalled: list[int] = []
    monkeypatch.setattr("os.kill", lambda pid, number: signalled.append(pid))
    run = new_run(tmp_path, steps=1).rename(tmp_path / "name-of-no-command")

    with claimed(run):
        (run / "lock").write_text(pid)
        kill_worker(run)
    assert signalled == []


def test_a_socket_lies_in_the_run_folder_and_is_its_owners(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)

    with claimed(run):
        assert socket_path(run).parent == run
        assert stat.S_IMODE(socket_path(run).stat().st_mode) == 0o600


def test_a_path_too_long_for_a_socket_gets_one_in_a_private_folder(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path_factory.mktemp("r")  # tmp_path has the long name of the test in it
    monkeypatch.setattr("platformdirs.user_runtime_path", lambda name: runtime / name)
    run = new_run(tmp_path / ("deep" * 30), steps=1)

    with claimed(run):
        address = socket_path(run)
        assert address.parent == runtime / "tinygpt-tui"
        assert stat.S_IMODE(address.parent.stat().st_mode) == 0o700
    address.parent.chmod(0o777)
    with pytest.raises(StoreError, match="0700"):
        socket_path(run)


def test_the_runs_folder_is_the_users_unless_the_environment_names_one() -> None:
    assert default_runs_folder({"TINYGPT_TUI_RUNS": "/somewhere"}) == Path("/somewhere")
    assert default_runs_folder({}).name == "runs"


def test_a_configuration_that_cannot_be_read_names_its_file(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)
    (run / CONFIG).write_text("[model]\nwidth = 'wide'\n")

    with pytest.raises(ConfigError, match=str(run / CONFIG)):
        read_config(run)


def test_a_run_is_watched_for_as_long_as_a_process_holds_it(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=9)
    assert hold_watched(run) == -1 and not is_watched(run)
    (run / "worker.log").touch()
    watching = [hold_watched(run), hold_watched(run)]
    assert is_watched(run)
    os.close(watching[0])
    assert is_watched(run)
    os.close(watching[1])
    assert not is_watched(run)


def test_a_run_that_goes_on_without_a_watcher_says_so(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=9)
    (run / "worker.log").touch()
    with claimed(run):
        assert "starting, unwatched" in run_table([only(tmp_path)])
        watching = hold_watched(run)
        assert "unwatched" not in run_table([only(tmp_path)])
        os.close(watching)


def test_a_configuration_that_is_deleted_is_written_again(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=9)
    written, keep = (run / CONFIG).read_text(), config_keeper(run)
    keep()
    (run / CONFIG).unlink()
    keep()
    assert (run / CONFIG).read_text() == written
