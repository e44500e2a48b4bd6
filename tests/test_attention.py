"""torch's attention in full precision is the oracle."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tinygpt_tui.engine.attention import LONGEST_WHOLE, _future, attend


def random_heads(length: int, dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, length, 8, generator=generator).to(dtype).requires_grad_() for _ in range(3)]


@pytest.mark.parametrize("length", [1, 2, 33, LONGEST_WHOLE + 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_attention_and_its_gradients_are_those_of_torch(length: int, dtype: torch.dtype, tolerance: float) -> None:
    q, k, v = ours = random_heads(length, dtype)
    exact = [x.detach().double().requires_grad_() for x in ours]
    seen = torch.ones(length, length, dtype=torch.bool).tril()
    y, expected = attend(q, k, v, 0.0), F.scaled_dot_product_attention(*exact, attn_mask=seen)
    towards = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    gradients = torch.autograd.grad(y, ours, towards.to(dtype))
    expected_gradients = torch.autograd.grad(expected, exact, towards.double())
    for mine, theirs in zip((y, *gradients), (expected, *expected_gradients), strict=True):
        assert mine.dtype == dtype
        assert (mine.double() - theirs).abs().max() <= tolerance * max(theirs.abs().max().item(), 1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_leaves_the_expectation(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    q, k, _ = random_heads(16, dtype)
    ones = torch.ones(2, 3, 16, 8, dtype=dtype)
    dropped = torch.stack([attend(q, k, ones, 0.5) for _ in range(200)]).float()
    assert dropped.std() > 0.1
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.05)


def test_a_model_that_has_only_generated_can_still_be_trained() -> None:
    _future.cache_clear()
    q, k, v = random_heads(4, torch.bfloat16)
    with torch.inference_mode():
        attend(q, k, v, 0.0)
    attend(q, k, v, 0.0).sum().backward()
    assert v.grad is not None and v.grad.isfinite().all()
