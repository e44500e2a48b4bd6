"""A plain GPT and its training loop, the way a good PyTorch textbook writes them: what the engine is held against."""

import time
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinygpt_tui.engine.config import ModelConfig
from tinygpt_tui.engine.training.model import GPT
from tinygpt_tui.engine.vocabulary import VOCABULARY


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


class PlainGPT(nn.Module):
    """What the engine trains by default, under the same names."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, config.width)
        self.positions = nn.Embedding(config.context, config.width)
        self.blocks = nn.Sequential(*(Block(config.width, config.heads) for _ in range(config.layers)))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, VOCABULARY, bias=False)
        self.head.weight = self.tokens.weight
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def train(model: nn.Module, tokens: np.ndarray, context: int, batch: int) -> Iterator[None]:
    """One step each time it is pulled."""
    data = torch.from_numpy(tokens.astype(np.int64))
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
    asked: SimpleQueue[int],
    answered: SimpleQueue[float],
    config: ModelConfig,
    tokens: np.ndarray,
    batch: int,
    *,
    own_model: bool,
) -> None:
    """Be a process of its own: asked for some steps, it takes them and says how many seconds they took.

    Without a model of its own the loop trains the engine's.
    """
    torch.manual_seed(0)
    model = PlainGPT(config) if own_model else GPT(config, torch.Generator().manual_seed(0))
    loop = train(model, tokens, config.context, batch)
    while steps := asked.get():
        began = time.perf_counter()
        for _ in range(steps):
            next(loop)
        answered.put(time.perf_counter() - began)
