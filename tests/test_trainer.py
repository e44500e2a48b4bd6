"""Training: what it says, what it measures, and that nothing disturbs it."""

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor

from tinygpt_tui.engine.config import ConfigError, DataConfig, InstrumentsConfig, OptimizerConfig
from tinygpt_tui.engine.events import (
    ChangeSettings,
    Evaluated,
    Event,
    LayersMeasured,
    RunStarted,
    Sample,
    SampleGenerated,
    SettingsChanged,
    StepFinished,
)
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.engine.training.model import GPT, Block
from tinygpt_tui.engine.training.trainer import Trainer
from tinygpt_tui.engine.worker import assemble

from .texts import TEXT, small_config, small_corpus, training_events


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, StepFinished) and event.loss is not None]


def run_to_end(trainer: Trainer) -> list[Event]:
    events: list[Event] = []
    while not trainer.finished:
        events += trainer.advance()
    return events


def test_a_run_learns() -> None:
    events = list(training_events(small_config(steps=150), small_corpus()))
    assert isinstance(events[0], RunStarted)
    curve = losses(events)
    assert curve[0] == pytest.approx(math.log(259), abs=0.2)
    assert sum(curve[-10:]) / 10 < 4.0


def test_the_same_config_gives_the_same_losses_to_the_last_bit() -> None:
    assert losses(list(training_events(small_config(), small_corpus()))) == losses(
        list(training_events(small_config(), small_corpus()))
    )


def test_a_step_says_when_it_ended_and_a_change_that_is_made_again_leaves_that_to_the_log() -> None:
    clock = iter(range(100, 200))
    trainer = Trainer(small_config(), small_corpus(), now=lambda: float(next(clock)))
    change = trainer.change(ChangeSettings(clip=0.5))
    trainer.replay([msgspec.structs.replace(change, step=2, seq=7, time=50.0)])
    events = [event for _ in range(3) for event in trainer.advance()]
    assert [event.time for event in events if isinstance(event, StepFinished)] == [100.0, 101.0, 102.0]
    assert [(event.seq, event.time) for event in events if isinstance(event, SettingsChanged)] == [(-1, 0.0)]


def test_another_seed_gives_another_run() -> None:
    assert losses(list(training_events(small_config(seed=1), small_corpus()))) != losses(
        list(training_events(small_config(seed=2), small_corpus()))
    )


def test_compiling_beforehand_does_not_disturb_training(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[int, ...]] = []

    def compile(model: GPT) -> Callable[[Tensor], Tensor]:
        def forward(inputs_BT: Tensor) -> Tensor:
            compiled.append((*inputs_BT.shape, *inputs_BT.stride()))
            return model(inputs_BT)

        return forward

    monkeypatch.setattr(torch, "compile", compile)
    config = small_config(compile=True)
    config = replace(config, model=replace(config.model, dropout=0.2))
    trainer = Trainer(config, small_corpus())
    trainer.compile()
    assert compiled == [(2, 16, 17, 1)]
    assert losses(run_to_end(trainer)) == losses(list(training_events(config, small_corpus())))
    assert set(compiled) == {compiled[0]}


def test_what_is_prepared_is_told_before_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.py").write_bytes(TEXT)
    told: list[str] = []
    monkeypatch.setattr(torch, "compile", lambda model: lambda inputs: told.append("compiled") or model(inputs))
    config = replace(small_config(compile=True), data=DataConfig(path=str(tmp_path / "text.py")))
    run = create(tmp_path, config, "run", datetime.now(UTC))
    with closing(EventLog(run)):
        assemble(run, told.append)
    assert told == [
        "loading PyTorch",
        "reading the text",
        "building the model",
        "compiling the model, which may take a minute",
        "compiled",
    ]


def test_measuring_does_not_disturb_training() -> None:
    config = replace(small_config(), model=replace(small_config().model, dropout=0.2))
    quiet = InstrumentsConfig(gradients=False, updates=False, evaluate_every=0, layers_every=0, sample_every=0)
    assert losses(list(training_events(config, small_corpus()))) == losses(
        list(training_events(replace(config, instruments=quiet), small_corpus()))
    )


def test_what_is_switched_off_is_not_reported() -> None:
    quiet = InstrumentsConfig(gradients=False, updates=False, evaluate_every=0, layers_every=0, sample_every=0)
    events = list(training_events(replace(small_config(), instruments=quiet), small_corpus()))
    assert {type(event) for event in events} == {RunStarted, StepFinished}
    step = events[1]
    assert isinstance(step, StepFinished)
    assert (step.grad_max, step.grad_min, step.param_norm, step.update_ratio) == (None, None, None, None)


def test_every_instrument_reports_when_it_is_due() -> None:
    events = list(training_events(small_config(steps=33), small_corpus()))

    def steps(kind: type[Evaluated | LayersMeasured | SampleGenerated]) -> list[int]:
        return [event.step for event in events if isinstance(event, kind)]

    assert steps(Evaluated) == [0, 10, 20, 30, 33]
    assert steps(LayersMeasured) == [1, 2, 5, 10, 15, 20, 25, 30]
    assert steps(SampleGenerated) == [0, 20, 33]


