"""Text from a run that lies on disk: one of its checkpoints writes, nothing trains.

`python -m tinygpt_tui.engine.training.sample_checkpoint RUN` reads one `sample` command and writes one `sample` event.
"""

import os
import sys
from pathlib import Path

import torch

from ..config import ConfigError
from ..events import Sample, SampleGenerated, decode_command, encode
from ..storage.run_folder import CHECKPOINTS, StoreError
from ..storage.run_store import read_config
from ..storage.stored_checkpoints import CheckpointError, find_checkpoint
from .generate import generate
from .memory_budget import require_memory_for_weights
from .model import GPT
from .snapshot import load_weights


def sample_from_run(
    run: Path, checkpoint: str, *, prompt: str, tokens: int, temperature: float, top_k: int, seed: int
) -> str:
    """`checkpoint` is what `find_checkpoint` takes; CheckpointError where the run has none such that can be read."""
    config = read_config(run)
    if not os.path.lexists(run / CHECKPOINTS):
        raise CheckpointError(f"{run}: has no checkpoint yet; train it for {config.storage.checkpoint_every} steps")
    stored = find_checkpoint(run / CHECKPOINTS, checkpoint)
    require_memory_for_weights(config.model)
    model = GPT(config.model, torch.Generator().manual_seed(seed))
    named = dict(model.named_parameters())
    load_weights(stored.path, list(named), list(named.values()))
    text = generate(
        model,
        prompt.encode(errors="surrogateescape"),
        tokens=tokens,
        temperature=temperature,
        top_k=top_k,
        generator=torch.Generator().manual_seed(seed),
    )
    return text.decode(errors="replace")


def sampled_by(run: Path, wanted: Sample) -> SampleGenerated:
    """What a command asks for; the seed is the step of the checkpoint, so that later ones do not repeat its chances."""
    usual = read_config(run).instruments
    step = find_checkpoint(run / CHECKPOINTS, "latest").step
    prompt = usual.sample_prompt if wanted.prompt is None else wanted.prompt
    temperature = usual.temperature if wanted.temperature is None else wanted.temperature
    top_k = wanted.top_k or usual.top_k
    text = sample_from_run(
        run,
        "latest",
        prompt=prompt,
        tokens=wanted.tokens or usual.sample_tokens,
        temperature=temperature,
        top_k=top_k,
        seed=step,
    )
    return SampleGenerated(step=step, prompt=prompt, text=text, temperature=temperature, top_k=top_k)


def _serve_one() -> int:
    wanted = decode_command(sys.stdin.buffer.readline())
    assert isinstance(wanted, Sample)
    try:
        event = sampled_by(Path(sys.argv[1]), wanted)
    except (CheckpointError, ConfigError, StoreError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(encode(event) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(_serve_one())
