"""Faults: each does what it says from the step it names, and without one nothing is touched."""

import math
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.config import ConfigError, RunConfig
from tinygpt_tui.engine.events import LayersMeasured, StepFinished
from tinygpt_tui.engine.fault_config import FAULTS, FaultConfig
from tinygpt_tui.engine.metrics import step_values
from tinygpt_tui.engine.training.attention import attend
from tinygpt_tui.engine.training.checkpoints import Checkpoints
from tinygpt_tui.engine.training.fault_injection import INJECTIONS, overflowing_attention
from tinygpt_tui.engine.training.trainer import Trainer

from .texts import small_config, small_corpus


def faulty(steps: int = 12, **fault: Any) -> RunConfig:
    return replace(small_config(steps=steps), fault=FaultConfig(**fault))


def rows(config: RunConfig) -> list[StepFinished]:
    trainer, events = Trainer(config, small_corpus()), []
    while not trainer.finished:
        events += trainer.advance()
    return [event for event in events if isinstance(event, StepFinished)]


def column(config: RunConfig, name: str) -> list[float]:
    return [step_values(row)[name] for row in rows(config)]


def curve(**fault: Any) -> list[float]:
    return column(faulty(**fault), "loss")


HEALTHY = {"lr_jump": 3.0, "bad_batch_weight": 5.0, "bad_batch": "targets", "gradients_scale": 9.0}
"""Says how faults would be, and asks for none."""
TRIED: tuple[tuple[dict[str, Any], int], ...] = (
    ({"nan_step": 5}, 6),
    ({"frozen_from": 5}, 6),
    ({"flipped_from": 5}, 6),
    ({"lr_jump_from": 5}, 6),
    ({"bad_batch_step": 5}, 5),
    ({"bad_batch_step": 5, "bad_batch": "targets"}, 5),
    ({"shuffled_targets": True}, 1),
    ({"random_targets": 0.5}, 1),
    ({"detached": ("layer 2",)}, 2),
    ({"no_residual": True}, 1),
    ({"gradients_scaled_from": 5, "gradients_scale": 1e-6}, 6),
)
"""Each with the first step whose loss shows it; `unstable_softmax` shows in a model whose scores are large alone."""
SCALED = {"gradients_scaled_from": 5, "gradients_scale": 1e-6}


def test_a_run_without_a_fault_is_the_same_to_the_last_bit() -> None:
    assert curve() == [row.loss for row in rows(small_config(steps=12))] == curve(**HEALTHY)


def test_every_field_asks_for_a_fault_or_says_how_one_is() -> None:
    faults = {key for fault, _ in TRIED for key in fault} | {"unstable_softmax"}
    assert faults | HEALTHY.keys() == {field.name for field in fields(FaultConfig)}


@pytest.mark.parametrize(("fault", "first"), TRIED)
def test_the_loss_differs_from_the_step_that_the_fault_names(fault: dict[str, Any], first: int) -> None:
    healthy, sick = curve(), curve(**fault)
    assert sick[: first - 1] == healthy[: first - 1]
    assert sick[first - 1] != healthy[first - 1]


ONE_OF_EACH: dict[str, dict[str, Any]] = {
    "shuffled_targets": {"shuffled_targets": True},
    "random_targets": {"random_targets": 0.5},
    "bad_batch_step": {"bad_batch_step": 2},
    "unstable_softmax": {"unstable_softmax": True},
    "detached": {"detached": ("layer 1",)},
    "no_residual": {"no_residual": True},
    "gradients_scaled_from": SCALED | {"gradients_scaled_from": 2},
    "flipped_from": {"flipped_from": 2},
    "frozen_from": {"frozen_from": 2},
    "nan_step": {"nan_step": 2},
    "lr_jump_from": {"lr_jump_from": 2},
}


@pytest.mark.parametrize("key", FAULTS)
def test_every_fault_has_an_injection_that_changes_training_and_a_sentence(key: str) -> None:
    assert FaultConfig(**ONE_OF_EACH[key]).active() == (key,)
    assert FAULTS[key] and key in INJECTIONS
    # an unstable softmax that does not overflow differs by roundings alone, which take some steps to show in a loss
    assert curve(steps=40, **ONE_OF_EACH[key]) != curve(steps=40)


def test_every_field_that_is_off_by_default_is_a_fault() -> None:
    assert {field.name for field in fields(FaultConfig) if not field.default} == set(FAULTS) == set(INJECTIONS)


def test_one_nan_gradient_makes_the_loss_nan_for_good() -> None:
    assert all(map(math.isnan, curve(nan_step=5)[5:]))


def test_frozen_gradients_are_nothing() -> None:
    norms = column(faulty(frozen_from=5), "grad_norm")
    assert min(norms[:4]) > 0 and set(norms[4:]) == {0.0}


