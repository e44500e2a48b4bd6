"""One request to a run, and what came of it."""

import asyncio
from pathlib import Path

from ...engine.client.opening import attach
from ...engine.client.run import ClientError, Run
from ...engine.events import Refused, RunEnded, Sample, SampleGenerated, Stop
from .follow import complain_of_silence, ending


def stop_run(path: Path) -> RunEnded | None:
    """How the run ended, when it has."""

    async def stopped() -> RunEnded | None:
        run = await attach(path)
        waiting = asyncio.create_task(complain_of_silence(run, path))
        # followed first: where the end cannot be stored, it is sent once and must come after the past
        end, _ = await asyncio.gather(ending(run), run.send(Stop()))
        waiting.cancel()
        return end

    return asyncio.run(stopped())


def live_sample(path: Path, wanted: Sample) -> str:
    """What the model of a run that trains writes now."""

    async def asked() -> str:
        run = await attach(path)
        waiting = asyncio.create_task(complain_of_silence(run, path))
        try:
            return await sampled(run, wanted)
        finally:
            waiting.cancel()

    return asyncio.run(asked())


def stored_sample(path: Path, wanted: Sample, seed: int, checkpoint: str) -> str:
    """What the model of one of a run's checkpoints writes."""
    # with torch, as nothing else here
    from ...engine.storage.stored_checkpoints import CheckpointError
    from ...engine.training.sample_checkpoint import sample_from_run

    try:
        return sample_from_run(
            path,
            checkpoint,
            prompt=wanted.prompt or "",
            tokens=wanted.tokens or 0,
            temperature=wanted.temperature or 0.0,
            top_k=wanted.top_k or 1,
            seed=seed,
        )
    except CheckpointError as error:
        raise ClientError(str(error)) from None


async def sampled(run: Run, wanted: Sample) -> str:
    """ClientError where the run refuses, or ends before."""
    samples: asyncio.Queue[SampleGenerated | None] = asyncio.Queue()
    listening = asyncio.create_task(_pass_on_samples(run, samples))
    try:
        answer = await run.send(wanted)
        if isinstance(answer, Refused):
            raise ClientError(answer.why)
        while sample := await samples.get():
            if sample.step >= answer.step and sample.prompt == wanted.prompt:
                return sample.text
        raise ClientError("the run ended before its model could write")
    finally:
        listening.cancel()


async def _pass_on_samples(run: Run, samples: asyncio.Queue[SampleGenerated | None]) -> None:
    async for batch in run.batches():
        for event in batch:
            if isinstance(event, SampleGenerated):
                samples.put_nowait(event)
    samples.put_nowait(None)
