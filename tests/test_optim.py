"""torch.optim is the oracle."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tinygpt_tui.engine.config import OptimizerConfig
from tinygpt_tui.engine.training.optim import FlatParameters, Optimizer


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Linear(7, 3))


def oracle(config: OptimizerConfig, model: nn.Module, lr: float) -> torch.optim.Optimizer:
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    betas = (config.beta1, config.beta2)
    match config.kind:
        case "sgd":
            return torch.optim.SGD(groups, lr=lr)
        case "momentum":
            return torch.optim.SGD(groups, lr=lr, momentum=config.momentum)
        case "adam":
            return torch.optim.Adam(groups, lr=lr, betas=betas, eps=config.eps)
        case _:
            return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=config.eps)


configs = st.builds(
    OptimizerConfig,
    kind=st.sampled_from(["sgd", "momentum", "adam", "adamw"]),
    momentum=st.floats(0, 0.99),
    beta1=st.floats(0, 0.99),
    beta2=st.floats(0.5, 0.999),
    eps=st.sampled_from([1e-8, 1e-4]),
    weight_decay=st.sampled_from([0.0, 0.01, 0.3]),
)


@settings(max_examples=60, deadline=None)
@given(configs, st.floats(1e-5, 0.1))
def test_every_optimizer_takes_the_steps_of_torch(config: OptimizerConfig, lr: float) -> None:
    ours, theirs = network(), network()
    flat = FlatParameters(ours)
    optimizer, reference = Optimizer(config, flat), oracle(config, theirs, lr)
    for step in range(6):
        x = torch.randn(4, 5, generator=torch.Generator().manual_seed(step))
        flat.differentiate(ours(x).square().mean(), accumulate=False)
        reference.zero_grad()
        theirs(x).square().mean().backward()
        optimizer.step(lr, config.weight_decay)
        reference.step()
    for mine, yours in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, yours, rtol=2e-5, atol=2e-6)


def test_without_bias_correction_adam_is_the_plain_formula() -> None:
    model = nn.Linear(3, 2, bias=False)
    flat = FlatParameters(model)
    optimizer = Optimizer(OptimizerConfig(kind="adam", bias_correction=False, weight_decay=0.0), flat)
    weights, m, v = flat.weights.clone(), 0.0, 0.0
    for step in range(5):
        gradient = torch.randn(6, generator=torch.Generator().manual_seed(step))
        flat.gradients.copy_(gradient)
        optimizer.step(0.01, 0.0)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        weights = weights - 0.01 * m / (v**0.5 + 1e-8)
    torch.testing.assert_close(flat.weights, weights)


def test_the_weights_are_views_of_one_buffer() -> None:
    model = network()
    before = copy.deepcopy(model.state_dict())
    flat = FlatParameters(model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    flat.weights.zero_()
    assert all(not p.any() for p in model.parameters())


def test_gradients_add_up_when_they_are_accumulated() -> None:
    model = network()
    flat = FlatParameters(model)
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    flat.differentiate(model(x).square().mean(), accumulate=False)
    once = flat.gradients.clone()
    flat.differentiate(model(x).square().mean(), accumulate=True)
    torch.testing.assert_close(flat.gradients, 2 * once)


def test_rounded_weights_follow_the_exact_ones_and_embeddings_are_not_rounded() -> None:
    model = nn.Sequential(nn.Embedding(11, 5), network())
    flat = FlatParameters(model, torch.bfloat16)
    names = dict(zip(flat.names, flat.views(flat.weights), strict=True))
    for step in range(3):
        flat.gradients.copy_(torch.randn(flat.gradients.shape, generator=torch.Generator().manual_seed(step)))
        Optimizer(OptimizerConfig(), flat).step(0.01, 0.1)
        for name, p in model.named_parameters():
            dtype = torch.float32 if name == "0.weight" else torch.bfloat16
            torch.testing.assert_close(p.detach(), names[name].to(dtype), rtol=0, atol=0)
    assert flat.weights.dtype == torch.float32


@pytest.mark.parametrize("times", [1, 2])
def test_gradients_of_rounded_weights_come_back_in_full_precision(times: int) -> None:
    exact, rounded = network(), network()
    flat, rough = FlatParameters(exact), FlatParameters(rounded, torch.bfloat16)
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    for index in range(times):
        flat.differentiate(exact(x).square().mean(), accumulate=index > 0)
        rough.differentiate(rounded(x.bfloat16()).float().square().mean(), accumulate=index > 0)
    assert rough.gradients.dtype == torch.float32
    torch.testing.assert_close(rough.gradients, flat.gradients, rtol=0.05, atol=0.02)


def test_only_matrices_decay() -> None:
    model = network()
    flat = FlatParameters(model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    Optimizer(OptimizerConfig(kind="adamw"), flat).step(0.1, 0.5)
    for name, p in model.named_parameters():
        expected = before[name] * 0.95 if p.dim() >= 2 else before[name]
        torch.testing.assert_close(p.detach(), expected)


@pytest.mark.parametrize("kind", ["sgd", "momentum", "adam", "adamw"])
def test_a_gradient_of_nan_does_not_raise(kind: str) -> None:
    flat = FlatParameters(network())
    flat.gradients.fill_(float("nan"))
    Optimizer(OptimizerConfig(kind=kind), flat).step(0.1, 0.0)  # pyright: ignore[reportArgumentType]
    assert flat.weights.isnan().all()
