"""Text from a model: one byte after another, by temperature and top-k."""

import torch
from torch import Tensor

from .model import GPT

BYTES = 256
"""Tokens below this are bytes; the specials above are never generated."""


@torch.inference_mode()
def generate(
    model: GPT, prompt: bytes, *, tokens: int, temperature: float, top_k: int, generator: torch.Generator
) -> bytes:
    """Up to `tokens` bytes after the prompt; temperature 0 always takes the likeliest."""
    device = next(model.parameters()).device
    context = model.config.context
    sequence = torch.tensor([list(prompt) or [ord("\n")]], device=device)
    training = model.training
    model.eval()
    try:
        for _ in range(tokens):
            logits = model(sequence[:, -context:])[0, -1, :BYTES]
            following = _choose(logits.float().cpu(), temperature, top_k, generator)
            sequence = torch.cat((sequence, following.view(1, 1).to(device)), dim=1)
    finally:
        model.train(training)
    return bytes(sequence[0, -tokens:].tolist()) if tokens else b""


def _choose(logits: Tensor, temperature: float, top_k: int, generator: torch.Generator) -> Tensor:
    if not torch.isfinite(logits).all():
        return torch.zeros((), dtype=torch.long)  # a model of NaN has nothing to say
    if temperature == 0:
        return logits.argmax()
    best = logits.topk(min(top_k, BYTES))
    chosen = torch.multinomial((best.values / temperature).softmax(-1), 1, generator=generator)
    return best.indices[chosen]
