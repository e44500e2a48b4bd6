"""A run that cannot fit is refused by its size, and no run that could is."""

from dataclasses import replace

import pytest
import torch

from tinygpt_tui.engine.config import (
    ConfigError,
    InstrumentsConfig,
    LiveSettings,
    ModelConfig,
    RunConfig,
    TrainingConfig,
)
from tinygpt_tui.engine.training.memory_budget import (
    least_parameters,
    require_memory,
    require_memory_for_batches,
    require_memory_for_weights,
)
from tinygpt_tui.engine.training.model import GPT

GB = 10**9


@pytest.mark.parametrize(
    "model",
    [
        ModelConfig(),
        ModelConfig(width=128, layers=3, embeddings="untied"),
        ModelConfig(width=96, positions="rotary", activation="swiglu", norm="rmsnorm"),
    ],
)
def test_the_least_is_nearly_all_and_never_more(model: ModelConfig) -> None:
    built = sum(p.numel() for p in GPT(model, torch.Generator()).parameters())
    assert 0.97 * built < least_parameters(model) <= built


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(model=ModelConfig(layers=128, width=16_384)),
        RunConfig(training=TrainingConfig(batch=65_536)),
        RunConfig(model=ModelConfig(context=65_536)),
    ],
)
def test_a_run_that_cannot_fit_is_refused_in_one_line(config: RunConfig) -> None:
    with pytest.raises(ConfigError, match=r"at least [\d,]+ GB of memory, and this machine has 8 GB; make "):
        require_memory(config, physical=8 * GB)


def test_what_needs_the_memory_is_what_counts() -> None:
    require_memory(RunConfig(), physical=GB // 10)
    require_memory(
        RunConfig(model=ModelConfig(context=65_536), training=TrainingConfig(batch=1),
                  instruments=InstrumentsConfig(layers_every=0)),
        physical=8 * GB,
    )  # fmt: skip
    require_memory_for_weights(ModelConfig(layers=12, width=768), physical=GB)
    with pytest.raises(ConfigError, match="GB"):
        require_memory_for_weights(ModelConfig(layers=128, width=16_384), physical=100 * GB)


@pytest.mark.parametrize("much", [{"batch": 65_536}, {"batch": 1024, "accumulation": 65_536}])
def test_a_live_change_that_cannot_fit_is_refused_in_one_line(much: dict[str, int]) -> None:
    settings = LiveSettings.from_config(RunConfig())
    require_memory_for_batches(RunConfig(), settings, physical=GB // 10)
    with pytest.raises(ConfigError, match=r"at least \d+ GB of memory, and this machine has 8 GB; make batch or "):
        require_memory_for_batches(RunConfig(), replace(settings, **much), physical=8 * GB)
