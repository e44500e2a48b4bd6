"""Real worker processes with a scripted loop: they outlive their starter, obey signals and leave a run that goes on."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tinygpt_tui.engine.client.live_run import LiveRun
from tinygpt_tui.engine.client.opening import attach, start
from tinygpt_tui.engine.client.run import ClientError
from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.events import (
    Accepted,
    AnyEvent,
    CheckpointSaved,
    Follow,
    Pause,
    PreparationBegan,
    Refused,
    Resume,
    RunEnded,
    RunPaused,
    RunStarted,
    SettingsChanged,
    StepFinished,
    Stop,
    StorageBlocked,
    StorageRestored,
    decode_event,
    encode,
)
from tinygpt_tui.engine.storage.event_log import stored_events, surviving_events
from tinygpt_tui.engine.storage.run_folder import EVENTS, WORKER_LOG, find_worker, socket_path
from tinygpt_tui.engine.storage.run_summary import list_runs
from tinygpt_tui.engine.worker import AUTOGROUP, NICENESS, changes_to_come
from tinygpt_tui.tui.cli.requests import stop_run

from .scripted_loop import new_run, scripted_worker

ENDLESS = 1_000_000_000


def stored(run: Path) -> list[AnyEvent]:
    return [event for batch in stored_events(run) for event in batch]


def worker_pid(run: Path) -> int:
    worker = find_worker(run)
    assert worker is not None
    return worker.pid


@asynccontextmanager
async def training(run: Path, script: str = "train") -> AsyncIterator[LiveRun]:
    """A run with a worker, which is gone afterwards whatever a test did to it."""
    live = await start(run, scripted_worker(script))
    try:
        yield live
    finally:
        if worker := find_worker(run):
            os.kill(worker.pid, signal.SIGKILL)
        await live.exit_status()
        await live.close()


async def until(live: LiveRun, reached: Callable[[AnyEvent], bool]) -> list[AnyEvent]:
    """Follow a run until an event; it must come."""
    events: list[AnyEvent] = []
    async for batch in live.batches():
        events += batch
        if any(reached(event) for event in batch):
            return events
    raise AssertionError(f"the run ended with {events[-1]}")


def is_step(number: int) -> Callable[[AnyEvent], bool]:
    return lambda event: isinstance(event, StepFinished) and event.step >= number


async def test_a_worker_trains_to_the_end_and_exits_fine(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=20)

    async with training(run) as live:
        events = [event async for batch in live.batches() for event in batch]
        assert await live.exit_status() == 0

    assert events == stored(run)
    assert [event.seq for event in events] == list(range(len(events)))
    assert isinstance(events[-1], RunEnded) and events[-1].reason == "finished"
    assert "stray print" in (run / WORKER_LOG).read_text()
    assert not socket_path(run).exists()


async def test_a_terminated_worker_stops_with_a_checkpoint(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run) as live:
        await until(live, is_step(15))
        os.kill(worker_pid(run), signal.SIGTERM)
        assert await live.exit_status() == 0

    *_, saved, end = stored(run)
    assert isinstance(end, RunEnded) and end.reason == "stopped"
    assert isinstance(saved, CheckpointSaved) and saved.step == end.step


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
async def test_a_worker_is_not_hurt_by_a_lost_terminal(tmp_path: Path, number: signal.Signals) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run) as live:
        os.kill(worker_pid(run), number)
        assert isinstance(await live.send(Stop()), Accepted)
        assert await live.exit_status() == 0


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="processors are not shared among sessions here")
async def test_a_worker_gives_way_to_other_sessions_too(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run) as live:
        await until(live, is_step(1))
        group = Path(f"/proc/{worker_pid(run)}/autogroup").read_text()

    assert group.split()[1:] == ["nice", str(NICENESS)]


async def test_a_second_worker_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run) as live:
        with pytest.raises(ClientError, match=f"process {worker_pid(run)}"):
            await start(run, scripted_worker())
        second = subprocess.run([*scripted_worker(), run], capture_output=True, text=True, check=False)

        assert second.returncode == 2
        assert len(second.stdout.splitlines()) == 1
        assert isinstance(await live.send(Pause()), Accepted)


async def test_a_run_killed_at_any_moment_opens_and_goes_on_without_a_gap(tmp_path: Path) -> None:
    run, moments = new_run(tmp_path, steps=ENDLESS), random.Random(0)
    for _ in range(5):
        async with training(run) as live:
            began = len(stored(run))
            await until(live, is_step(moments.randrange(20, 60) + _steps(run)))
            os.kill(worker_pid(run), signal.SIGKILL)
            assert await live.exit_status() == -signal.SIGKILL
        assert list_runs(tmp_path)[0].state == "interrupted"
        assert [event.seq for event in stored(run)] == list(range(len(stored(run))))
        assert len(stored(run)) > began
    last = max(event.step for event in stored(run) if isinstance(event, StepFinished))
    surviving = [event.step for event in surviving_events(run, last) if isinstance(event, StepFinished)]
    assert surviving == list(range(1, surviving[-1] + 1))
    restarts = [event.step for event in stored(run) if isinstance(event, RunStarted)]
    assert restarts == sorted(restarts) and all(step % 10 == 0 for step in restarts)


def _steps(run: Path) -> int:
    return max((event.step for event in stored(run) if isinstance(event, StepFinished)), default=0)


async def test_a_killed_client_leaves_the_run_training(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)
    starter = f"""
