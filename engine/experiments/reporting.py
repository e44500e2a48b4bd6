"""Work that needs torch, in a process of its own which ends with its reader: it reports in JSON lines."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec

from ..process_end import killed_words
from ..storage.run_folder import StoreError

_R = TypeVar("_R", bound="WorkReport")


class WorkReport(msgspec.Struct, frozen=True, kw_only=True):
    problem: str = ""
    """Why it cannot be done."""


def reporting_command(module: str) -> tuple[str, ...]:
    """The command of a module of `training`; -P: a torch.py in the folder where a person stands is not imported."""
    return (sys.executable, "-P", "-m", f"tinygpt_tui.engine.training.{module}")


async def reports_of(
    command: Sequence[str], kind: type[_R], what: str, request: bytes = b""
) -> AsyncGenerator[_R, None]:
    """What the process reports; `request` is its input. StoreError where `what` cannot be done or fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        process.stdin.write(request)
        process.stdin.close()
        async for line in process.stdout:
            report = msgspec.json.decode(line, type=kind, strict=False)
            if report.problem:
                raise StoreError(report.problem)
            yield report
        if await process.wait():
            raise StoreError(f"{what} failed: {_why(process.returncode or 0, await errors)}")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        errors.cancel()
        await process.wait()


def _why(status: int, errors: bytes) -> str:
    if status < 0:
        return killed_words(-status)
    words = errors.decode(errors="replace").strip().splitlines()
    return words[-1] if words else f"exit status {status}"
