"""Every "auto" becomes a choice by a rule that no load can change."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tinygpt_tui.engine.config import ConfigError, RunConfig, TrainingConfig
from tinygpt_tui.engine.training import auto_settings
from tinygpt_tui.engine.training.auto_settings import resolve, usable_cores

from .texts import small_config


def undecided(**training: object) -> RunConfig:
    auto = TrainingConfig(steps=100, batch=4)
    return replace(small_config(), training=replace(auto, **training))  # pyright: ignore[reportArgumentType]


def test_nothing_is_left_to_decide() -> None:
    training = resolve(undecided()).training
    assert "auto" not in (training.device, training.precision, training.threads, training.compile)


def test_what_a_person_fixed_stays() -> None:
    fixed = undecided(device="cpu", precision="bf16", threads=3, compile=True)
    assert resolve(fixed) == fixed


@pytest.mark.parametrize(
    ("width", "context", "batch", "cores", "threads"),
    [
        (64, 64, 4, 2, 1),
        (128, 64, 4, 2, 2),
        (384, 64, 4, 2, 2),
        (384, 64, 4, 16, 16),
        (64, 64, 16, 8, 2),
        (64, 64, 4, 64, 1),
    ],
)
def test_a_core_is_used_where_it_has_enough_to_do(
    monkeypatch: pytest.MonkeyPatch, width: int, context: int, batch: int, cores: int, threads: int
) -> None:
    monkeypatch.setattr(auto_settings, "usable_cores", lambda: cores)
    config = undecided(device="cpu", batch=batch)
    config = replace(config, model=replace(config.model, width=width, context=context))
    assert resolve(config).training.threads == threads


def test_precision_on_a_processor_is_fp32() -> None:
    assert resolve(undecided(device="cpu")).training.precision == "fp32"


@pytest.mark.parametrize(
    ("text", "cores"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None), ("", None)]
)
def test_a_container_may_have_fewer_cores_than_the_machine(tmp_path: Path, text: str, cores: int | None) -> None:
    limit = tmp_path / "cpu.max"
    limit.write_text(text)
    assert usable_cores(limit) == (cores or usable_cores(tmp_path / "none"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="'cuda' is not available"):
        resolve(undecided(device="cuda"))
