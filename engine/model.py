"""The GPT: a decoder-only transformer over bytes (Radford et al. 2019), with the choices that a person can compare."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attend
from .config import ModelConfig

VOCABULARY = 259
"""256 byte values and 3 specials, so an untrained model's loss is ln 259 = 5.557."""
INIT_STD = 0.02


class Norm(nn.Module):
    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.shape = (width,)
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if kind == "layernorm" else None

    def forward(self, x_BTC: Tensor) -> Tensor:
        if self.bias is None:
            return F.rms_norm(x_BTC, self.shape, self.weight)
        return F.layer_norm(x_BTC, self.shape, self.weight, self.bias)


class Attention(nn.Module):
    """Causal self-attention; H heads of size D share the width C."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.rotary = config.positions == "rotary"
        self.dropout = config.dropout
        self.attend: Callable[[Tensor, float], Tensor] = attend
        """(B, T, C): values weighted by how queries match keys, as a function of all three and of the dropout."""
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x_BTC: Tensor) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        y_BTC = self.out(self.attend(self.project(x_BTC), dropout))
        return F.dropout(y_BTC, dropout) if dropout else y_BTC

    def project(self, x_BTC: Tensor) -> Tensor:
        """Queries, keys and values, (3, B, H, T, D)."""
        B, T, C = x_BTC.shape
        qkv_3BHTD = self.qkv(x_BTC).view(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        return torch.cat((rotate(qkv_3BHTD[:2]), qkv_3BHTD[2:])) if self.rotary else qkv_3BHTD

    def largest_logit(self, x_BTC: Tensor) -> Tensor:
        """Largest scaled score before the softmax, future positions left out."""
        q_BHTD, k_BHTD, _ = self.project(x_BTC)
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

    def forward(self, x_BTC: Tensor) -> Tensor:
        hidden = self.up(x_BTC)
        if self.gated:
            gate, hidden = hidden.chunk(2, dim=-1)
            hidden = F.silu(gate) * hidden
        else:
            hidden = F.gelu(hidden)
        y_BTC = self.down(hidden)
        return F.dropout(y_BTC, self.dropout) if self.dropout and self.training else y_BTC


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = Norm(config.width, config.norm)
        self.attention = Attention(config)
        self.feed_forward_norm = Norm(config.width, config.norm)
        self.feed_forward = FeedForward(config)

    def forward(self, x_BTC: Tensor) -> Tensor:
        x_BTC = x_BTC + self.attention(self.attention_norm(x_BTC))
        return x_BTC + self.feed_forward(self.feed_forward_norm(x_BTC))


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
        x_BTC = self.embed(tokens_BT)
        for block in self.blocks:
            x_BTC = block(x_BTC)
        return self.logits(x_BTC)

    def embed(self, tokens_BT: Tensor) -> Tensor:
        """Embeddings, in the precision of the blocks."""
        x_BTC = self.tokens(tokens_BT)
        if self.positions is not None:
            length = tokens_BT.shape[1]
            whole = length == self.config.context  # the usual case needs no slice, which has a gradient of its own
            x_BTC = x_BTC + (self.positions.weight if whole else self.positions.weight[:length])
        return x_BTC.to(self.norm.weight.dtype)

    def logits(self, x_BTC: Tensor) -> Tensor:
        return F.linear(self.norm(x_BTC), self.head.weight.to(x_BTC.dtype))

    def set_dropout(self, dropout: float) -> None:
        for module in self.modules():
            if isinstance(module, Attention | FeedForward):
                module.dropout = dropout

    @torch.no_grad()
    def vital_signs(self, tokens_BT: Tensor) -> tuple[float, float]:
        """Largest attention logit and mean log Z: both grow before a transformer diverges (Wortsman et al. 2023)."""
        largest = []
        x_BTC = self.embed(tokens_BT)
        for block in self.blocks:
            assert isinstance(block, Block)
            largest.append(block.attention.largest_logit(block.attention_norm(x_BTC)))
            x_BTC = block(x_BTC)
        log_z = self.logits(x_BTC).float().logsumexp(-1).mean()
        return torch.stack(largest).amax().item(), log_z.item()


def rotate(x_BHTD: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021), base 10000, halves rotated."""
    half = x_BHTD.shape[-1] // 2
    frequencies = 10_000.0 ** (-torch.arange(half, device=x_BHTD.device) / half)
    angle = torch.arange(x_BHTD.shape[-2], device=x_BHTD.device)[:, None] * frequencies
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
