"""Asks probes of a run, in a process of its own: here torch is not imported."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from ..events import encode
from ..storage.run_folder import StoreError
from .probes import ProbeAnswer

# -P: a torch.py in the folder where a person stands is not imported
_PROBER = (sys.executable, "-P", "-m", "tinygpt_tui.engine.training.probes.asked")


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    answer: ProbeAnswer | None = None
    problem: str = ""
    """Why the run cannot be asked."""


async def probe(run: Path, names: Sequence[str], prober: Sequence[str] = _PROBER) -> AsyncGenerator[ProbeAnswer, None]:
    """The answers in the order of the names, each as soon as it is there; StoreError where the run cannot be asked.

    The process ends with the generator.
    """
    process = await asyncio.create_subprocess_exec(
        *prober,
        os.fspath(run),
        *names,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        async for line in process.stdout:
            report = msgspec.json.decode(line, type=ProbeReport, strict=False)
            if report.answer is None:
                raise StoreError(report.problem)
            yield report.answer
        if await process.wait():
            words = (await errors).decode(errors="replace").strip().splitlines()
            raise StoreError(f"{run.name}: the probe failed: {words[-1] if words else f'exit {process.returncode}'}")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        errors.cancel()
        await process.wait()


def probe_report_line(report: ProbeReport) -> bytes:
    return encode(report) + b"\n"
