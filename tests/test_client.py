"""To a screen a run that trains, one that died and one on disk are the same: batches, then an end with its cause."""

import asyncio
import os
import signal
import socket
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest

from tinygpt_tui.engine.client.live_run import LiveRun
from tinygpt_tui.engine.client.opening import attach, open_stored, start
from tinygpt_tui.engine.client.run import ClientError
from tinygpt_tui.engine.client.stored_run import StoredRun
from tinygpt_tui.engine.events import (
    Accepted,
    AnyEvent,
    CheckpointSaved,
    Evaluate,
    Evaluated,
    Follow,
    Pause,
    Refused,
    Resume,
    RunEnded,
    RunResumed,
    RunStarted,
    Sample,
    SampleGenerated,
    StepFinished,
    Stop,
    TakeSteps,
    TimeSpent,
    encode,
)
from tinygpt_tui.engine.hosting import server
from tinygpt_tui.engine.hosting.interfaces import Request
from tinygpt_tui.engine.storage.event_log import EventLog, all_events, stored_events
from tinygpt_tui.engine.storage.run_folder import CONFIG, EVENTS, LOCK, WORKER_LOG
from tinygpt_tui.engine.storage.run_store import read_config

from .screen_text import PATIENCE_S
from .scripted_loop import new_run, scripted_worker
from .test_worker import ENDLESS, is_step, training, until, worker_pid


async def everything(run: LiveRun | StoredRun) -> list[AnyEvent]:
    return [event async for batch in run.batches() for event in batch]


def end_of(events: list[AnyEvent]) -> tuple[str, str]:
    end = events[-1]
    assert isinstance(end, RunEnded)
    return end.reason, end.detail


async def test_a_finished_run_reads_the_same_from_disk_as_it_was_live(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=3000)

    async with training(run) as live:
        seen = await everything(live)
    stored = open_stored(run)

    assert await everything(stored) == seen
    assert end_of(seen) == ("finished", "")
    assert not live.live and not stored.live
    assert stored.config == live.config
    for gone in (live, stored):
        answer = await gone.send(Pause(id=3))
        assert isinstance(answer, Refused) and answer.id == 3 and "resume" in answer.why


async def test_a_command_is_answered_with_its_own_id_and_its_effect_is_an_event(tmp_path: Path) -> None:
    async with training(new_run(tmp_path, steps=ENDLESS)) as live:
        answers = await asyncio.gather(*(live.send(Evaluate(id=n)) for n in (7, 7, 9)), live.send(Sample(prompt="ab")))
        assert [(type(answer), answer.id) for answer in answers] == [(Accepted, id) for id in (7, 7, 9, 0)]
        await live.send(Stop())
        events = await everything(live)

    assert len([event for event in events if isinstance(event, Evaluated)]) == 3
    assert [event.text for event in events if isinstance(event, SampleGenerated)] == ["ba"]


async def test_whoever_reads_a_long_past_may_give_a_command_in_the_middle_of_it(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)
    log = EventLog(run)
    for _ in range(20_000):
        log.append(RunResumed(step=0))
    log.close()

    async with training(run) as live:
        async for _ in live.batches():
            async with asyncio.timeout(PATIENCE_S):
                assert isinstance(await live.send(Pause()), Accepted)
            break


async def test_commands_are_answered_though_nobody_follows_or_the_follower_has_left(tmp_path: Path) -> None:
    async with training(new_run(tmp_path, steps=ENDLESS)) as live:
        assert isinstance(await live.send(Pause()), Accepted)
        assert isinstance(await live.send(Resume()), Accepted)
        await until(live, is_step(5000))
        assert isinstance(await live.send(Pause()), Accepted)


@pytest.mark.parametrize(
    ("script", "status", "end"),
    [
        ("crash", 1, ("failed", "RuntimeError: the script says so")),
        ("refuse", 2, ("failed", "model.width = 3 is refused by the script")),
        ("exit", 7, ("died", "last words")),
    ],
)
async def test_a_run_that_breaks_ends_with_its_cause(
    tmp_path: Path, script: str, status: int, end: tuple[str, str]
) -> None:
    run = new_run(tmp_path, steps=20)

    async with training(run, script) as live:
        assert end_of(await everything(live)) == end
        assert await live.exit_status() == status
    assert end_of(await everything(open_stored(run))) == end


async def test_a_killed_worker_is_reported_with_the_signal_after_its_last_row(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run) as live:
        watching = await attach(run)
        await until(watching, is_step(10))
        await watching.close()
        os.kill(worker_pid(run), signal.SIGKILL)
        events = await everything(live)

    assert end_of(events)[0] == "died" and "SIGKILL" in end_of(events)[1]
    *rows, end = events
    assert rows == [event for batch in stored_events(run) for event in batch]
    last = rows[-1]
    assert isinstance(last, StepFinished | TimeSpent | CheckpointSaved)
    assert isinstance(end, RunEnded)
    assert end.step == last.step


async def test_a_command_to_a_worker_that_dies_is_refused_rather_than_awaited_for_ever(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run) as live:
        os.kill(worker_pid(run), signal.SIGSTOP)
        answer = asyncio.create_task(live.send(Evaluate(id=4)))
        os.kill(worker_pid(run), signal.SIGKILL)
        refused = await answer

    assert isinstance(refused, Refused) and refused.id == 4


