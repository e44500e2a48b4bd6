"""What is said before a run is what the run turns out to be."""

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.config import ModelConfig, RunConfig
from tinygpt_tui.engine.training.model import GPT
from tinygpt_tui.tui.home import estimates

MODELS = st.builds(
    lambda heads, size, **others: ModelConfig(heads=heads, width=2 * heads * size, **others),
    heads=st.integers(1, 4),
    size=st.integers(1, 8),
    layers=st.integers(1, 4),
    context=st.integers(2, 40),
    embeddings=st.sampled_from(["tied", "untied"]),
    positions=st.sampled_from(["learned", "rotary"]),
    norm=st.sampled_from(["layernorm", "rmsnorm"]),
    activation=st.sampled_from(["gelu", "swiglu"]),
)


@given(model=MODELS)
@settings(max_examples=40, deadline=None)
def test_the_formula_counts_what_the_model_has(model: ModelConfig) -> None:
    built = GPT(model, torch.Generator())
    assert estimates.parameters(model) == sum(parameter.numel() for parameter in built.parameters())


def test_the_time_is_all_tokens_at_the_speed_and_the_start_and_the_evaluations() -> None:
    config = RunConfig()
    training = replace(config.training, steps=100, batch=8, accumulation=2)
    silent = replace(config, training=training, instruments=replace(config.instruments, evaluate_every=0))
    steps_s = 100 * 8 * 2 * 64 / 1000
    assert estimates.seconds(silent, 1000.0) == estimates.START_UP_S + steps_s
    evaluated = replace(silent, instruments=replace(config.instruments, evaluate_every=50, evaluate_sequences=3))
    assert estimates.seconds(evaluated, 1000.0) == estimates.START_UP_S + steps_s + 3 * 3 * 64 / 3 / 1000


def test_runs_of_one_shape_do_the_same_work_whatever_else_differs() -> None:
    config = RunConfig()
    alike = replace(config, title="x", training=replace(config.training, seed=3, device="cpu"))
    assert estimates.same_work(config, alike)
    assert not estimates.same_work(alike, replace(config, training=replace(config.training, device="cuda")))
    assert not estimates.same_work(config, replace(config, model=replace(config.model, layers=3)))
    assert not estimates.same_work(config, replace(config, training=replace(config.training, batch=5)))
