"""Text from a model: one byte after another, by temperature and top-k."""

import math

import torch
from torch import Tensor

from ..vocabulary import BYTE_VALUES
from .model import GPT


@torch.inference_mode()
def generate(
    model: GPT, prompt: bytes, *, tokens: int, temperature: float, top_k: int, generator: torch.Generator
) -> bytes:
    """Up to `tokens` bytes after the prompt; temperature 0 always takes the likeliest."""
    device = next(model.parameters()).device
    context = model.config.context
    given = list(prompt) or [ord("\n")]
    sequence = torch.zeros(1, len(given) + tokens, dtype=torch.long, device=device)
    sequence[0, : len(given)] = torch.tensor(given)
    training = model.training
    model.eval()
    memories, read = model.memories(), 0
    try:
        for end in range(len(given), len(given) + tokens):
            if end <= context:
                logits = model.read(sequence[:, read:end], memories)[0]
                read = end
            else:  # the window slides, and with its place every position is another
                logits = model(sequence[:, end - context : end])[0, -1]
            # specials are never generated
            sequence[0, end] = _choose(logits[:BYTE_VALUES].float().cpu(), temperature, top_k, generator)
    finally:
        model.train(training)
    return bytes(sequence[0, len(given) :].tolist())


def _choose(logits: Tensor, temperature: float, top_k: int, generator: torch.Generator) -> Tensor:
    best = logits.topk(min(top_k, BYTE_VALUES))
    if not math.isfinite(best.values[0].item()):  # a NaN is sorted first
        return torch.zeros((), dtype=torch.long)  # a model of NaN has nothing to say
    if temperature == 0:
        return best.indices[0]
    # torch.multinomial gives the same distribution and takes as long as the model
    reached = (best.values / temperature).softmax(-1).cumsum(0)
    drawn = torch.rand(1, generator=generator) * reached[-1]
    return best.indices[torch.searchsorted(reached, drawn).clamp_(max=len(reached) - 1)[0]]
