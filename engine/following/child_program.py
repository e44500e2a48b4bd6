"""A program that is run to be watched: its output as a pipe, its end, and its exit status."""

import os
import signal
import subprocess
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import cast

from ..attached.child_hooks import sitecustomize
from .piped_input import PipedInput

GRACE_S = 10.0
"""How long a program may take to end after each request, the last of which it cannot refuse."""
_REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


class ChildProgram:
    def __init__(self, command: Sequence[str]) -> None:
        """OSError where it cannot be started. It prints to a pipe, and reads nothing: keys are the screen's."""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(os.environ),
        )
        self.output = PipedInput(cast("BufferedReader", self._process.stdout))

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        if self.is_running:
            self._process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        if self.is_running:
            self._process.terminate()

    def end(self) -> None:
        """Returns when it has ended; it is asked politely at first."""
        for request in _REQUESTS:
            if self.is_running:
                self._process.send_signal(request)
                try:
                    self._process.wait(GRACE_S)
                except subprocess.TimeoutExpired:
                    continue

    def exit_status(self) -> int:
        """Returns when it has ended; as a shell has it where a signal ended it."""
        status = self._process.wait()
        return 128 - status if status < 0 else status


def _environment(own: "os._Environ[str]") -> dict[str, str]:
    """Its trainers attach themselves, and what it prints comes at once."""
    hooks = str(Path(sitecustomize.__file__).parent)
    path = os.pathsep.join([hooks, *filter(None, [own.get("PYTHONPATH")])])
    return {**own, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", sitecustomize.ASKED_FOR: "1"}
