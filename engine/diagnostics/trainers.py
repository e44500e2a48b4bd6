"""What well-known trainers call their settings, so that a fix can be given in the words of the one that wrote a log."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Setting = Literal["lr", "clip", "warmup", "weight_decay", "dropout", "accumulation", "precision"]


@dataclass(frozen=True, kw_only=True)
class KnownTrainer:
    name: str
    columns: tuple[str, ...]
    """Patterns, each of which must match a whole column: names that this trainer alone writes together."""
    settings: Mapping[Setting, str]
    """A setting that is missing here cannot be set there."""
    is_boosting: bool = False


TRAINERS: tuple[KnownTrainer, ...] = (
    KnownTrainer(
        name="Keras",
        columns=(r"epoch", r"loss", r"val_loss", r"val_(?!loss).+"),
        settings={"lr": "learning_rate", "clip": "clipnorm", "weight_decay": "weight_decay"},
    ),
    KnownTrainer(
        name="PaddleOCR",
        columns=(r"loss", r"(avg_)?reader_cost", r"ips|(avg_)?batch_cost"),
        settings={
            "lr": "Optimizer.lr.learning_rate", "clip": "Optimizer.clip_norm", "warmup": "Optimizer.lr.warmup_epoch",
            "weight_decay": "Optimizer.regularizer.factor", "accumulation": "batch_size_per_card",
        },
    ),
    KnownTrainer(
        name="PaddleDetection",
        columns=(r"loss", r"loss_.+", r"batch_cost"),
        settings={
            "lr": "LearningRate.base_lr", "clip": "OptimizerBuilder.clip_grad_by_norm", "warmup": "LinearWarmup.steps",
            "weight_decay": "OptimizerBuilder.regularizer.factor", "accumulation": "TrainReader.batch_size",
        },
    ),
    KnownTrainer(
        name="Hugging Face",
        columns=(r"(train/)?learning_rate|(eval|train)_runtime", r"(train/)?epoch", r"(train/)?loss|eval[/_]loss"),
        settings={
            "lr": "learning_rate", "clip": "max_grad_norm", "warmup": "warmup_steps", "weight_decay": "weight_decay",
            "accumulation": "gradient_accumulation_steps", "precision": "bf16",
        },
    ),
    KnownTrainer(
        name="Megatron",
        columns=(r"lm.loss", r"learning.rate|grad.norm|consumed.samples|validation.*"),
        settings={
            "lr": "--lr", "clip": "--clip-grad", "warmup": "--lr-warmup-iters", "weight_decay": "--weight-decay",
            "dropout": "--hidden-dropout", "accumulation": "--global-batch-size", "precision": "--bf16",
        },
    ),
    KnownTrainer(
        name="fairseq",
        columns=(r"(train_|valid_)?nll_loss|(train_)?gnorm", r"(train_)?(wps|ups|num_updates)"),
        settings={
            "lr": "--lr", "clip": "--clip-norm", "warmup": "--warmup-updates", "weight_decay": "--weight-decay",
            "dropout": "--dropout", "accumulation": "--update-freq", "precision": "--bf16",
        },
    ),
    KnownTrainer(
        name="Marian",
        columns=(r"cost", r"gnorm|l\.r\.|words/s|sen\."),
        settings={
            "lr": "--learn-rate", "clip": "--clip-norm", "warmup": "--lr-warmup", "dropout": "--transformer-dropout",
            "accumulation": "--optimizer-delay",
        },
    ),
    KnownTrainer(
        name="Ultralytics",
        columns=(r"(train/|val/)?box(_loss)?", r"(train/|val/)?(cls|dfl|obj)(_loss)?"),
        settings={
            "lr": "lr0", "warmup": "warmup_epochs", "weight_decay": "weight_decay", "dropout": "dropout",
            "accumulation": "batch",
        },
    ),
    KnownTrainer(
        name="Detectron2",
        columns=(r"total_loss", r"loss_.+", r"lr|data_time|max_mem|time"),
        settings={
            "lr": "SOLVER.BASE_LR", "clip": "SOLVER.CLIP_GRADIENTS.CLIP_VALUE", "warmup": "SOLVER.WARMUP_ITERS",
            "weight_decay": "SOLVER.WEIGHT_DECAY", "accumulation": "SOLVER.IMS_PER_BATCH",
        },
    ),
    KnownTrainer(
        name="Stable-Baselines3",
        columns=(r"time/.+|rollout/.+", r"train/.+"),
        settings={"lr": "learning_rate", "clip": "max_grad_norm", "accumulation": "batch_size"},
    ),
    KnownTrainer(
        name="XGBoost",
        columns=(r"batch|round|step", r"(train|eval|test|validation_\d+)-[a-z@\d]+"),
        settings={"lr": "eta"},
        is_boosting=True,
    ),
    KnownTrainer(
        name="LightGBM",
        columns=(r"batch|round|step", r"(training|valid_\d+|train|valid|test)'s .+"),
        settings={"lr": "learning_rate"},
        is_boosting=True,
    ),
    KnownTrainer(
        name="CatBoost",
        columns=(r"learn", r"test|total|remaining"),
        settings={"lr": "learning_rate"},
        is_boosting=True,
    ),
    KnownTrainer(
        name="OpenMMLab",
        columns=(r"(.+\.)?loss_.+", r"data_time", r"memory"),
        settings={
            "lr": "optimizer.lr", "clip": "grad_clip", "warmup": "warmup_iters",
            "weight_decay": "optimizer.weight_decay", "accumulation": "samples_per_gpu",
        },
    ),
    KnownTrainer(
        name="OpenNMT",
        columns=(r"xent", r"ppl", r"acc"),
        settings={
            "lr": "-learning_rate", "clip": "-max_grad_norm", "warmup": "-warmup_steps", "dropout": "-dropout",
            "accumulation": "-accum_count",
        },
    ),
    KnownTrainer(
        name="kohya's scripts",
        columns=(r"avr_loss",),
        settings={
            "lr": "--learning_rate", "clip": "--max_grad_norm", "warmup": "--lr_warmup_steps",
            "accumulation": "--gradient_accumulation_steps", "precision": "--mixed_precision",
        },
    ),
    KnownTrainer(
        name="nanoGPT",
        columns=(r"iter|step", r"mfu"),
        settings={
            "lr": "learning_rate", "clip": "grad_clip", "warmup": "warmup_iters", "weight_decay": "weight_decay",
            "dropout": "dropout", "accumulation": "gradient_accumulation_steps", "precision": "dtype",
        },
    ),
    KnownTrainer(
        name="Lightning",
        columns=(r"epoch", r"step", r".+_(step|epoch)|lr-\w+"),
        settings={
            "clip": "gradient_clip_val", "accumulation": "accumulate_grad_batches", "precision": "precision",
        },
    ),
)  # fmt: skip
"""In the order in which they are tried: Keras and Paddle may log a learning_rate too, and Lightning has the commonest
names."""


def trainer_of(columns: Iterable[str]) -> KnownTrainer | None:
    """The trainer that writes such columns; None where none is known to."""
    names = [name.lower() for name in columns]
    return next((trainer for trainer in TRAINERS if _writes(trainer, names)), None)


def _writes(trainer: KnownTrainer, names: list[str]) -> bool:
    return all(any(re.fullmatch(pattern, name) for name in names) for pattern in trainer.columns)