import asyncio, os, signal, sys
from pathlib import Path
from tinygpt_tui.engine.client.opening import start
async def main():
    await start(Path({str(run)!r}), {scripted_worker()!r})
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    started = subprocess.run([*scripted_worker()[:2], "-c", starter], check=False)
    assert started.returncode == -signal.SIGKILL

    live = await attach(run)
    seen = await until(live, is_step(_steps(run) + 5))
    await live.close()
    again = await attach(run)
    await again.send(Stop())
    events = [event async for batch in again.batches() for event in batch]

    assert [event.seq for event in events] == list(range(len(events)))
    assert events[: len(seen)] == seen


async def test_several_clients_see_the_same_events(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run) as live:
        others = [await attach(run) for _ in range(3)]
        following = [asyncio.create_task(until(one, lambda event: isinstance(event, RunEnded))) for one in others]
        await until(live, is_step(50))
        await others[0].send(Stop())
        seen = await asyncio.gather(*following)

    assert all(events == stored(run) for events in seen)


@contextmanager
def connected(run: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(10)
        raw.connect(str(socket_path(run)))
        yield raw


@pytest.mark.parametrize("line", [b"rm -rf /", b"\xff\xfe", b"[" * 5000, b"{}", b'{"command":"sudo"}', b"x" * 100_000])
async def test_a_line_that_is_no_command_is_refused_and_hurts_nobody(tmp_path: Path, line: bytes) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run) as live:
        await live.send(Pause())
        with connected(run) as raw, raw.makefile("rb") as replies:
            raw.sendall(line + b"\n")
            answer = decode_event(await asyncio.to_thread(replies.readline))
        assert isinstance(answer, Refused) and answer.why.isprintable()
        assert isinstance(await live.send(Pause()), Accepted)


async def test_a_client_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run) as live:
        with connected(run) as deaf:
            deaf.sendall(encode(Follow()) + b"\n" + (encode(Resume()) + b"\n") * 1000)
            await until(live, is_step(3000))
            assert isinstance(await live.send(Stop()), Accepted)


async def test_answers_come_after_the_events_that_precede_them(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run):
        with connected(run) as raw, raw.makefile("rb") as lines:
            raw.sendall(encode(Follow()) + b"\n" + encode(Pause(id=5)) + b"\n")

            def read() -> list[AnyEvent]:
                events: list[AnyEvent] = []
                while not events or not isinstance(events[-1], Accepted):
                    events.append(decode_event(lines.readline()))
                return events

            *_, paused, answer = await asyncio.to_thread(read)

    assert isinstance(paused, RunPaused)
    assert answer == Accepted(id=5, step=paused.step)


@contextmanager
def held_up(run: Path) -> Iterator[Callable[[], int]]:
    """Keeps the `wait` script from starting until it is called."""
    os.mkfifo(run / "go")
    pipe = os.open(run / "go", os.O_RDWR)
    try:
        yield lambda: os.write(pipe, b"!")
    finally:
        os.close(pipe)


