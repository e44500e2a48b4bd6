"""Loops of the libraries that people train with; each test runs where its library is installed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tinygpt_tui.engine.attach import AttachedRun
from tinygpt_tui.engine.events import Evaluated, RunDescribed, RunEnded, RunStarted, StepFinished
from tinygpt_tui.engine.storage.event_log import all_events

STEPS = 6


def rows(run: AttachedRun | None) -> list[StepFinished]:
    assert run is not None and run.path is not None
    return [event for event in all_events(run.path) if isinstance(event, StepFinished)]


def require_a_whole_run(run: AttachedRun | None) -> None:
    assert run is not None and run.path is not None
    stored = list(all_events(run.path))
    described, started, end = stored[0], stored[1], stored[-1]
    assert isinstance(described, RunDescribed) and {"lr", "lr_times"} <= {*described.changes}
    assert isinstance(started, RunStarted) and started.steps == STEPS and (started.parameters or 0) > 0
    assert isinstance(end, RunEnded) and end.reason == "finished"
    assert [row.step for row in rows(run)] == [*range(1, STEPS + 1)]
    assert all(row.loss is not None and row.lr is not None and row.lr > 0 for row in rows(run))
    assert all((row.grad_norm or 0) > 0 and (row.update_ratio or 0) > 0 for row in rows(run))
    assert any(isinstance(event, Evaluated) for event in stored)


def test_the_transformers_trainer(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from tinygpt_tui.engine.attach_transformers import TransformersCallback

    config = transformers.GPT2Config(vocab_size=32, n_positions=16, n_embd=16, n_layer=1, n_head=2)
    tokens = torch.randint(32, (24, 16), generator=torch.Generator().manual_seed(0))
    data: Any = [{"input_ids": row, "labels": row} for row in tokens]

    def train(callbacks: list[Any]) -> list[float]:
        torch.manual_seed(0)
        arguments = transformers.TrainingArguments(
            str(tmp_path / "out"), max_steps=STEPS, per_device_train_batch_size=4, logging_steps=1, eval_steps=3,
            eval_strategy="steps", report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True, seed=0,
        )  # fmt: skip
        trainer = transformers.Trainer(
            transformers.GPT2LMHeadModel(config), arguments, train_dataset=data, eval_dataset=data, callbacks=callbacks
        )
        trainer.train()
        return [row["loss"] for row in trainer.state.log_history if "loss" in row]

    watching = TransformersCallback(name="hf", every=1, runs=tmp_path / "runs")
    losses = train([watching])
    assert losses == train([])
    require_a_whole_run(watching.run)
    assert [row.loss for row in rows(watching.run)] == losses


def test_the_lightning_trainer(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    from tinygpt_tui.engine.attach_lightning import LightningCallback

    losses: list[float] = []

    class Boring(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 2)

        def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
            loss = self.layer(batch).square().mean()
            losses.append(loss.item())
            return loss

        def validation_step(self, batch: Tensor, batch_idx: int) -> None:
            self.log("val_loss", self.layer(batch).square().mean())

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data: Any = torch.utils.data.DataLoader(torch.ones(STEPS, 8))  # pyright: ignore[reportArgumentType]
    watching = LightningCallback(name="pl", every=1, runs=tmp_path / "runs")
    lightning.Trainer(
        max_epochs=1, callbacks=[watching], logger=False, enable_checkpointing=False, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False,
    ).fit(Boring(), data, data)  # fmt: skip
    require_a_whole_run(watching.run)
    assert [row.loss for row in rows(watching.run)] == pytest.approx(losses)
