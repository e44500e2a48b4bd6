"""Lets the model of a run that does not train write, in a process of its own: here torch is not imported."""

import asyncio
import os
import sys
from pathlib import Path

from ..events import ProtocolError, Sample, SampleGenerated, decode_event, encode
from .run import ClientError

SAMPLER = (sys.executable, "-P", "-m", "tinygpt_tui.engine.training.sample_checkpoint")


async def sample_stored(run: Path, wanted: Sample) -> SampleGenerated:
    """What its latest checkpoint writes; ClientError where there is none that can be read."""
    process = await asyncio.create_subprocess_exec(
        *SAMPLER,
        os.fspath(run),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, errors = await process.communicate(encode(wanted) + b"\n")
    except asyncio.CancelledError:
        process.kill()
        raise
    try:
        event = decode_event(said)
    except ProtocolError:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise ClientError(lines[-1] if lines else f"{run.name}: its model could not write") from None
    assert isinstance(event, SampleGenerated)
    return event
