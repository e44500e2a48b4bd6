"""The screen in a real pseudo-terminal: first frame, first point, key to frame, and what watching costs the training.

Every figure is taken from outside: bytes that the terminal gets, events that the run leaves on disk, and processor
time from /proc, so it needs Linux.
"""

import argparse
import os
import pty
import random
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from fcntl import ioctl
from pathlib import Path

from tinygpt_tui.engine.client.opening import WORKER
from tinygpt_tui.engine.events import StepFinished
from tinygpt_tui.engine.presets import find_preset
from tinygpt_tui.engine.storage.event_log import all_events
from tinygpt_tui.engine.storage.run_folder import find_worker
from tinygpt_tui.engine.storage.run_store import create

COMMAND = (str(Path(sys.executable).parent / "tinygpt-tui"),)
BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("Baseline")

Bare().run()
"""
"""As little as a Textual app can be; what remains of its time is Textual's."""
LONG = ("baseline", "--steps", "200000", "--set", "training.compile=false")
"""The default preset as it trains in its first steps, for as long as a measurement needs; so long a run would otherwise
be worth compiling, for which its first step waits."""


class Terminal:
    """A program in a pseudo-terminal: what it draws, and keys to press."""

    def __init__(self, pid: int, master: int) -> None:
        self.pid = pid
        self._master = master

    def press(self, key: str) -> None:
        os.write(self._master, key.encode())

    def read(self, timeout: float) -> bytes:
        ready, _, _ = select.select([self._master], [], [], max(timeout, 0))
        try:
            return os.read(self._master, 1 << 16) if ready else b""
        except OSError:  # the program has ended
            return b""

    def wait_for(self, pattern: bytes, timeout: float = 60.0) -> float:
        """Seconds until what is drawn matches."""
        began, drawn = time.perf_counter(), b""
        while (waited := time.perf_counter() - began) < timeout:
            drawn = (drawn + self.read(timeout - waited))[-(1 << 18) :]
            if re.search(pattern, drawn):
                return time.perf_counter() - began
        raise TimeoutError(f"{pattern!r} was not drawn within {timeout} s; the last bytes: {drawn[-300:]!r}")

    def drain(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)

    def processor_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def terminal(
    arguments: Sequence[str],
    home: Path,
    size: tuple[int, int] = (160, 45),
    command: Sequence[str] = COMMAND,
    *,
    leaves_workers: bool = False,
) -> Iterator[Terminal]:
    environment = os.environ | {
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "XDG_CONFIG_HOME": str(home / "config"),
        "TINYGPT_TUI_RUNS": str(home / "runs"),
    }
    pid, master = pty.fork()
    if pid == 0:
        ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        os.execvpe(command[0], [*command, *arguments], environment)
    try:
        yield Terminal(pid, master)
    finally:
        for run in () if leaves_workers else (home / "runs").glob("*"):
            if worker := find_worker(run):
                os.kill(worker.pid, 9)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(master)


def first_frame(home: Path, rounds: int = 9) -> None:
    """From the command to a drawn home screen, in turns with a bare Textual app."""
    times, bare = [], []
    for _ in range(rounds + 1):
        with terminal([], home, (120, 36)) as screen:
            times.append(screen.wait_for(b"Baseline"))
        with terminal(["-c", BARE], home, (120, 36), [sys.executable]) as screen:
            bare.append(screen.wait_for(b"Baseline"))
    print(
        f"first frame: median {statistics.median(times[1:]):.3f} s of {rounds} (bar 0.4), {min(times[1:]):.3f} to "
        f"{max(times[1:]):.3f}; a bare Textual app takes {statistics.median(bare[1:]):.3f} s"
    )


def first_point(home: Path, rounds: int = 5) -> None:
    times, torch = [], []
    for _ in range(rounds):
        with terminal(["baseline"], home, (120, 36)) as screen:
            times.append(screen.wait_for(rb"train \d\.\d"))
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        torch.append(time.perf_counter() - began)
    bar = 1.5 + 2 * statistics.median(torch)
    print(f"first loss point: median {statistics.median(times):.2f} s (bar 1.5 + 2 x import torch = {bar:.2f} s)")


