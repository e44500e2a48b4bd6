"""Text from a model: one byte after another, each drawn from what the model expects and appended to what it reads."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from ..config import InstrumentsConfig
from ..events import Sample, SampleGenerated
from ..long_work import LongWork
from ..vocabulary import BYTE_VALUES
from .model import GPT


@torch.inference_mode()
def generate(
    model: GPT,
    prompt: bytes,
    *,
    tokens: int,
    temperature: float,
    top_k: int,
    generator: torch.Generator,
    long_work: LongWork | None = None,
) -> bytes:
    """`tokens` bytes that follow the prompt."""
    device = next(model.parameters()).device
    context = model.config.context
    given = list(prompt) or [ord("\n")]
    sequence = torch.zeros(1, len(given) + tokens, dtype=torch.long, device=device)
    sequence[0, : len(given)] = torch.tensor(given)
    training = model.training
    model.eval()
    caches, read = model.new_kv_cache(), 0
    try:
        for end in range(len(given), len(given) + tokens):
            if end <= context:
                logits = model.next_token_logits(sequence[:, read:end], caches)[0]
                read = end
            else:  # the window slides: every token has another position, and the cache is of no use
                logits = model(sequence[:, end - context : end])[0, -1]
            # specials are never generated
            sequence[0, end] = _choose(logits[:BYTE_VALUES].float().cpu(), temperature, top_k, generator)
            if long_work:
                long_work.between_pieces()
    finally:
        model.train(training)
    return bytes(sequence[0, len(given) :].tolist())


def generate_sample(
    model: GPT,
    defaults: InstrumentsConfig,
    command: Sample,
    *,
    step: int,
    seed: int,
    long_work: LongWork,
) -> SampleGenerated:
    """The answer to a command, which may leave any setting to the run's defaults; ConfigError where one cannot be."""
    asked = {
        "sample_prompt": command.prompt,
        "temperature": command.temperature,
        "top_k": command.top_k,
        "sample_tokens": command.tokens,
    }
    wanted = replace(defaults, **{key: value for key, value in asked.items() if value is not None})
    text = generate(
        model,
        wanted.sample_prompt.encode(errors="surrogateescape"),
        tokens=wanted.sample_tokens,
        temperature=wanted.temperature,
        top_k=wanted.top_k,
        generator=torch.Generator().manual_seed(seed),
        long_work=long_work,
    )
    return SampleGenerated(
        step=step,
        prompt=wanted.sample_prompt,
        text=text.decode(errors="replace"),
        temperature=wanted.temperature,
        top_k=wanted.top_k,
    )


def _choose(logits: Tensor, temperature: float, top_k: int, generator: torch.Generator) -> Tensor:
    """A token from softmax(logits / temperature) over the top_k likeliest.

    A temperature below 1 favours likely tokens, and 0 always takes the likeliest. The rest is cut off because many
    unlikely tokens together are likely, and one of them is enough to derail a text (Fan et al. 2018).
    """
    best = logits.topk(min(top_k, BYTE_VALUES))
    if not math.isfinite(best.values[0].item()):  # a NaN is sorted first
        return torch.zeros((), dtype=torch.long)  # the byte 0, for a model whose weights are NaN
    if temperature == 0:
        return best.indices[0]
    # torch.multinomial gives the same distribution and takes as long as the model
    reached = (best.values / temperature).softmax(-1).cumsum(0)
    drawn = torch.rand(1, generator=generator) * reached[-1]
    return best.indices[torch.searchsorted(reached, drawn).clamp_(max=len(reached) - 1)[0]]
