"""Runs an LR range test in a process of its own, which is killed with the iterator: what it reports, as JSON lines."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..config import RunConfig
from ..events import encode
from ..storage.run_folder import CHECKPOINTS, StoreError
from ..storage.run_store import read_config
from ..storage.stored_checkpoints import stored_checkpoints

# -P: a torch.py in the folder where a person stands is not imported
_TESTER = (sys.executable, "-P", "-m", "tinygpt_tui.engine.training.lr_testing")


class LrRangeRequest(msgspec.Struct, frozen=True, kw_only=True):
    config: str
    """As TOML."""
    checkpoint: str = ""
    """The folder of the one to begin from; the initial weights where there is none."""


class LrRangeReport(msgspec.Struct, frozen=True, kw_only=True):
    lrs: list[float] = []
    losses: list[float] = []
    """What is new since the last report: each lr, and the val_loss after its step."""
    has_ended: bool = False
    problem: str = ""
    """Why it cannot be tested."""


@dataclass(frozen=True)
class LrRangeStart:
    """From where a test begins."""

    config: RunConfig
    step: int = 0
    checkpoint: Path | None = None


def range_start(run: Path, step: int | None = None) -> LrRangeStart:
    """The latest checkpoint of a run at or before a step, with steps left to train; the initial weights without one.

    The run is only read.
    """
    config = read_config(run)
    last = config.training.steps - 1 if step is None else min(config.training.steps - 1, step)
    there = [stored for stored in stored_checkpoints(run / CHECKPOINTS) if 0 < stored.step <= last]
    return LrRangeStart(config, there[-1].step, there[-1].path) if there else LrRangeStart(config)


async def lr_range_reports(start: LrRangeStart, tester: tuple[str, ...] = _TESTER) -> AsyncGenerator[LrRangeReport]:
    """StoreError where it cannot be done."""
    process = await asyncio.create_subprocess_exec(
        *tester, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    complaints = asyncio.create_task(process.stderr.read())
    try:
        checkpoint = str(start.checkpoint) if start.checkpoint else ""
        process.stdin.write(encode(LrRangeRequest(config=start.config.to_toml(), checkpoint=checkpoint)) + b"\n")
        async for line in process.stdout:
            report = msgspec.json.decode(line, type=LrRangeReport, strict=False)
            if report.problem:
                raise StoreError(report.problem)
            yield report
            if report.has_ended:
                return
        words = (await complaints).decode(errors="replace").strip().splitlines()
        raise StoreError(f"the LR range test failed: {words[-1] if words else 'it did not say why'}")
    finally:
        if process.returncode is None:
            process.kill()
        complaints.cancel()
        await process.wait()
