"""Fixes are given in the words of the trainer that wrote the log."""

import math

import pytest

from tinygpt_tui.engine.diagnostics.report import report_of
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.diagnostics.run_statistics import RunFacts
from tinygpt_tui.engine.diagnostics.trainers import TRAINERS, trainer_of

WRITTEN = {
    "Hugging Face": "loss grad_norm learning_rate epoch",
    "Megatron": "lm loss|learning rate|grad norm|consumed samples",
    "fairseq": "epoch loss nll_loss ppl wps ups num_updates lr gnorm",
    "Marian": "Cost|Time|gNorm|lr",
    "Ultralytics": "epoch train/box_loss train/cls_loss train/dfl_loss val/box_loss lr/pg0",
    "Detectron2": "iter total_loss loss_cls loss_box_reg time data_time lr max_mem",
    "Stable-Baselines3": "time/total_timesteps rollout/ep_rew_mean train/loss train/value_loss",
    "XGBoost": "round train-logloss eval-logloss",
    "LightGBM": "round|training's l2|valid_1's l2",
    "CatBoost": "step learn test best total remaining",
    "OpenMMLab": "epoch iter lr time data_time memory loss_cls loss_bbox loss",
    "OpenNMT": "step acc ppl xent lr",
    "PaddleOCR": "epoch global_step lr loss avg_reader_cost avg_batch_cost ips",
    "PaddleDetection": "epoch learning_rate loss loss_xy loss_wh batch_cost data_cost ips",
    "kohya's scripts": "step avr_loss",
    "nanoGPT": "iter loss time mfu",
    "Lightning": "epoch step train_loss_step train_loss_epoch val_loss",
    "Keras": "epoch accuracy learning_rate loss val_accuracy val_loss",
}


@pytest.mark.parametrize("name", [trainer.name for trainer in TRAINERS])
def test_a_trainer_is_known_by_its_columns(name: str) -> None:
    columns = WRITTEN[name].split("|") if "|" in WRITTEN[name] else WRITTEN[name].split()
    trainer = trainer_of(columns)
    assert trainer is not None
    assert trainer.name == name


@pytest.mark.parametrize(
    "columns",
    ["step loss", "epoch train_loss val_loss", "iter loss lr grad_norm", "EPOCH TRAIN_LOSS DEV_LOSS LEARNING_RATE", ""],
)
def test_columns_that_any_loop_may_write_show_no_trainer(columns: str) -> None:
    assert trainer_of(columns.split()) is None


@pytest.mark.parametrize("name", [None, *WRITTEN])
def test_fixes_of_a_nan_name_the_settings_of_its_trainer_and_of_no_other(name: str | None) -> None:
    trainer = next((trainer for trainer in TRAINERS if trainer.name == name), None)
    rows = [Row(step, {"loss": 3 - step / 100 if step < 30 else math.nan, "lr": 1e-3}) for step in range(1, 40)]
    (found,) = (found for found in report_of(rows, RunFacts(trainer=trainer)).findings if found.kind == "nan")
    titles = [fix.title for fix in found.fixes]
    assert all(not fix.changes for fix in found.fixes)
    expected = {
        "lr": "halve the learning rate to 0.0005", "clip": "clip gradients at 1", "warmup": "warm up over more steps",
    }  # fmt: skip
    words = {setting: trainer.settings.get(setting, "") if trainer else "" for setting in ("lr", "clip", "warmup")}
    settable = [setting for setting in words if trainer is None or setting == "lr" or words[setting]]
    assert titles == [expected[each] + (f" ({words[each]} in {name})" if words[each] else "") for each in settable]
