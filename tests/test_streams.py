"""What the command writes arrives whole."""

import array
import fcntl
import os
import signal
import subprocess
import sys
import termios

import pytest

LONG = 300_000
WRITER = f"""
import signal, sys
from tinygpt_tui.tui.cli import streams
streams.prepare()
signal.signal(signal.SIGUSR1, lambda number, frame: None)
sys.stdout.write("x" * {LONG})
sys.stdout.flush()
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_a_signal_interrupts_is_written_to_its_end(unbuffered: str) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        while waiting_in(process.stdout.fileno()) < 1 << 16:  # the pipe is full, so the writer hangs in its write
            assert process.poll() is None
        process.send_signal(signal.SIGUSR1)
        assert len(process.stdout.read()) == LONG
    assert process.returncode == 0


def waiting_in(pipe: int) -> int:
    """Bytes that were written and not yet read."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]
