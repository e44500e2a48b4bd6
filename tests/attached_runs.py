"""What tests ask of an attached loop: its events, and answers to commands on its socket."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tinygpt_tui.engine.events import Accepted, AnyEvent, Command, Refused, decode_event, encode
from tinygpt_tui.engine.storage.event_log import all_events
from tinygpt_tui.engine.storage.run_folder import socket_path

DEADLINE_S = 20.0


def until(condition: Callable[[], bool], *, seconds: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def stored(run: Path) -> list[AnyEvent]:
    return list(all_events(run))


def ask(run: Path, command: Command) -> Accepted | Refused:
    """Send one command and wait for its answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE_S)
        client.connect(os.fspath(socket_path(run)))
        client.sendall(encode(command) + b"\n")
        answer = decode_event(client.makefile("rb").readline())
    assert isinstance(answer, Accepted | Refused)
    return answer
