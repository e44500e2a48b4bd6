"""Text from a run that lies on disk: its latest checkpoint writes, nothing trains.

`python -m tinygpt_tui.engine.training.sample_checkpoint RUN` reads one `sample` command and writes one `sample` event.
"""

import sys
from pathlib import Path

import torch

from ..config import ConfigError
from ..events import Sample, SampleGenerated, decode_command, encode
from ..storage.run_folder import StoreError
from ..storage.run_store import read_config
from .checkpoints import stored_checkpoints
from .generate import generate
from .memory_budget import require_memory_for_weights
from .model import GPT
from .snapshot import CheckpointError, load_weights


def sample_from_run(run: Path, *, prompt: str, tokens: int, temperature: float, top_k: int, seed: int) -> str:
    """CheckpointError where the run has no checkpoint that can be read."""
    config = read_config(run)
    checkpoints = stored_checkpoints(run / "checkpoints")
    if not checkpoints:
        raise CheckpointError(f"{run}: has no checkpoint yet; train it for {config.storage.checkpoint_every} steps")
    require_memory_for_weights(config.model)
    model = GPT(config.model, torch.Generator().manual_seed(seed))
    named = dict(model.named_parameters())
    load_weights(checkpoints[-1].path, list(named), list(named.values()))
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
    step = next((each.step for each in reversed(stored_checkpoints(run / "checkpoints"))), 0)
    prompt = usual.sample_prompt if wanted.prompt is None else wanted.prompt
    temperature = usual.temperature if wanted.temperature is None else wanted.temperature
    top_k = wanted.top_k or usual.top_k
    text = sample_from_run(
        run,
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
