"""A plain PyTorch training loop, the way a good textbook writes it: what the engine is held against."""

import time
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue

import numpy as np
import torch
import torch.nn.functional as F

from tinygpt_tui.engine.config import ModelConfig
from tinygpt_tui.engine.model import GPT


def train(model_config: ModelConfig, tokens: np.ndarray, batch: int) -> Iterator[None]:
    """One step each time it is pulled."""
    context = model_config.context
    data = torch.from_numpy(tokens.astype(np.int64))
    # the engine's own model; in fp32 its attention is torch's kernel
    model = GPT(model_config, torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    while True:
        starts = torch.randint(len(data) - context, (batch,)).tolist()
        x = torch.stack([data[start : start + context] for start in starts])
        y = torch.stack([data[start + 1 : start + context + 1] for start in starts])
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield


def serve(
    asked: SimpleQueue[int], answered: SimpleQueue[float], model_config: ModelConfig, tokens: np.ndarray, batch: int
) -> None:
    """Be a process of its own: asked for some steps, it takes them and says how many seconds they took."""
    loop = train(model_config, tokens, batch)
    while steps := asked.get():
        began = time.perf_counter()
        for _ in range(steps):
            next(loop)
        answered.put(time.perf_counter() - began)
