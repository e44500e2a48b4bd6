"""The GPT: a decoder-only transformer over bytes (Radford et al. 2019), with the choices that a person can compare.

From the embeddings to the head a batch is N = B * T tokens in a row, and only attention looks at sequences: no product
needs a change of shape, which autograd would have to undo.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import ModelConfig
from ..vocabulary import VOCABULARY
from .attention import attend

INIT_STD = 0.02


class Norm(nn.Module):
    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.shape = (width,)
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if kind == "layernorm" else None

    def forward(self, x_NC: Tensor) -> Tensor:
        if self.bias is None:
            return F.rms_norm(x_NC, self.shape, self.weight)
        return F.layer_norm(x_NC, self.shape, self.weight, self.bias)


@dataclass
class Memory:
    """What a layer keeps of the positions that were read: all that a further one needs of them."""

    keys_BHTD: Tensor
    values_BHTD: Tensor
    length: int = 0
    """Positions so far; there is room for T."""

    def extended(self, k_BHTD: Tensor, v_BHTD: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values, with those of some further positions."""
        start, self.length = self.length, self.length + k_BHTD.shape[2]
        self.keys_BHTD[:, :, start : self.length] = k_BHTD
        self.values_BHTD[:, :, start : self.length] = v_BHTD
        return self.keys_BHTD[:, :, : self.length], self.values_BHTD[:, :, : self.length]


