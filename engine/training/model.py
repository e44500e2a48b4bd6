"""The GPT: a decoder-only transformer over bytes (Vaswani et al. 2017, Radford et al. 2019).

It reads T tokens and gives, at each position, a score for every token that may come next:

    tokens (B, T) -> embeddings (N, C) -> blocks (N, C), `layers` times -> norm -> head: logits (N, V)

The name of a tensor ends in its dimensions, a letter each:

    B  sequences in a batch         C  width of the residual stream
    T  tokens in a sequence         H  attention heads
    N  = B * T, all tokens          D  = C / H, width of a head
    V  tokens in the vocabulary

Only attention looks at sequences; everything else treats N tokens alike, so no matrix product needs a change of shape,
which the backward pass would have to undo.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import ModelConfig
from ..vocabulary import VOCABULARY
from .attention import KVCache, attend, rotate

INIT_STD = 0.02
"""GPT-2's: small enough that untrained logits are nearly equal, so that the loss starts at ln V."""


class Norm(nn.Module):
    """Gives each token's vector x a scale of 1, so that depth neither blows it up nor lets it fade.

    LayerNorm: (x - mean(x)) / sqrt(var(x) + eps) * weight + bias (Ba et al. 2016).
    RMSNorm: x / sqrt(mean(x^2) + eps) * weight, as good without mean and bias (Zhang and Sennrich 2019).
    """

    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.shape = (width,)
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if kind == "layernorm" else None

    def forward(self, x_NC: Tensor) -> Tensor:
        if self.bias is None:
            return F.rms_norm(x_NC, self.shape, self.weight)
        return F.layer_norm(x_NC, self.shape, self.weight, self.bias)