def test_a_bad_batch_pulls_as_hard_as_it_is_told() -> None:
    light, heavy = (column(faulty(bad_batch_step=5, bad_batch_weight=weight), "grad_norm")[4] for weight in (1.0, 50.0))
    assert heavy == pytest.approx(50 * light)


def test_gradients_are_scaled_from_the_step_that_is_named() -> None:
    norms = [column(faulty(**fault), "grad_norm") for fault in ({}, SCALED)]
    assert norms[1][:4] == norms[0][:4]
    assert norms[1][4] == pytest.approx(1e-6 * norms[0][4])


def test_a_jump_of_the_rate_is_in_what_the_run_reports() -> None:
    rates = column(faulty(lr_jump_from=11, lr_jump=7.0), "lr")
    plain = column(faulty(), "lr")
    assert rates == [*plain[:10], 7 * plain[10], 7 * plain[11]]


def test_a_climbing_run_ends_above_chance() -> None:
    assert curve(steps=40, flipped_from=1)[-1] > math.log(259) + 0.5


def test_shuffled_targets_teach_no_more_than_how_frequent_bytes_are() -> None:
    counts = torch.bincount(torch.tensor(small_corpus().train).long()).double()
    share = counts[counts > 0] / counts.sum()
    entropy = -(share * share.log()).sum().item()
    config = faulty(steps=400, shuffled_targets=True)
    fast = replace(config, schedule=replace(config.schedule, lr=1e-2))
    losses = column(fast, "loss")[-100:]
    assert sum(losses) / len(losses) == pytest.approx(entropy, abs=0.25)


def test_a_detached_layer_gets_no_gradient_and_the_others_do() -> None:
    trainer = Trainer(faulty(detached=("layer 1",)), small_corpus())
    measured = [event for _ in range(5) for event in trainer.advance() if isinstance(event, LayersMeasured)]
    norms = dict(zip(measured[-1].names, measured[-1].grad_norm, strict=True))
    assert norms.pop("layer 1") == 0.0 and min(norms.values()) > 0


def heads(scale: float) -> torch.Tensor:
    return scale * torch.randn(3, 1, 2, 6, 8, generator=torch.Generator().manual_seed(0))


def test_an_unstable_softmax_is_the_usual_one_until_it_overflows() -> None:
    tame, wild = heads(1.0), heads(10.0)
    torch.testing.assert_close(overflowing_attention(*tame, dropout=0.0), attend(*tame, dropout=0.0))
    q, k, v = tame
    torch.testing.assert_close(
        overflowing_attention(q[:, :, -1:], k, v, 0.0), overflowing_attention(*tame, dropout=0.0)[-1:]
    )
    assert attend(*wild, dropout=0.0).isfinite().all()
    assert overflowing_attention(*wild, dropout=0.0).isnan().any()


def test_a_model_with_an_unstable_softmax_uses_it() -> None:
    config = faulty(steps=3, unstable_softmax=True)
    wild = replace(config, model=replace(config.model, init_scale=200.0))
    assert all(map(math.isnan, column(wild, "loss")))
    assert all(map(math.isfinite, column(replace(wild, fault=FaultConfig()), "loss")))


@settings(max_examples=8, deadline=None)
@given(
    fault=st.fixed_dictionaries(
        {},
        optional={
            "shuffled_targets": st.just(True),
            "random_targets": st.floats(0.1, 1),
            "bad_batch_step": st.integers(1, 12),
            "flipped_from": st.integers(1, 12),
            "lr_jump_from": st.integers(1, 12),
            "gradients_scaled_from": st.integers(1, 12),
            "gradients_scale": st.floats(0, 100),
            "detached": st.just(("layer 2",)),
        },
    ),
    at=st.integers(1, 11),
)
def test_a_resumed_run_has_the_same_faults(
    tmp_path_factory: pytest.TempPathFactory, fault: dict[str, Any], at: int
) -> None:
    config = faulty(**fault)
    first, second = Trainer(config, small_corpus()), Trainer(config, small_corpus())
    for _ in range(at):
        first.advance()
    folder = tmp_path_factory.mktemp("checkpoints") / "checkpoints"
    Checkpoints(folder, first, config.storage).save("stop")
    assert Checkpoints(folder, second, config.storage).restore_latest()
    rest = []
    while not second.finished:
        rest += [event.loss for event in second.advance() if isinstance(event, StepFinished)]
    assert rest == curve(**fault)[at:]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"detached": ("layer one",)}, ["fault.detached = 'layer one'", "head"]),
        ({"detached": ("layer 3",)}, ["fault.detached = 'layer 3'", "model.layers = 2"]),
        ({"random_targets": 1.5}, ["fault.random_targets = 1.5", "between 0 and 1"]),
        ({"nan_step": -1}, ["fault.nan_step = -1"]),
    ],
)
def test_a_fault_that_cannot_be_is_refused(fault: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(fault=FaultConfig(**fault))
    for word in words:
        assert word in str(caught.value)
