"""Loops of the libraries that people train with; each test runs where its library is installed."""

import math
import struct
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tinygpt_tui.engine.attach import AttachedRun
from tinygpt_tui.engine.events import Evaluated, RunDescribed, RunEnded, RunStarted, StepFinished, Stop
from tinygpt_tui.engine.following.log_folder import logs_in
from tinygpt_tui.engine.following.log_runs import runs_in
from tinygpt_tui.engine.readers.log import open_log
from tinygpt_tui.engine.readers.setting_values import SettingValue
from tinygpt_tui.engine.readers.settings import settings_of
from tinygpt_tui.engine.storage.event_log import all_events
from tinygpt_tui.tui.cli.main import run_command

from .attached_runs import ask
from .test_run_command import run as run_program

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


def test_without_keras_the_message_is_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.delitem(sys.modules, "tinygpt_tui.engine.attach_keras", raising=False)
    with pytest.raises(ImportError, match="attach_keras needs Keras 3: pip install 'keras>=3'"):
        import_module("tinygpt_tui.engine.attach_keras")


def test_a_fit_of_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    from tinygpt_tui.engine.attach_keras import KerasCallback

    x = torch.randn(24, 8, generator=torch.Generator().manual_seed(0)).numpy()
    y = x.sum(1, keepdims=True)

    class Losses(keras.callbacks.Callback):
        """Of each batch by itself: what Keras reports is the mean of an epoch so far, weighted by rows."""

        def __init__(self) -> None:
            super().__init__()
            self.totals, self.stop_at = [0.0], -1

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.totals.append(logs["loss"])

    def fit(*callbacks: Any, epochs: int = 2) -> list[float]:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])
        schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 1, 0.5)
        model.compile(keras.optimizers.Adam(schedule), "mse", metrics=["mae"])
        reported = Losses()
        model.fit(
            x, y, batch_size=8, epochs=epochs, verbose=0, shuffle=False, validation_data=(x, y),
            callbacks=[*callbacks, reported],
        )  # fmt: skip
        return reported.totals[1:]

    watching = KerasCallback(name="k", every=1, runs=tmp_path / "runs")
    means = fit(watching)
    assert means == fit()
    assert watching.run is not None and watching.run.path is not None
    stored = list(all_events(watching.run.path))
    found = rows(watching.run)
    assert [row.step for row in found] == [*range(1, STEPS + 1)]
    for epoch in (0, 3):
        own = [row.loss or 0.0 for row in found[epoch : epoch + 3]]
        assert [sum(own[:n]) / n for n in (1, 2, 3)] == pytest.approx(means[epoch : epoch + 3])
    assert [row.lr for row in found] == pytest.approx([0.01 * 0.5**step for step in range(STEPS)])
    assert all((row.grad_norm or 0) > 0 and isinstance(row.others, dict) and "mae" in row.others for row in found)
    assert isinstance(found[2].others, dict) and {"val_mae", "epoch"} <= {*found[2].others}
    assert [event.step for event in stored if isinstance(event, Evaluated)] == [3, 6]
    assert isinstance(stored[-1], RunEnded) and stored[-1].reason == "finished"

    class Stops(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1 and stopped.run is not None and stopped.run.path is not None:
                Thread(target=ask, args=(stopped.run.path, Stop())).start()

    stopped = KerasCallback(name="stopped", runs=tmp_path / "runs")
    assert 3 < len(fit(stopped, Stops(), epochs=1000)) < 3000
    assert stopped.run is not None and stopped.run.is_stopped


FIT = """
import keras, numpy
x = numpy.ones((24, 8)); model = keras.Sequential([keras.layers.Dense(1)]); model.compile("sgd", "mse")
model.fit(x, x.sum(1), batch_size=8, epochs=2, verbose=0); model.evaluate(x, x.sum(1), verbose=0)
"""


def test_a_fit_of_keras_attaches_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("keras")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert run_program(tmp_path, sys.executable, "-c", FIT).returncode == 0
    (folder,) = tmp_path.iterdir()
    assert [event.step for event in all_events(folder) if isinstance(event, StepFinished)] == [*range(1, STEPS + 1)]


VALUES = [*(4.0 - step / 10 for step in range(STEPS * 5)), math.nan]
SETTINGS = {"lr": 0.1, "kind": "adamw", "depth": 2, "clips": True}


def losses_of(path: Path, run: str = "") -> list[float]:
    """As our reader has them."""
    with closing(open_log(path.name, path)) as log:
        return [row.values["loss"] for name, row in log.rows() if name == run and "loss" in row.values]


def require_same(found: list[float], expected: list[float]) -> None:
    assert found == pytest.approx(expected, rel=1e-7, nan_ok=True)


def settings(path: Path, run: str = "") -> dict[str, SettingValue]:
    with closing(open_log(path.name, path)) as log:
        return settings_of(log, path, run)


def test_event_files_of_tensorboard_are_read_and_ours_by_its_reader(tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    summaries = pytest.importorskip("tensorboard.compat.proto.summary_pb2")
    writer = pytest.importorskip("tensorboard.summary.writer.event_file_writer").EventFileWriter(str(tmp_path / "tb"))
    for step, value in enumerate(VALUES[:-1]):
        summary = summaries.Summary(value=[summaries.Summary.Value(tag="loss", simple_value=value)])
        writer.add_event(events.Event(wall_time=1e9 + step, step=step, summary=summary))
    writer.close()
    require_same(losses_of(tmp_path / "tb"), VALUES[:-1])
    ours = tmp_path / "out" / "events.out.tfevents.1"
    ours.parent.mkdir()
    assert run_command(["export", str(tmp_path / "tb"), "--to", str(ours)]) == 0
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    read = accumulators.EventAccumulator(str(ours), size_guidance={"tensors": 0})
    read.Reload()
    tensors = [tensor.tensor_proto.tensor_content for tensor in read.Tensors("loss")]
    assert [struct.unpack("<d", content)[0] for content in tensors] == losses_of(tmp_path / "tb")


def test_an_offline_run_of_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = wandb.init(project="p", dir=str(tmp_path), mode="offline", config={**SETTINGS, "lr": 1.0})
    run.config.update({"lr": 0.1}, allow_val_change=True)
    for value in VALUES:
        run.log({"loss": value, "nested": {"lr": 0.5}})
    run.finish()
    wandb.teardown()  # waits for the process that writes the file
    path = next(tmp_path.rglob("*.wandb"))
    require_same(losses_of(path), VALUES)
    assert settings(path) == SETTINGS


def test_a_file_store_of_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    for name, shift in (("one", 0.0), ("two", 1.0)):
        with mlflow.start_run(run_name=name):
            mlflow.log_params(SETTINGS)
            for step, value in enumerate(VALUES):
                mlflow.log_metric("loss", value + shift, step=step)
    require_same(losses_of(tmp_path / "mlruns", "one"), VALUES)
    require_same(losses_of(tmp_path / "mlruns", "two"), [value + 1 for value in VALUES])
    assert settings(tmp_path / "mlruns", "two") == SETTINGS
    assert {Path(log.name).name for log in logs_in(tmp_path)} == {"one", "two"}


def test_a_database_of_trackio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    trackio = pytest.importorskip("trackio")
    for name in ("one", "two"):
        trackio.init(project="p", name=name, embed=False, config=SETTINGS)
        for value in VALUES:
            trackio.log({"loss": value})
        trackio.finish()
    path = next(tmp_path.rglob("*.db"))
    assert runs_in(path.name, path) == ["one", "two"]
    require_same(losses_of(path, "two"), VALUES)
    assert settings(path, "two") == SETTINGS


def test_the_csv_logger_of_lightning(tmp_path: Path) -> None:
    loggers = pytest.importorskip("lightning.pytorch.loggers")
    logger = loggers.CSVLogger(str(tmp_path))
    logger.log_hyperparams(SETTINGS)
    for step, value in enumerate(VALUES[:-1]):
        logger.log_metrics({"train_loss": value}, step=step)
    logger.finalize("success")
    path = next(tmp_path.rglob("metrics.csv"))
    require_same(losses_of(path), VALUES[:-1])
    assert settings(path) == SETTINGS


def test_the_hparams_of_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        for step, value in enumerate(VALUES):
            writer.add_scalar("loss", value, step)
        writer.add_hparams(SETTINGS, {"hparam/loss": 1.0})
    require_same(losses_of(tmp_path, "."), VALUES)
    assert settings(tmp_path, ".") == SETTINGS


def test_the_state_that_the_transformers_trainer_saves(tmp_path: Path) -> None:
    callbacks = pytest.importorskip("transformers.trainer_callback")
    history = [{"loss": value, "learning_rate": 1e-3, "step": step} for step, value in enumerate(VALUES[:-1], 1)]
    callbacks.TrainerState(log_history=history, max_steps=len(VALUES)).save_to_json(
        str(tmp_path / "trainer_state.json")
    )
    require_same(losses_of(tmp_path / "trainer_state.json"), VALUES[:-1])
    assert settings(tmp_path / "trainer_state.json")["max_steps"] == len(VALUES)
