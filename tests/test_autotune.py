"""Every "auto" becomes a choice, by the clock that is given."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
import torch

from tinygpt_tui.engine.config import ConfigError, RunConfig, TrainingConfig
from tinygpt_tui.engine.training import autotune
from tinygpt_tui.engine.training.autotune import resolve
from tinygpt_tui.engine.training.trainer import Trainer

from .texts import small_config, small_corpus


def undecided(**training: object) -> RunConfig:
    auto = TrainingConfig(steps=100, batch=2)
    return replace(small_config(), training=replace(auto, **training))  # pyright: ignore[reportArgumentType]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine of two cores with bf16, on which a step takes as long as is said."""

    def say(seconds: Callable[[TrainingConfig], float]) -> None:
        monkeypatch.setattr(autotune, "_cores", lambda: 2)
        monkeypatch.setattr(autotune, "_has_bf16", lambda device: True)
        monkeypatch.setattr(autotune, "_timed_step", lambda trainer, clock: seconds(trainer.config.training))

    return say


def test_nothing_is_left_to_decide() -> None:
    training = resolve(undecided(), small_corpus()).training
    assert "auto" not in (training.device, training.precision, training.threads, training.compile)


def test_what_a_person_fixed_stays() -> None:
    fixed = undecided(device="cpu", precision="fp32", threads=1, compile=False)
    assert resolve(fixed, small_corpus()) == fixed


def test_the_fastest_combination_is_taken(machine: Callable[..., None]) -> None:
    seconds = {("fp32", 1): 3.0, ("fp32", 2): 2.0, ("bf16", 1): 2.5, ("bf16", 2): 1.0}
    machine(lambda training: seconds[training.precision, training.threads])
    chosen = resolve(undecided(), small_corpus()).training
    assert (chosen.precision, chosen.threads) == ("bf16", 2)


def test_a_little_speed_is_not_worth_bf16(machine: Callable[..., None]) -> None:
    machine(lambda training: 0.9 if training.precision == "bf16" else 1.0)
    assert resolve(undecided(), small_corpus()).training.precision == "fp32"


@pytest.mark.parametrize(("busy", "threads"), [(1.4, 2), (1.6, 1)])
def test_a_core_is_left_idle_only_where_it_is_no_help_at_all(
    machine: Callable[..., None], busy: float, threads: int
) -> None:
    machine(lambda training: busy if training.threads == 2 else 1.0)
    assert resolve(undecided(), small_corpus()).training.threads == threads


def test_a_run_that_is_over_at_once_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(trainer: Trainer, clock: object) -> float:
        raise AssertionError("it was timed")

    monkeypatch.setattr(autotune, "_timed_step", never)
    assert resolve(undecided(steps=1), small_corpus()).training.precision == "fp32"


def test_timing_stops_when_its_budget_is_spent(machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[TrainingConfig] = []

    def slow(trainer: Trainer, clock: object) -> float:
        timed.append(trainer.config.training)
        return 5.0

    machine(lambda training: 5.0)
    monkeypatch.setattr(autotune, "_timed_step", slow)
    hours = count(0, 3600)
    resolve(undecided(compile=False), small_corpus(), clock=lambda: next(hours))
    assert {(training.precision, training.threads) for training in timed} == {("fp32", 2)}


def test_compiling_is_tried_in_long_runs_only(machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "_can_compile", lambda device: True)
    machine(lambda training: 0.5 if training.compile is True else 1.0)
    told: list[str] = []
    assert resolve(undecided(steps=100), small_corpus(), progress=told.append).training.compile is False
    assert told == ["choosing precision and threads"]
    assert resolve(undecided(steps=10_000), small_corpus(), progress=told.append).training.compile is True
    assert told[2].startswith("compiling the model")


def test_a_compiler_that_fails_is_done_without(machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "_can_compile", lambda device: True)

    def seconds(training: TrainingConfig) -> float:
        if training.compile is True:
            raise RuntimeError("no compiler")
        return 1.0

    machine(seconds)
    assert resolve(undecided(steps=10_000), small_corpus()).training.compile is False


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="'cuda' is not available"):
        resolve(undecided(device="cuda"), small_corpus())
