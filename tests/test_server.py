"""The server of a run in the face of clients that are deaf or too many."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from tinygpt_tui.engine.client.opening import attach
from tinygpt_tui.engine.client.run import ClientError
from tinygpt_tui.engine.events import Follow, PaceLesson, Pause, Refused, RunPaused, decode_event, encode
from tinygpt_tui.engine.hosting import client_limit, server
from tinygpt_tui.engine.hosting.interfaces import Request
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.run_folder import claimed, socket_path

from .scripted_loop import new_run


@contextmanager
def served(run: Path, requests: SimpleQueue[Request] | None = None) -> Iterator[EventLog]:
    with claimed(run) as listener, closing(EventLog(run)) as log:
        listener.listen()
        with closing(server.Server(run, listener, requests or SimpleQueue())):
            yield log


def connected(run: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60)
    client.connect(str(socket_path(run)))
    return client


def test_a_client_that_never_reads_does_not_keep_a_run_that_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LAST_WORDS_S", 0.3)
    run = new_run(tmp_path, steps=1)
    with served(run) as log, connected(run) as deaf, connected(run) as leaving:
        for _ in range(2000):
            log.append(RunPaused(step=0, reason="x" * 1000))
        deaf.sendall(encode(Follow()) + b"\n")
        leaving.sendall(encode(Follow()) + b"\n")
        leaving.shutdown(socket.SHUT_WR)
        assert deaf.recv(1)
        began = time.monotonic()
    assert time.monotonic() - began < 30


async def test_more_clients_than_files_allow_are_refused_and_the_log_tells_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "most_clients", lambda: 2)
    run, requests = new_run(tmp_path, steps=1), SimpleQueue[Request]()
    with served(run, requests), ExitStack() as clients:
        first, _ = (clients.enter_context(connected(run)) for _ in range(2))
        for _ in range(3):
            with connected(run) as other, other.makefile("rb") as told:
                assert isinstance(decode_event(told.readline()), Refused)
                assert told.readline() == b""
        live = await attach(run)
        with pytest.raises(ClientError, match="too many clients"):
            assert [batch async for batch in live.batches()]
        first.sendall(encode(Pause()) + b"\n")
        assert requests.get(timeout=60).command == Pause()
        await live.close()
    assert capsys.readouterr().err == "more than 2 clients; others are refused\n"


def test_a_run_paces_itself_no_longer_than_the_client_stays_that_asked_for_it(tmp_path: Path) -> None:
    run, requests = new_run(tmp_path, steps=1), SimpleQueue[Request]()
    asked = PaceLesson(watch_points=True, findings=True)
    with served(run, requests), connected(run) as other:
        other.sendall(encode(Pause()) + b"\n")
        assert requests.get(timeout=60).command == Pause()
        with connected(run) as client:
            client.sendall(encode(asked) + b"\n")
            assert requests.get(timeout=60).command == asked
        assert requests.get(timeout=60).command == PaceLesson()
    assert requests.empty()


@pytest.mark.parametrize(("files", "clients"), [(40, 20), (1024, 960), (-1, 65_536)])
def test_clients_leave_files_to_the_run(files: int, clients: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda kind: (files, files))
    assert client_limit.most_clients() == clients
