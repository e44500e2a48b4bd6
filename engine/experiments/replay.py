"""What a replay of a run reports, as JSON lines: how far it is, and in the end whether every loss was the same."""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import msgspec

from ..events import Count, encode
from ..storage.run_folder import StoreError

# -P: a torch.py in the folder where a person stands is not imported
_REPLAYER = (sys.executable, "-P", "-m", "tinygpt_tui.engine.training.replaying")


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    equal: Count
    """Steps whose loss was the same to the last bit so far."""
    steps: Count
    """Steps that the run has."""
    differs_at: Count | None = None
    """The first step with another loss."""
    was: float = 0.0
    now: float = 0.0
    problem: str = ""
    """Why it cannot be replayed."""


def replay(run: Path, replayer: tuple[str, ...] = _REPLAYER) -> Generator[ReplayReport, None, None]:
    """Train a run again in a process of its own; it ends with the iterator. StoreError where that cannot be done."""
    process = subprocess.Popen(
        [*replayer, str(run)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        for line in process.stdout:
            report = msgspec.json.decode(line, type=ReplayReport, strict=False)
            if report.problem:
                raise StoreError(report.problem)
            yield report
        if process.wait():
            words = process.stderr.read().decode(errors="replace").strip().splitlines()
            raise StoreError(f"{run}: the replay failed: {words[-1] if words else 'it did not say why'}")
    finally:
        process.kill()
        process.communicate()


def report_line(report: ReplayReport) -> bytes:
    return encode(report) + b"\n"