class Attention(nn.Module):
    """Causal self-attention: softmax(Q K^T / sqrt(D)) V, for H heads side by side (Vaswani et al. 2017).

    Each position asks with its query, is found by its key, and hands over its value. A score is the product of a query
    and a key; divided by sqrt(D), it has a variance of 1 whatever D is, and the softmax does not saturate. Causal means
    that a position sees itself and those before it: what comes later is what it shall predict.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.rotary = config.positions == "rotary"
        self.dropout = config.dropout
        self.attend: Callable[[Tensor, Tensor, Tensor, float], Tensor] = attend
        """Queries, keys, values and the dropout to (N, C); an attribute, so that a fault can replace it."""
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x_NC: Tensor, T: int, cache: KVCache | None = None) -> Tensor:
        q_BHTD, k_BHTD, v_BHTD = self.project(x_NC, T, cache.length if cache else 0)
        if cache is not None:
            k_BHTD, v_BHTD = cache.extended(k_BHTD, v_BHTD)
        dropout = self.dropout if self.training else 0.0
        y_NC = self.out(self.attend(q_BHTD, k_BHTD, v_BHTD, dropout))
        return F.dropout(y_NC, dropout) if dropout else y_NC

    def project(self, x_NC: Tensor, T: int, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (B, H, T, D); the first position is `start`, which rotary positions must know."""
        qkv_BT3HD = self.qkv(x_NC).view(-1, T, 3, self.heads, x_NC.shape[1] // self.heads)
        if self.rotary:
            qk_BT2HD, v_BT1HD = qkv_BT3HD.split((2, 1), dim=2)
            q_BHTD, k_BHTD = rotate(qk_BT2HD.permute(2, 0, 3, 1, 4), start)  # together: half as many operations
            return q_BHTD, k_BHTD, v_BT1HD.squeeze(2).transpose(1, 2)
        q_BHTD, k_BHTD, v_BHTD = (part_BTHD.transpose(1, 2) for part_BTHD in qkv_BT3HD.unbind(2))
        return q_BHTD, k_BHTD, v_BHTD

    def max_attention_logit(self, x_NC: Tensor, T: int) -> Tensor:
        """The largest score q k / sqrt(D) that any position gives to itself or an earlier one."""
        q_BHTD, k_BHTD, _ = self.project(x_NC, T)
        scores = (q_BHTD @ k_BHTD.transpose(-1, -2)).float() / math.sqrt(q_BHTD.shape[-1])
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        return scores.masked_fill(~seen, -math.inf).amax()


class FeedForward(nn.Module):
    """What a block computes for each token on its own; two thirds of its weights are here.

    GELU: down(gelu(up(x))), four times as wide inside; gelu(x) = x P(z <= x) for a standard normal z, a ReLU without
    the corner (Hendrycks and Gimpel 2016).
    SwiGLU: down(silu(gate(x)) * up(x)), silu(x) = x sigmoid(x); 8/3 as wide, for as many weights (Shazeer 2020).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gated = config.activation == "swiglu"
        self.dropout = config.dropout
        hidden = 8 * config.width // 3 if self.gated else 4 * config.width
        self.up = nn.Linear(config.width, 2 * hidden if self.gated else hidden)  # gate and up in one product
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
    """x + attention(norm(x)), then x + feed_forward(norm(x)).

    The sums are the residual stream: gradients pass them unchanged from the head to the embeddings. The norms stand
    before the layers and not after them, which trains without a long warm-up (Radford et al. 2019, Xiong et al. 2020).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = Norm(config.width, config.norm)
        self.attention = Attention(config)
        self.feed_forward_norm = Norm(config.width, config.norm)
        self.feed_forward = FeedForward(config)

    def forward(self, x_NC: Tensor, T: int, cache: KVCache | None = None) -> Tensor:
        x_NC = x_NC + self.attention(self.attention_norm(x_NC), T, cache)
        return x_NC + self.feed_forward(self.feed_forward_norm(x_NC))


class GPT(nn.Module):
    """The whole model. With tied embeddings one matrix (V, C) serves as input and output (Press and Wolf 2017)."""

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
        """Matrices from a normal distribution, biases 0, as in GPT-2.

        2 * layers matrices add to the residual stream; divided by the root of that, their sum does not grow with depth.
        """
        for name, parameter in self.named_parameters():
            if parameter.dim() >= 2:
                residual = name.endswith(("attention.out.weight", "feed_forward.down.weight"))
                depth = math.sqrt(2 * self.config.layers) if residual else 1.0
                std = self.config.init_scale * INIT_STD / depth
                nn.init.normal_(parameter, std=std, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Logits (B, T, V): at every position, the unnormalised log-probabilities of the next token."""
        x_NC, T = self.embed(tokens_BT), tokens_BT.shape[1]
        for block in self.blocks:
            x_NC = block(x_NC, T)
        return self.logits(x_NC).view(-1, T, VOCABULARY)

    def new_kv_cache(self, batch: int = 1) -> list[KVCache]:
        """An empty cache for each layer, with room for the whole context."""
        H, T = self.config.heads, self.config.context
        keys_BHTD = self.norm.weight.new_empty(batch, H, T, self.config.width // H)
        return [KVCache(torch.empty_like(keys_BHTD), torch.empty_like(keys_BHTD)) for _ in self.blocks]

    def next_token_logits(self, tokens_BT: Tensor, caches: Sequence[KVCache]) -> Tensor:
        """Logits (B, V) after these tokens and those in the caches, which then hold both.

        Several tokens may be read into empty caches, and one at a time after that.
        """
        x_NC, T = self.embed(tokens_BT, caches[0].length), tokens_BT.shape[1]
        for block, cache in zip(self.blocks, caches, strict=True):
            x_NC = block(x_NC, T, cache)
        return self.logits(x_NC.view(-1, T, x_NC.shape[1])[:, -1])

    def embed(self, tokens_BT: Tensor, start: int = 0) -> Tensor:
        """Embeddings (N, C) of tokens at the positions from `start` on, in the precision of the blocks.

        Attention alone sees no order: a learned vector for each position is added here, or `rotate` turns them later.
        """
        x_BTC = self.tokens(tokens_BT)
        if self.positions is not None:
            length = tokens_BT.shape[1]
            whole = length == self.config.context  # the usual case needs no slice, which has a gradient of its own
            x_BTC = x_BTC + (self.positions.weight if whole else self.positions.weight[start : start + length])
        return x_BTC.flatten(0, 1).to(self.norm.weight.dtype)

    def logits(self, x_NC: Tensor) -> Tensor:
        """The head: activations (N, C) to logits (N, V)."""
        return F.linear(self.norm(x_NC), self.head.weight.to(x_NC.dtype))

    def set_dropout(self, dropout: float) -> None:
        for module in self.modules():
            if isinstance(module, Attention | FeedForward):
                module.dropout = dropout

    @torch.no_grad()
    def attention_and_output_logits(self, tokens_BT: Tensor) -> tuple[float, float]:
        """The largest attention logit of all layers, and the mean of log Z, Z being the sum of exp over the V logits.

        Both grow before a transformer diverges (Wortsman et al. 2023).
        """
        largest = []
        x_NC, T = self.embed(tokens_BT), tokens_BT.shape[1]
        for block in self.blocks:
            assert isinstance(block, Block)
            largest.append(block.attention.max_attention_logit(block.attention_norm(x_NC), T))
            x_NC = block(x_NC, T)
        log_z = self.logits(x_NC).float().logsumexp(-1).mean()
        return torch.stack(largest).amax().item(), log_z.item()


def cross_entropy(logits_BTV: Tensor, targets_BT: Tensor, reduction: str = "mean") -> Tensor:
    """The loss: -ln p(target), the surprise at the token that does come, with p = softmax(logits); in nats.

    Guessing evenly costs ln V = ln 259 = 5.557. In fp32, as bf16 numbers near 5.5 are 0.03 apart.
    """
    return F.cross_entropy(logits_BTV.flatten(0, 1).float(), targets_BT.flatten(), reduction=reduction)


def flops_per_token(config: ModelConfig, parameters: int) -> float:
    """Training FLOP a token, forward and backward: 6 N + 12 L C T (Chowdhery et al. 2022, appendix B).

    Here N is the number of weights a token is multiplied with, twice forward (multiply, add) and four times backward;
    a lookup in an embedding that is not also the head is free. 12 L C T is the scores and the weighted values.
    """
    lookups = config.context * config.width if config.positions == "learned" else 0
    if config.embeddings == "untied":
        lookups += VOCABULARY * config.width
    return 6.0 * (parameters - lookups) + 12 * config.layers * config.width * config.context