def key_to_frame(home: Path, presses: int = 300) -> None:
    """Smoothing down and up, whose effect the plots name, at random moments of training at full speed."""
    chance, times = random.Random(0), []
    with terminal(LONG, home) as screen:
        screen.wait_for(rb"train \d\.\d")
        screen.press("W")  # without the pauses of its lesson
        screen.drain(3)
        for press in range(presses):
            screen.drain(chance.uniform(0.05, 0.25))
            rougher = press % 2 == 0
            screen.press("E" if rougher else "e")
            times.append(screen.wait_for(rb"mean of 10\D" if rougher else rb"mean of 30\D", 5))
        pauses = [pause_latency(screen, chance) for _ in range(10)]
    times.sort()
    print(
        f"key to frame at full speed: median {1e3 * statistics.median(times):.0f} ms, "
        f"99th percentile {1e3 * times[int(0.99 * len(times))]:.0f} ms of {presses} (bar 50); "
        f"pause to frame: median {1e3 * statistics.median(pauses):.0f} ms, worst {1e3 * max(pauses):.0f} ms"
    )


def pause_latency(screen: Terminal, chance: random.Random) -> float:
    screen.drain(chance.uniform(0.3, 0.6))
    screen.press(" ")
    waited = screen.wait_for(rb"paused", 5)
    screen.press(" ")
    screen.wait_for(rb"training", 5)
    return waited


def cost_of_watching(home: Path, rounds: int = 12, window_s: float = 4.0) -> None:
    """Tokens/s of one run with the screen at 160x45 attached and without, in turns."""
    _, preset = find_preset("baseline")
    config = replace(preset, training=replace(preset.training, steps=10_000_000, compile=False))
    run = create(home / "runs", config, "watched", datetime.now(UTC))
    # in a session of its own, as the client starts it
    worker = subprocess.Popen(
        [*WORKER, run], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    shares, windows = [], [window_without(window_s, first=True)]
    try:
        for _ in range(rounds):
            with terminal(["attach", run.name], home, leaves_workers=True) as screen:
                screen.wait_for(rb"train \d\.\d")
                screen.drain(2)
                began, used = time.time(), screen.processor_s()
                screen.drain(window_s)
                windows.append((began, time.time()))
                shares.append((screen.processor_s() - used) / (time.time() - began))
            windows.append(window_without(window_s))
    finally:
        worker.kill()
        worker.wait()
    steps = [event for event in all_events(run) if isinstance(event, StepFinished)]
    alone, *rates = (rate_within(steps, *window) for window in windows)
    ratios = []
    for watched, after in zip(rates[::2], rates[1::2], strict=True):
        ratios.append(watched / statistics.mean((alone, after)))
        alone = after
    print(
        f"watched / headless tokens/s: median {statistics.median(ratios):.3f} of {rounds} "
        f"({', '.join(f'{ratio:.3f}' for ratio in sorted(ratios))}; bar 0.93); "
        f"screen's process while following: {statistics.median(shares):.1%} of a core (bar 15%)"
    )


def window_without(seconds: float, *, first: bool = False) -> tuple[float, float]:
    """From when to when nobody watched; a worker that has just been started or left is given a moment."""
    time.sleep(10 if first else 0.5)
    began = time.time()
    time.sleep(seconds)
    return began, time.time()


def rate_within(steps: Sequence[StepFinished], began: float, ended: float) -> float:
    inside = [step for step in steps if began <= step.time <= ended]
    return ((inside[-1].tokens or 0) - (inside[0].tokens or 0)) / (inside[-1].time - inside[0].time)


def idle(home: Path, seconds: float = 10) -> None:
    """Processor share of the screen's process while nothing happens."""
    shares = {}
    with terminal(["baseline", "--steps", "600"], home) as screen:
        screen.wait_for(rb"train \d\.\d")
        screen.press("W")  # without the pauses of its lesson
        screen.drain(1)
        screen.press(" ")
        for state in (rb"paused", rb"finished"):
            screen.wait_for(state)
            screen.drain(3)
            used = screen.processor_s()
            screen.drain(seconds)
            shares[state.decode()] = (screen.processor_s() - used) / seconds
            screen.press(" ")
    print("screen's process: " + ", ".join(f"{state} {share:.1%}" for state, share in shares.items()) + " (bar 1%)")


MEASURES = {
    "first-frame": first_frame,
    "first-point": first_point,
    "keys": key_to_frame,
    "watching": cost_of_watching,
    "idle": idle,
}


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no worker is left, which would slow what comes next
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("measures", nargs="*", choices=[*MEASURES, []], default=[])
    chosen = arguments.parse_args().measures or list(MEASURES)
    for name in chosen:
        with tempfile.TemporaryDirectory() as home, suppress(KeyboardInterrupt):
            MEASURES[name](Path(home))


if __name__ == "__main__":
    main()
