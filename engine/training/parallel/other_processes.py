"""The other processes of a run, as its first process sees them: each computes a share of every batch."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import torch
from torch import Tensor

from ...config import ConfigError, RunConfig
from ...hosting.interfaces import LoopBroken
from ...process_end import killed_words
from ...storage.run_folder import printable
from ..shares import Share
from .exchange import Exchange
from .orders import AddRows, BeginStep, JoinRun, Order, SendGradients, write_order
from .process import READY

STORE_FOLDER = ".processes-"
"""Beginning of the name of a folder in a run's folder, in which the processes find each other; gone once they have."""
DEATH_S = 5.0
"""How long an exchange may have failed before the end of a process is known."""
_LAST_WORDS_BYTES = 4096


class OtherProcesses:
    """Shares of batches that are computed at the same time; LoopBroken where a process is gone."""

    def __init__(self, config: RunConfig, run: Path) -> None:
        """Returns when all are ready; ConfigError where the machine has not enough GPUs."""
        training = config.training
        require_devices(training.device, training.processes)
        self.count = training.processes - 1
        self._received: list[Tensor] = []
        self._processes = [_Process(rank, training.processes) for rank in range(1, training.processes)]
        for torn in run.glob(f"{STORE_FOLDER}*"):
            shutil.rmtree(torn, ignore_errors=True)
        store = Path(tempfile.mkdtemp(prefix=STORE_FOLDER, dir=run))
        try:
            for rank, process in enumerate(self._processes, 1):
                process.order(JoinRun(config.to_toml(), rank, str(store / "store")))
            self._exchange = self._meet(torch.device(training.device), store / "store")
        finally:
            shutil.rmtree(store, ignore_errors=True)

    def _meet(self, device: torch.device, store: Path) -> Exchange:
        """torch waits without end for all to come; so it does on a thread, while here the others are listened to."""
        met: list[Exchange] = []
        problems: list[Exception] = []

        def meet() -> None:
            try:
                met.append(Exchange(0, self.count + 1, device, store))
            except Exception as error:
                problems.append(error)
                for process in self._processes:
                    process.dismiss()

        meeting = Thread(target=meet, daemon=True)
        meeting.start()
        for process in self._processes:
            if not process.is_ready():
                raise problems[0] if problems else process.death()
        meeting.join()
        return met[0]

    def begin(self, weights: Tensor, dropout: float, seeds: Sequence[int]) -> None:
        for process, seed in zip(self._processes, seeds, strict=True):
            process.order(BeginStep(dropout, seed))
        try:
            self._exchange.broadcast(weights)
        except RuntimeError as error:
            raise self._death(error) from None

    def add(self, shares: Sequence[Share]) -> None:
        for process, (rows, divisor) in zip(self._processes, shares, strict=True):
            if len(rows[0]):
                tokens = torch.stack(rows).to(torch.int16).cpu().numpy()
                process.order(AddRows(len(rows[0]), tokens.tobytes(), divisor))

    def finish(self, gradients: Tensor, loss: Tensor) -> Tensor:
        if not self._received:
            self._received = [gradients.new_empty(len(gradients) + 1) for _ in self._processes]
        for process in self._processes:
            process.order(SendGradients())
        try:
            self._exchange.receive(self._received, check=self._check)
        except RuntimeError as error:
            raise self._death(error) from None
        for received in self._received:
            gradients.add_(received[:-1])
            loss = loss + received[-1]
        return loss

    def _check(self) -> None:
        if any(process.has_ended() for process in self._processes):
            raise RuntimeError("a process has ended")

    def _death(self, error: Exception) -> LoopBroken:
        """Why an exchange failed."""
        self._exchange.abandon()
        for process in self._processes:
            if process.has_ended(within_s=DEATH_S / len(self._processes)):
                return process.death()
        return LoopBroken(f"the processes of the run cannot reach each other: {printable(str(error))}")


class _Process:
    """One of them, from its start on."""

    def __init__(self, rank: int, size: int) -> None:
        self._name = f"process {rank + 1} of {size}"
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  # it is open as long as the process may print
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tinygpt_tui.engine.training.parallel.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
        )

    def order(self, order: Order) -> None:
        assert self._process.stdin is not None
        try:
            write_order(self._process.stdin, order)
        except BrokenPipeError:
            raise self.death() from None

    def is_ready(self) -> bool:
        """Returns when it is, or has ended."""
        assert self._process.stdout is not None
        with self._process.stdout as output:
            return output.readline() == READY

    def has_ended(self, within_s: float = 0.0) -> bool:
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def death(self) -> LoopBroken:
        """How it ended, with the last line that it printed; the run's log has all of them."""
        status = self._process.wait()
        self._words.seek(max(self._words.seek(0, os.SEEK_END) - _LAST_WORDS_BYTES, 0))
        words = self._words.read().decode(errors="replace").strip()
        if words:
            print(words, file=sys.stderr)
        how = f"was {killed_words(-status)}" if status < 0 else f"left with exit status {status}"
        last = f": {printable(words.splitlines()[-1])}" if words else ""
        return LoopBroken(f"{self._name} (pid {self._process.pid}) {how}{last}")

    def dismiss(self) -> None:
        """It ends by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()


def require_devices(device: str, processes: int) -> None:
    if device == "mps":
        raise ConfigError(f"training.processes = {processes} needs a GPU each, and mps is one; use --device cpu")
    if device == "cuda" and processes > (there := torch.cuda.device_count()):
        raise ConfigError(
            f"training.processes = {processes} needs a GPU each, and this machine has {there}; use --device cpu"
        )
