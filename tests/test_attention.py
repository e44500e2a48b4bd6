"""torch's attention in full precision is the oracle."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tinygpt_tui.engine.training.attention import MAX_CONTEXT, MIN_ROWS, _causal_mask, attend


def random_heads(length: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 2, 3, length, 8, generator=generator).to(dtype).requires_grad_()


@pytest.mark.parametrize("length", [1, 2, 33, MIN_ROWS, MIN_ROWS + 1, 3 * MIN_ROWS, 777, MAX_CONTEXT, MAX_CONTEXT + 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_attention_and_its_gradients_are_those_of_torch(length: int, dtype: torch.dtype, tolerance: float) -> None:
    ours = random_heads(length, dtype)
    exact = ours.detach().double().requires_grad_()
    seen = torch.ones(length, length, dtype=torch.bool).tril()
    y_NC = attend(*ours, dropout=0.0)
    expected_BHTD = F.scaled_dot_product_attention(*exact, attn_mask=seen)
    expected_NC = expected_BHTD.transpose(1, 2).flatten(0, 1).flatten(1)
    towards = torch.randn(y_NC.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad(y_NC, ours, towards.to(dtype))
    (expected_gradient,) = torch.autograd.grad(expected_NC, exact, towards.double())
    for mine, theirs in ((y_NC, expected_NC), *zip(gradient, expected_gradient, strict=True)):
        assert mine.dtype == dtype
        assert (mine.double() - theirs).abs().max() <= tolerance * max(theirs.abs().max().item(), 1.0)


@pytest.mark.parametrize("length", [1, 2, 33, 300])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_the_last_position_can_be_asked_alone(length: int, dtype: torch.dtype, tolerance: float) -> None:
    q, k, v = random_heads(length, dtype).detach()
    together_BTC = attend(q, k, v, 0.0).view(len(q), length, -1)
    alone_BC = attend(q[:, :, -1:], k, v, 0.0)
    torch.testing.assert_close(alone_BC, together_BTC[:, -1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_leaves_the_expectation(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    heads = random_heads(16, dtype).detach()
    heads[2] = 1
    dropped = torch.stack([attend(*heads, dropout=0.5) for _ in range(200)]).float()
    assert dropped.std() > 0.1
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.05)


def test_a_model_that_has_only_generated_can_still_be_trained() -> None:
    _causal_mask.cache_clear()
    heads = random_heads(4, torch.bfloat16)
    with torch.inference_mode():
        attend(*heads, dropout=0.0)
    (gradient,) = torch.autograd.grad(attend(*heads, dropout=0.0).sum(), heads)
    assert gradient[2].isfinite().all() and gradient[2].any()