class Attention(nn.Module):
    """Causal self-attention; H heads of size D share the width C."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.rotary = config.positions == "rotary"
        self.dropout = config.dropout
        self.attend: Callable[[Tensor, Tensor, Tensor, float], Tensor] = attend
        """(N, C): values weighted by how queries match keys; a function of queries, keys, values and the dropout."""
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x_NC: Tensor, T: int, memory: Memory | None = None) -> Tensor:
        q_BHTD, k_BHTD, v_BHTD = self.project(x_NC, T, memory.length if memory else 0)
        if memory is not None:
            k_BHTD, v_BHTD = memory.extended(k_BHTD, v_BHTD)
        dropout = self.dropout if self.training else 0.0
        y_NC = self.out(self.attend(q_BHTD, k_BHTD, v_BHTD, dropout))
        return F.dropout(y_NC, dropout) if dropout else y_NC

    def project(self, x_NC: Tensor, T: int, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the positions from `start` on, (B, H, T, D) each."""
        qkv_BT3HD = self.qkv(x_NC).view(-1, T, 3, self.heads, x_NC.shape[1] // self.heads)
        if self.rotary:
            qk_BT2HD, v_BT1HD = qkv_BT3HD.split((2, 1), dim=2)
            q_BHTD, k_BHTD = rotate(qk_BT2HD.permute(2, 0, 3, 1, 4), start)  # both at once: it is many small operations
            return q_BHTD, k_BHTD, v_BT1HD.squeeze(2).transpose(1, 2)
        q_BHTD, k_BHTD, v_BHTD = (part_BTHD.transpose(1, 2) for part_BTHD in qkv_BT3HD.unbind(2))
        return q_BHTD, k_BHTD, v_BHTD

    def largest_logit(self, x_NC: Tensor, T: int) -> Tensor:
        """Largest scaled score before the softmax, future positions left out."""
        q_BHTD, k_BHTD, _ = self.project(x_NC, T)
        scores = (q_BHTD @ k_BHTD.transpose(-1, -2)).float() / math.sqrt(q_BHTD.shape[-1])
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        return scores.masked_fill(~seen, -math.inf).amax()


class FeedForward(nn.Module):
    """Four times the width through GELU, or SwiGLU with as many parameters (Shazeer 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gated = config.activation == "swiglu"
        self.dropout = config.dropout
        hidden = 8 * config.width // 3 if self.gated else 4 * config.width
        self.up = nn.Linear(config.width, 2 * hidden if self.gated else hidden)
        self.down = nn.Linear(hidden, config.width)

    def forward(self, x_NC: Tensor) -> Tensor:
        hidden = self.up(x_NC)
        if self.gated:
            gate, hidden = hidden.chunk(2, dim=-1)
            hidden = F.silu(gate) * hidden
        else:
            hidden = F.gelu(hidden)
        y_NC = self.down(hidden)
        return F.dropout(y_NC, self.dropout) if self.dropout and self.training else y_NC


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = Norm(config.width, config.norm)
        self.attention = Attention(config)
        self.feed_forward_norm = Norm(config.width, config.norm)
        self.feed_forward = FeedForward(config)

    def forward(self, x_NC: Tensor, T: int, memory: Memory | None = None) -> Tensor:
        x_NC = x_NC + self.attention(self.attention_norm(x_NC), T, memory)
        return x_NC + self.feed_forward(self.feed_forward_norm(x_NC))


class GPT(nn.Module):
    def __init__(self, config: ModelConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(VOCABULARY, config.width)
        self.positions = nn.Embedding(config.context, config.width) if config.positions == "learned" else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = Norm(config.width, config.norm)
        self.head = nn.Linear(config.width, VOCABULARY, bias=False)
        if config.embeddings == "tied":
            self.head.weight = self.tokens.weight
        self._initialise(generator)

    def _initialise(self, generator: torch.Generator) -> None:
        """Normal matrices; those that write to the residual stream shrink with depth, as in GPT-2."""
        for name, parameter in self.named_parameters():
            if parameter.dim() >= 2:
                residual = name.endswith(("attention.out.weight", "feed_forward.down.weight"))
                depth = math.sqrt(2 * self.config.layers) if residual else 1.0
                std = self.config.init_scale * INIT_STD / depth
                nn.init.normal_(parameter, std=std, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Logits (B, T, V) of each next token."""
        x_NC, T = self.embed(tokens_BT), tokens_BT.shape[1]
        for block in self.blocks:
            x_NC = block(x_NC, T)
        return self.logits(x_NC).view(-1, T, VOCABULARY)

    def memories(self, batch: int = 1) -> list[Memory]:
        """Of nothing, for each layer, with room for the whole context."""
        H, T = self.config.heads, self.config.context
        keys_BHTD = self.norm.weight.new_empty(batch, H, T, self.config.width // H)
        return [Memory(torch.empty_like(keys_BHTD), torch.empty_like(keys_BHTD)) for _ in self.blocks]

    def read(self, tokens_BT: Tensor, memories: Sequence[Memory]) -> Tensor:
        """Logits (B, V) of what follows: some tokens are read first, and then one at a time."""
        x_NC, T = self.embed(tokens_BT, memories[0].length), tokens_BT.shape[1]
        for block, memory in zip(self.blocks, memories, strict=True):
            x_NC = block(x_NC, T, memory)
        return self.logits(x_NC.view(-1, T, x_NC.shape[1])[:, -1])

    def embed(self, tokens_BT: Tensor, start: int = 0) -> Tensor:
        """Embeddings (N, C) of the positions from `start` on, in the precision of the blocks."""
        x_BTC = self.tokens(tokens_BT)
        if self.positions is not None:
            length = tokens_BT.shape[1]
            whole = length == self.config.context  # the usual case needs no slice, which has a gradient of its own
            x_BTC = x_BTC + (self.positions.weight if whole else self.positions.weight[start : start + length])
        return x_BTC.flatten(0, 1).to(self.norm.weight.dtype)

    def logits(self, x_NC: Tensor) -> Tensor:
        """(N, V)"""
        return F.linear(self.norm(x_NC), self.head.weight.to(x_NC.dtype))

    def set_dropout(self, dropout: float) -> None:
        for module in self.modules():
            if isinstance(module, Attention | FeedForward):
                module.dropout = dropout

    @torch.no_grad()
    def vital_signs(self, tokens_BT: Tensor) -> tuple[float, float]:
        """Largest attention logit and mean log Z: both grow before a transformer diverges (Wortsman et al. 2023)."""
        largest = []
        x_NC, T = self.embed(tokens_BT), tokens_BT.shape[1]
        for block in self.blocks:
            assert isinstance(block, Block)
            largest.append(block.attention.largest_logit(block.attention_norm(x_NC), T))
            x_NC = block(x_NC, T)
        log_z = self.logits(x_NC).float().logsumexp(-1).mean()
        return torch.stack(largest).amax().item(), log_z.item()


def rotate(x_BHTD: Tensor, start: int = 0) -> Tensor:
    """Rotary positions (Su et al. 2021) from `start` on, base 10000, halves rotated."""
    half = x_BHTD.shape[-1] // 2
    frequencies = 10_000.0 ** (-torch.arange(half, device=x_BHTD.device) / half)
    angle = torch.arange(start, start + x_BHTD.shape[-2], device=x_BHTD.device)[:, None] * frequencies
    cos, sin = angle.cos().to(x_BHTD.dtype), angle.sin().to(x_BHTD.dtype)
    a, b = x_BHTD[..., :half], x_BHTD[..., half:]
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


def flops_per_token(config: ModelConfig, parameters: int) -> float:
    """Training FLOP a token, forward and backward: 6 N + 12 L C T (Chowdhery et al. 2022, appendix B).

    N counts the matrices a token is multiplied with: a lookup in an embedding that is not also the head is free.
    """
    lookups = config.context * config.width if config.positions == "learned" else 0
    if config.embeddings == "untied":
        lookups += VOCABULARY * config.width
    return 6.0 * (parameters - lookups) + 12 * config.layers * config.width * config.context
