"""Causal attention: torch's fused kernel, but for bfloat16 on a processor, where plain matrix products are quicker.

torch 2.13's fused kernel multiplies bf16 at a quarter of the speed that oneDNN reaches where there is no AMX.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .torch_private import softmax_backward

LONGEST = 1024
MOST_WEIGHTS = 1 << 25
"""Up to this context and number of weights those of a whole layer are kept; their memory grows with the square of the
context, the fused kernel's does not."""
LEAST_ROWS = 128
"""Positions are taken so many at once, or a quarter of a longer context: what is yet to come need not be multiplied."""


def attend(q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor, dropout: float) -> Tensor:
    """What each position takes from itself and those before it, (B * T, H * D).

    Queries are those of all positions or of the last one.
    """
    B, H, T, D = q_BHTD.shape
    is_rounded = q_BHTD.dtype == torch.bfloat16 and q_BHTD.device.type == "cpu"
    is_small = T <= LONGEST and B * H * T * T <= MOST_WEIGHTS
    if is_rounded and is_small and T > 1 and not dropout:
        y_BHTD = _PlainAttention.apply(q_BHTD, k_BHTD, v_BHTD)
    else:
        y_BHTD = F.scaled_dot_product_attention(q_BHTD, k_BHTD, v_BHTD, is_causal=T > 1, dropout_p=dropout)
    return y_BHTD.transpose(1, 2).reshape(B * T, H * D)


class _PlainAttention(torch.autograd.Function):
    """N = B * H heads; rows s to e of the weights reach back to all e first keys."""

    @staticmethod
    def forward(ctx: Any, *qkv: Tensor) -> Tensor:
        heads = torch.stack(qkv).flatten(1, 2)
        q_NTD, k_NTD, v_NTD = heads
        y_NTD = torch.empty_like(q_NTD)
        weights = []
        for s, e in _rows(q_NTD.shape[1]):
            future = _future()[s:e, :e].expand(len(q_NTD), e - s, e)
            scores = torch.baddbmm(future, q_NTD[:, s:e], k_NTD[:, :e].mT, alpha=_scale(q_NTD))
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
    rows = max(LEAST_ROWS, math.ceil(length / 4))
    for start in range(0, length, rows):
        yield start, min(start + rows, length)


def _scale(q: Tensor) -> float:
    return 1 / math.sqrt(q.shape[-1])


@cache
@torch.inference_mode(False)  # a run may sample before it trains
def _future() -> Tensor:
    """What is added to the scores: nothing, and minus infinity for what is yet to come."""
    return torch.full((LONGEST, LONGEST), -math.inf, dtype=torch.bfloat16).triu(1)
