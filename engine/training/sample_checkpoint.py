"""Text from a run that lies on disk: its latest checkpoint speaks, nothing trains."""

from pathlib import Path

import torch

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