def test_the_instruments_agree_with_torch() -> None:
    trainer = Trainer(small_config(), small_corpus())
    for _ in range(3):
        trainer.advance()
    before = [p.detach().clone() for p in trainer.model.parameters()]
    twin = trainer.batches.generator.clone_state()
    step = next(event for event in trainer.advance() if isinstance(event, StepFinished))
    after = [p.detach().clone() for p in trainer.model.parameters()]

    with torch.no_grad():
        for p, old in zip(trainer.model.parameters(), before, strict=True):
            p.copy_(old)
    trainer.batches.generator.set_state(twin.get_state())
    inputs_BT, targets_BT = trainer.batches.draw(2)
    parameters = list(trainer.model.parameters())
    loss = torch.nn.functional.cross_entropy(trainer.model(inputs_BT).flatten(0, 1), targets_BT.flatten())
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)])
    weights = torch.cat([p.flatten() for p in before])
    update = torch.cat([(new - old).flatten() for new, old in zip(after, before, strict=True)])
    assert step.loss == pytest.approx(loss.item(), rel=1e-5)
    assert step.grad_norm == pytest.approx(gradient.norm().item(), rel=1e-4)
    assert step.grad_max == pytest.approx(gradient.max().item(), rel=1e-4)
    assert step.grad_min == pytest.approx(gradient.min().item(), rel=1e-4)
    assert step.param_norm == pytest.approx(weights.norm().item(), rel=1e-5)
    assert step.update_ratio == pytest.approx((update.norm() / weights.norm()).item(), rel=1e-3)
    assert step.grad_norm is not None and step.clipped == (step.grad_norm > 5.0)


def test_accumulation_is_one_big_batch() -> None:
    """Two passes of two sequences and one of four draw the same sequences."""
    big = losses(list(training_events(small_config(batch=4, accumulation=1, steps=10), small_corpus())))
    accumulated = losses(list(training_events(small_config(batch=2, accumulation=2, steps=10), small_corpus())))
    assert accumulated == pytest.approx(big, rel=1e-4)


def test_clipping_bounds_the_update_of_sgd() -> None:
    config = replace(small_config(), optimizer=OptimizerConfig(kind="sgd", clip=0.01, weight_decay=0.0))
    for event in training_events(config, small_corpus()):
        if isinstance(event, StepFinished):
            assert event.clipped
            assert event.update_ratio is not None
            assert event.param_norm is not None
            assert event.lr is not None
            assert event.update_ratio * event.param_norm <= 0.01 * event.lr * 1.001


def test_a_live_change_counts_from_the_next_step_on() -> None:
    trainer = Trainer(small_config(), small_corpus())
    trainer.advance()
    event = trainer.change(ChangeSettings(lr=0.005, batch=3, dropout=0.5))
    assert isinstance(event, SettingsChanged)
    assert "batch 2 -> 3" in event.summary
    step = next(event for event in trainer.advance() if isinstance(event, StepFinished))
    assert step.lr == pytest.approx(0.005)
    assert step.tokens == (2 + 3) * 16
    block = trainer.model.blocks[0]
    assert isinstance(block, Block)
    assert block.attention.dropout == 0.5


@pytest.mark.parametrize(
    "change",
    [
        ChangeSettings(lr=-1.0),
        ChangeSettings(lr=math.nan),
        ChangeSettings(lr=math.inf),
        ChangeSettings(lr_times=math.nan),
        ChangeSettings(clip=0.0),
        ChangeSettings(dropout=1.0),
        ChangeSettings(batch=0),
        ChangeSettings(batch=65_536, accumulation=65_536),
        ChangeSettings(accumulation=-1),
        ChangeSettings(weight_decay=-0.1),
        ChangeSettings(schedule={"kind": "no such"}),
        ChangeSettings(schedule={"speed": 3}),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(change: ChangeSettings) -> None:
    trainer = Trainer(small_config(), small_corpus())
    before = trainer.settings
    with pytest.raises(ConfigError):
        trainer.change(change)
    assert trainer.settings == before


def test_a_sample_on_demand_does_not_disturb_training() -> None:
    undisturbed = run_to_end(Trainer(small_config(), small_corpus()))
    trainer = Trainer(small_config(), small_corpus())
    events = trainer.advance()
    sample = trainer.sample(Sample(prompt="é", temperature=0.0, top_k=1, tokens=5))
    trainer.evaluate()
    assert sample.prompt == "é"
    assert losses(events + run_to_end(trainer)) == losses(undisturbed)


@pytest.mark.parametrize(
    "command", [Sample(temperature=-1.0), Sample(top_k=0), Sample(tokens=0), Sample(temperature=math.nan)]
)
def test_a_sample_that_cannot_be_is_refused(command: Sample) -> None:
    with pytest.raises(ConfigError):
        Trainer(small_config(), small_corpus()).sample(command)


def test_a_model_of_nan_still_samples() -> None:
    trainer = Trainer(small_config(), small_corpus())
    trainer.flat.weights.fill_(math.nan)
    assert trainer.sample(Sample()).text == "\0" * 8
    assert math.isnan(trainer.evaluate().val_loss)


def test_bf16_trains_like_fp32() -> None:
    exact = losses(list(training_events(small_config(steps=60), small_corpus())))
    rounded = losses(list(training_events(small_config(steps=60, precision="bf16"), small_corpus())))
    assert rounded != exact
    assert rounded == pytest.approx(exact, abs=0.1)
