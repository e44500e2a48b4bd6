"""What trainers call the same metrics."""

from collections.abc import Mapping
from types import MappingProxyType

_SHARED = {
    "loss": "loss",
    "val_loss": "val_loss",
    "lr": "lr",
    "grad_norm": "grad_norm",
    "acc": "acc",
    "val_acc": "val_acc",
}

DIALECTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "plain": {"step": "step", "epoch": "epoch", **_SHARED},
        "keras": {**_SHARED, "epoch": "epoch", "acc": "accuracy", "val_acc": "val_accuracy", "lr": "learning_rate"},
        "capitals": {
            "epoch": "Epoch",
            "step": "Iteration",
            "loss": "TrainLoss",
            "val_loss": "ValLoss",
            "acc": "TrainAcc",
            "val_acc": "ValAcc",
            "lr": "LR",
            "grad_norm": "GradNorm",
        },
        "test": {
            "epoch": "epoch",
            "step": "iteration",
            "loss": "train_loss",
            "val_loss": "test_loss",
            "acc": "train_acc",
            "val_acc": "test_acc",
            "lr": "learning_rate",
            "grad_norm": "gnorm",
        },
        "wandb": {
            "step": "_step",
            "epoch": "epoch",
            "loss": "train/loss",
            "val_loss": "val/loss",
            "acc": "train/acc",
            "val_acc": "val/acc",
            "lr": "train/lr",
            "grad_norm": "train/grad_norm",
        },
        "lightning": {
            "epoch": "epoch",
            "step": "step",
            "loss": "train_loss",
            "val_loss": "val_loss",
            "acc": "train_acc",
            "val_acc": "val_acc",
            "lr": "lr-AdamW",
            "grad_norm": "grad_norm",
        },
        "hugging_face": {
            "loss": "loss",
            "val_loss": "eval_loss",
            "acc": "accuracy",
            "val_acc": "eval_accuracy",
            "lr": "learning_rate",
            "grad_norm": "grad_norm",
        },
    }
)


def renamed(row: Mapping[str, float], dialect: str) -> dict[str, float]:
    """The row in the words of one trainer; what it has no word for keeps its name."""
    names = DIALECTS[dialect]
    return {names.get(name, name): value for name, value in row.items()}


def is_validation(name: str) -> bool:
    return name.startswith(("val", "eval_"))


def parted(row: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Metrics of training and of validation, without step and epoch."""
    metrics = {name: value for name, value in row.items() if name not in ("step", "epoch")}
    validation = {name: value for name, value in metrics.items() if is_validation(name)}
    return {name: value for name, value in metrics.items() if name not in validation}, validation
