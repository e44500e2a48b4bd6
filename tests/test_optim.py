"""torch.optim is the oracle, and every kind of optimizer is complete."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tinygpt_tui.engine.config import ConfigError, ModelConfig, OptimizerConfig, RunConfig, ScheduleConfig
from tinygpt_tui.engine.diagnostics.diagnosis import facts_of
from tinygpt_tui.engine.events import StepFinished
from tinygpt_tui.engine.optimizers import OPTIMIZERS, OptimizerKind
from tinygpt_tui.engine.training.memory_budget import least_parameters, require_memory
from tinygpt_tui.engine.training.optim import OPTIMIZER_CLASSES, FlatParameters, new_optimizer

from .texts import small_config, small_corpus, training_events


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Linear(7, 3))


def adam(
    kind: type[torch.optim.Adam | torch.optim.AdamW], groups: list[dict[str, Any]], config: OptimizerConfig, lr: float
) -> torch.optim.Optimizer:
    return kind(groups, lr=lr, betas=(config.beta1, config.beta2), eps=config.eps)


ORACLES: dict[str, Callable[[list[dict[str, Any]], OptimizerConfig, float], torch.optim.Optimizer]] = {
    "sgd": lambda groups, config, lr: torch.optim.SGD(groups, lr=lr),
    "momentum": lambda groups, config, lr: torch.optim.SGD(groups, lr=lr, momentum=config.momentum),
    "adam": partial(adam, torch.optim.Adam),
    "adamw": partial(adam, torch.optim.AdamW),
}


def oracle(config: OptimizerConfig, model: nn.Module, lr: float) -> torch.optim.Optimizer:
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return ORACLES[config.kind](groups, config, lr)


configs = st.builds(
    OptimizerConfig,
    kind=st.sampled_from(sorted(ORACLES)),
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
    optimizer, reference = new_optimizer(config, flat), oracle(config, theirs, lr)
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
    optimizer = new_optimizer(OptimizerConfig(kind="adam", bias_correction=False, weight_decay=0.0), flat)
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
        new_optimizer(OptimizerConfig(), flat).step(0.01, 0.1)
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
    new_optimizer(OptimizerConfig(kind="adamw"), flat).step(0.1, 0.5)
    for name, p in model.named_parameters():
        expected = before[name] * 0.95 if p.dim() >= 2 else before[name]
        torch.testing.assert_close(p.detach(), expected)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_gradient_of_nan_neither_raises_nor_is_hidden(kind: OptimizerKind) -> None:
    flat = FlatParameters(network())
    flat.gradients.fill_(float("nan"))
    optimizer = new_optimizer(OptimizerConfig(kind=kind), flat)
    optimizer.step(0.1, 0.0)
    assert any(buffer.isnan().all() for buffer in (flat.weights, *optimizer.state.values()))


def test_every_kind_has_a_class_and_a_description() -> None:
    assert set(OPTIMIZERS) == set(OPTIMIZER_CLASSES) == set(get_args(OptimizerKind))


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_kind_that_torch_has_is_compared_with_it(kind: OptimizerKind) -> None:
    known_to_torch = {name.lower() for name in vars(torch.optim)}
    assert kind in ORACLES or kind not in known_to_torch


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_hyperparameter_that_a_kind_names_changes_its_steps_and_no_other_does(kind: OptimizerKind) -> None:
    def weights(config: OptimizerConfig) -> torch.Tensor:
        flat = FlatParameters(network())
        optimizer = new_optimizer(config, flat)
        for step in range(3):
            flat.gradients.copy_(torch.randn(flat.gradients.shape, generator=torch.Generator().manual_seed(step)))
            optimizer.step(0.01, 0.1)
        return flat.weights

    config = OptimizerConfig(kind=kind)
    others = {"momentum": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-2, "bias_correction": False}
    reads = {
        name for name, value in others.items() if not weights(config).equal(weights(replace(config, **{name: value})))
    }
    assert reads == set(OPTIMIZERS[kind].hyperparameters)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_kind_learns_at_its_usual_lr(kind: OptimizerKind) -> None:
    lr = OPTIMIZERS[kind].usual_lr
    schedule = ScheduleConfig(lr=lr, min_lr=lr / 10)
    config = replace(small_config(steps=300), optimizer=OptimizerConfig(kind=kind), schedule=schedule)
    events = training_events(config, small_corpus())
    losses = [event.loss for event in events if isinstance(event, StepFinished) and event.loss is not None]
    assert sum(losses[-10:]) / 10 < losses[0] - 0.5


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_the_diagnosis_knows_the_usual_lr_of_every_kind(kind: OptimizerKind) -> None:
    def is_high(lr: float) -> bool:
        return facts_of(
            RunConfig(optimizer=OptimizerConfig(kind=kind), schedule=ScheduleConfig(lr=lr, min_lr=0.0))
        ).lr_is_high

    assert OPTIMIZERS[kind].source
    assert not is_high(OPTIMIZERS[kind].usual_lr)
    assert is_high(10 * OPTIMIZERS[kind].usual_lr)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_the_memory_budget_counts_the_state_of_every_kind(kind: OptimizerKind) -> None:
    model = nn.Linear(30, 20)
    flat = FlatParameters(model)
    state = new_optimizer(OptimizerConfig(kind=kind), flat).state.values()
    buffers = sum(tensor.numel() for tensor in state if tensor.dim()) // flat.weights.numel()

    large = ModelConfig(layers=12, width=768, context=2)  # so large that its weights are nearly all
    config = RunConfig(model=large, optimizer=OptimizerConfig(kind=kind))
    needed = 4 * (2 + buffers) * least_parameters(large)
    require_memory(config, physical=int(1.01 * needed))
    with pytest.raises(ConfigError):
        require_memory(config, physical=int(0.99 * needed))


def test_a_kind_that_is_not_there_is_refused() -> None:
    kinds = " or ".join(map(repr, OPTIMIZERS))
    with pytest.raises(ConfigError, match=f"optimizer.kind = 'adamm' should be {kinds}"):
        RunConfig().with_values({"optimizer.kind": "adamm"})