async def test_what_is_prepared_is_told_to_who_follows_then_and_never_stored(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    with held_up(run) as let_go:
        async with training(run, "wait") as live:
            late, waiting = await attach(run), await attach(run)
            for client in (live, late):
                [told] = await until(client, lambda event: isinstance(event, PreparationBegan))
                assert isinstance(told, PreparationBegan) and told.activity == "waiting for the word"
                assert told.seq == -1 and told.time > 0
            let_go()
            await until(waiting, is_step(1))
            later = await attach(run)
            events = await until(later, is_step(1))
            await live.send(Stop())
            for client in (late, waiting, later):
                await client.close()
            assert await live.exit_status() == 0
    assert events == stored(run)[: len(events)] and isinstance(events[0], RunStarted)


async def test_a_run_that_is_told_to_stop_while_it_is_prepared_answers_and_stops(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    with held_up(run) as let_go:
        async with training(run, "wait") as live:
            await until(live, lambda event: isinstance(event, PreparationBegan))
            stopping = asyncio.create_task(live.send(Stop()))
            await asyncio.sleep(0)
            let_go()
            assert isinstance(await stopping, Accepted)
            assert await live.exit_status() == 0
    assert isinstance(end := stored(run)[-1], RunEnded) and end.reason == "stopped"


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_pauses_training_and_it_goes_on_when_there_is_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 256) as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(128 * 1024))
        run = new_run(disk, steps=ENDLESS)

        async with training(run) as live:
            events = await until(live, lambda event: isinstance(event, StorageBlocked))
            blocked = next(event for event in events if isinstance(event, StorageBlocked))
            assert "No space left" in blocked.detail
            late = await attach(run)
            told = await until(late, lambda event: isinstance(event, StorageBlocked))
            assert [event.seq for event in told if event.seq >= 0] == list(range(len(told) - 1))

            ballast.unlink()
            await live.close()
            watching = await attach(run)
            assert isinstance(await watching.send(Resume()), Accepted)
            await until(watching, lambda event: isinstance(event, StorageRestored))
            await watching.send(Stop())
            await watching.close()
            await late.close()
            await live.exit_status()
        rows = [event.step for event in stored(run) if isinstance(event, StepFinished)]
        assert rows == list(range(1, len(rows) + 1))
        assert [event.seq for event in stored(run)] == list(range(len(stored(run))))


async def test_a_run_that_waits_for_space_is_stopped_by_name_and_says_how_it_ended(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 512) as disk:
        run = new_run(disk, steps=ENDLESS)

        async with training(run) as live:
            await until(live, lambda event: isinstance(event, StorageBlocked))
            end = await asyncio.to_thread(stop_run, run)
            assert end and end.reason == "stopped" and "without a checkpoint" in end.detail


async def test_a_log_that_a_stranger_made_into_a_link_is_not_written_through(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)
    (tmp_path / "precious").write_text("untouched")
    (run / EVENTS).symlink_to(tmp_path / "precious")

    with pytest.raises(ClientError, match="link"):
        await start(run, scripted_worker())
    assert (tmp_path / "precious").read_text() == "untouched"


def test_changes_that_a_checkpoint_does_not_know_of_are_made_again() -> None:
    def change(step: int, summary: str) -> SettingsChanged:
        return SettingsChanged(step=step, summary=summary, settings=LiveSettings.from_config(RunConfig()))

    known, unknown, later = change(10, "a"), change(10, "b"), change(12, "c")
    saved = CheckpointSaved(step=10, name="step-000010", reason="change")

    assert changes_to_come([change(5, "z"), known, saved, unknown, later], 10) == [unknown, later]
    assert changes_to_come([known, later, later], 9) == [known, later]
    assert changes_to_come([known, saved], 10) == []
    back = change(8, "back to step 8")
    assert changes_to_come([known, later, back], 8) == [back]


@pytest.mark.parametrize("asked", ["attach --text", "stop", "sample"])
async def test_a_suspended_worker_is_complained_of_and_waited_for(tmp_path: Path, asked: str) -> None:
    run = new_run(tmp_path, steps=ENDLESS)
    name, *options = asked.split()
    command = (sys.executable, "-c", "from tinygpt_tui.tui.cli.main import main; main()", name, str(run), *options)
    async with training(run) as live:
        await until(live, is_step(3))
        pid = worker_pid(run)
        os.kill(pid, signal.SIGSTOP)
        waiting = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        assert waiting.stderr is not None
        try:
            line = (await asyncio.wait_for(waiting.stderr.readline(), 60)).decode()
        finally:
            os.kill(pid, signal.SIGCONT)
            waiting.kill()
            await waiting.wait()
        assert f"the worker (process {pid}) does not answer" in line and f"kill -CONT {pid}" in line


async def test_a_run_whose_log_is_truncated_ends_with_the_reason(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)
    async with training(run) as live:
        await until(live, is_step(3))
        watching = await attach(run)
        batches = watching.batches()
        events = await anext(batches)  # it may not end before its events were asked for
        os.truncate(run / EVENTS, 0)
        events += [event async for batch in batches for event in batch]
        await watching.close()
    end = events[-1]
    assert isinstance(end, RunEnded) and end.reason == "failed" and "was changed by another program" in end.detail
