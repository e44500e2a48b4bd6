"""Text from a run that lies on disk: one of its checkpoints writes, nothing trains."""

import os
from pathlib import Path

import torch

from ..storage.run_folder import CHECKPOINTS
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