async def test_a_clock_that_was_set_back_does_not_make_an_end_a_death(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)
    async with training(run):
        os.utime(run / LOCK, (4e9, 4e9))
        watching = await attach(run)
        await watching.send(Stop())
        assert end_of(await everything(watching))[0] == "stopped"
        await watching.close()


async def test_a_worker_that_dies_before_it_begins_is_not_taken_for_the_one_that_ended_well(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=20)
    async with training(run) as live:
        await everything(live)

    dying = "from tinygpt_tui.engine.worker import *; serve(Path(sys.argv[1]), lambda run, tell: os._exit(9))"
    again = await start(run, (*scripted_worker()[:2], "-c", dying))
    events = await everything(again)
    await again.close()

    assert end_of(events) == ("died", "a stray print that must not reach a client")


async def test_a_resumed_run_is_followed_through_both_of_its_workers(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)
    async with training(run) as live:
        await until(live, is_step(5))
        await live.send(Stop())
        await live.exit_status()

    async with training(run) as live:
        events = await until(live, lambda event: isinstance(event, RunStarted) and event.step > 0)

    reasons = [event.reason for event in events if isinstance(event, RunEnded)]
    assert reasons == ["stopped"]


async def test_closing_detaches_and_ends_the_batches_without_a_death(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=ENDLESS)

    async with training(run):
        watching = await attach(run)
        following = asyncio.create_task(everything(watching))
        assert isinstance(await watching.send(Pause()), Accepted)
        await watching.close()
        assert not any(isinstance(event, RunEnded) for event in await following)
        assert worker_pid(run)


async def test_a_run_without_a_worker_cannot_be_attached_to(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)

    with pytest.raises(ClientError, match="no worker"):
        await attach(run)


async def test_a_run_folder_that_is_broken_is_one_line_for_every_way_in(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)
    (run / CONFIG).write_bytes(b"\xff")

    for way_in in (start, attach):
        with pytest.raises(ClientError, match="not UTF-8"):
            await way_in(run)
    with pytest.raises(ClientError, match="not UTF-8"):
        open_stored(run)
    assert not (run / WORKER_LOG).exists()


def test_a_log_that_is_a_link_is_not_opened(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)
    (run / EVENTS).symlink_to("/etc/passwd")

    with pytest.raises(ClientError, match="link"):
        open_stored(run)


async def test_a_worker_that_cannot_even_start_is_reported_with_its_last_words(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)
    interpreter = scripted_worker()[0]

    with pytest.raises(ClientError, match="ModuleNotFoundError"):
        await start(run, (interpreter, "-c", "import no_such_module"))
    with pytest.raises(ClientError, match="SIGABRT"):
        await start(run, (interpreter, "-c", "import os; os.abort()"))
    with pytest.raises(ClientError, match="cannot be started"):
        await start(run, ("/no/such/python",))


async def test_a_strangers_log_is_read_past_what_is_no_event(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)
    log = EventLog(run)
    log.append(RunResumed(step=1))
    log.close()
    with (run / EVENTS).open("ab") as file:
        file.write(b'{"event":"unheard of"}\n\xff\n{"event":"resumed","step":2}\n{"event":"resu')
    stored = open_stored(run)

    events = await everything(stored)

    assert [getattr(event, "step", None) for event in events] == [1, 2, 2]
    assert end_of(events)[0] == "died"
    assert stored.transcript.unreadable == 2


async def test_a_long_run_is_read_in_pieces_that_let_the_screen_draw(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)
    line = b'{"event":"resumed","seq":0,"time":0.0,"step":1}\n'
    (run / EVENTS).write_bytes(line * 20_000)

    sizes = [len(batch) async for batch in open_stored(run).batches()]

    assert sum(sizes) == 20_001
    assert max(sizes) < 5_000


async def test_a_line_that_the_socket_cut_off_is_read_whole_from_disk(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=1)
    (run / LOCK).touch()
    with closing(EventLog(run)) as log:
        for step in range(3):
            log.append(RunResumed(step=step))
        log.append(RunEnded(step=2, reason="finished"))
    ours, its = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    live = LiveRun(run, read_config(run), reader, writer)

    following = asyncio.create_task(everything(live))
    assert await asyncio.to_thread(its.recv, 1000)  # it asks for the events
    its.sendall((run / EVENTS).read_bytes()[:75])  # one and a half
    its.close()

    assert await following == list(all_events(run))
    assert live.transcript.unreadable == 0


def test_whoever_commands_sees_at_once_what_comes_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what is stored after the answer, such as the step that was asked for; others look less often."""
    monkeypatch.setattr(server, "LOOK_S", 3600.0)
    run, requests = new_run(tmp_path, steps=1), SimpleQueue[Request]()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()
    with (
        closing(EventLog(run)) as log,
        closing(server.Server(run, listener, requests)),
        socket.socket(socket.AF_UNIX) as client,
        client.makefile("rb") as told,
    ):
        client.settimeout(60)
        client.connect(str(tmp_path / "socket"))
        client.sendall(encode(Follow(since=0)) + b"\n" + encode(TakeSteps(count=1)) + b"\n")
        request = requests.get(timeout=60)
        request.answer(Accepted(id=0, step=0))
        assert b"accepted" in told.readline()
        log.append(RunResumed(step=1))
        assert b"resumed" in told.readline()
