"""The parts of attention that hold no weights: rotary positions, the KV cache and the weighted sum itself.

The sum is torch's fused kernel, except for bf16 on a processor: there, without AMX, the kernel of torch 2.13 multiplies
at a quarter of the speed that oneDNN's plain matrix products reach.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .torch_private import softmax_backward

MAX_CONTEXT = 1024
MAX_WEIGHTS = 1 << 25
"""Plain attention keeps the B * H * T * T weights of a layer for the backward pass, 64 MB at most; beyond these limits
the fused kernel is used, which computes them again."""
MIN_ROWS = 128
"""Queries are multiplied in groups of so many, or of a quarter of a longer context, each with the keys up to its own
last position: of the half of all scores that the mask would remove, most are never computed."""


def rotate(x_BHTD: Tensor, start: int = 0) -> Tensor:
    """Rotary positions (Su et al. 2021): turn queries and keys by an angle that grows with their position.

    Coordinates j and j + D/2 form a pair, and position t turns it by t * 10000^(-2j/D). The product of a query and a
    key then depends on the distance between them alone: fast pairs tell neighbours apart, slow ones far places.
    """
    half = x_BHTD.shape[-1] // 2
    frequencies = 10_000.0 ** (-torch.arange(half, device=x_BHTD.device) / half)
    angle = torch.arange(start, start + x_BHTD.shape[-2], device=x_BHTD.device)[:, None] * frequencies
    cos, sin = angle.cos().to(x_BHTD.dtype), angle.sin().to(x_BHTD.dtype)
    a, b = x_BHTD[..., :half], x_BHTD[..., half:]
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


@dataclass
class KVCache:
    """The keys and values of one layer for the positions read so far.

    Earlier positions never see later ones, so theirs stay valid, and each new token costs one position instead of T.
    """

    keys_BHTD: Tensor
    values_BHTD: Tensor
    length: int = 0
    """Positions filled so far, of T."""

    def extended(self, k_BHTD: Tensor, v_BHTD: Tensor) -> tuple[Tensor, Tensor]:
        """Store the keys and values of the next positions; all of them so far, as views."""
        start, self.length = self.length, self.length + k_BHTD.shape[2]
        self.keys_BHTD[:, :, start : self.length] = k_BHTD
        self.values_BHTD[:, :, start : self.length] = v_BHTD
        return self.keys_BHTD[:, :, : self.length], self.values_BHTD[:, :, : self.length]


def attend(q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor, dropout: float) -> Tensor:
    """softmax(Q K^T / sqrt(D)) V over earlier positions, heads side by side: (N, C).

    With a KV cache there is one query, that of the last position, and keys and values of all.
    """
    B, H, T, D = q_BHTD.shape
    is_bf16_on_cpu = q_BHTD.dtype == torch.bfloat16 and q_BHTD.device.type == "cpu"
    is_small = T <= MAX_CONTEXT and B * H * T * T <= MAX_WEIGHTS
    if is_bf16_on_cpu and is_small and T > 1 and not dropout:
        y_BHTD = _PlainAttention.apply(q_BHTD, k_BHTD, v_BHTD)
    else:
        y_BHTD = F.scaled_dot_product_attention(q_BHTD, k_BHTD, v_BHTD, is_causal=T > 1, dropout_p=dropout)
    return y_BHTD.transpose(1, 2).reshape(B * T, H * D)


class _PlainAttention(torch.autograd.Function):
    """Attention written out, with its gradient; here N = B * H heads, and a group of rows is s to e.

    Forward:   S = Q K^T / sqrt(D), masked      Backward:  dV = W^T dY          dQ = dS K / sqrt(D)
               W = softmax(S)                              dW = dY V^T          dK = dS^T Q / sqrt(D)
               Y = W V                                     dS = W * (dW - sum(dW * W))
    """

    @staticmethod
    def forward(ctx: Any, *qkv: Tensor) -> Tensor:
        heads = torch.stack(qkv).flatten(1, 2)
        q_NTD, k_NTD, v_NTD = heads
        y_NTD = torch.empty_like(q_NTD)
        weights = []
        for s, e in _rows(q_NTD.shape[1]):
            mask = _causal_mask()[s:e, :e].expand(len(q_NTD), e - s, e)
            scores = torch.baddbmm(mask, q_NTD[:, s:e], k_NTD[:, :e].mT, alpha=_scale(q_NTD))
            weights.append(scores.softmax(-1))
            torch.bmm(weights[-1], v_NTD[:, :e], out=y_NTD[:, s:e])
        ctx.save_for_backward(heads, *weights)
        return y_NTD.view(qkv[0].shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BHTD: Tensor) -> Sequence[Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        heads, *weights = ctx.saved_tensors
        q_NTD, k_NTD, v_NTD = heads
        dy_NTD = dy_BHTD.reshape(q_NTD.shape)
        gradients = torch.empty_like(heads)
        dq_NTD, dk_NTD, dv_NTD = gradients
        # the last rows reach all keys: they overwrite, and the others add to what they leave
        beta = 0
        for (s, e), w in zip(reversed([*_rows(q_NTD.shape[1])]), reversed(weights), strict=True):
            dv_NTD[:, :e].baddbmm_(w.mT, dy_NTD[:, s:e], beta=beta)
            dw = torch.bmm(dy_NTD[:, s:e], v_NTD[:, :e].mT)
            dscores = softmax_backward(dw, w)
            dq_NTD[:, s:e].baddbmm_(dscores, k_NTD[:, :e], beta=0, alpha=_scale(q_NTD))
            dk_NTD[:, :e].baddbmm_(dscores.mT, q_NTD[:, s:e], beta=beta, alpha=_scale(q_NTD))
            beta = 1
        return gradients.view(3, *dy_BHTD.shape).unbind()


def _rows(length: int) -> Iterator[tuple[int, int]]:
    rows = max(MIN_ROWS, math.ceil(length / 4))
    for start in range(0, length, rows):
        yield start, min(start + rows, length)


def _scale(q: Tensor) -> float:
    return 1 / math.sqrt(q.shape[-1])


@cache
@torch.inference_mode(False)  # a run may sample before it trains
def _causal_mask() -> Tensor:
    """The causal mask, to be added to scores: 0 up to a position itself, minus infinity after it."""
    return torch.full((MAX_CONTEXT, MAX_CONTEXT), -math.inf, dtype=torch.bfloat16).triu(1)
