"""The metrics that rows of a run have: all that is known of one stands in one entry of METRICS.

A metric that is measured at every step is a field of StepFinished and an entry here: rows of the diagnosis, curves and
the reader of run folders take it from there. One with `columns` is also looked for in the logs of other tools.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from .events import StepFinished


@dataclass(frozen=True, kw_only=True)
class Metric:
    name: str
    """As rows, columns and `--map` have it."""
    title: str
    """For people, as above a plot."""
    unit: str = ""
    """Empty for a number without one."""
    better: Literal["lower", "higher"] | None = None
    """None where neither is better by itself."""
    each_step: bool = False
    """Measured at every step: a field of StepFinished."""
    columns: tuple[str, ...] = ()
    """What other tools call it, besides its name; with none it is not looked for in their logs."""
    accompanies: bool = False
    """An entry of a log that has only this metric is not about training."""


_METRICS = (
    Metric(name="loss", title="Loss", unit="nats", better="lower", each_step=True,
           columns=("train_loss", "train/loss_step", "TrainLoss", "lm loss")),
    Metric(name="val_loss", title="Validation loss", unit="nats", better="lower",
           columns=("eval_loss", "val/loss", "valid_loss", "validation loss")),
    Metric(name="lr", title="Learning rate", each_step=True, columns=("learning_rate", "train/lr", "lr-AdamW")),
    Metric(name="grad_norm", title="Gradient norm", each_step=True,
           columns=("gnorm", "grad norm", "train/grad_norm", "gradient_norm")),
    Metric(name="grad_max", title="Largest gradient", each_step=True),
    Metric(name="grad_min", title="Smallest gradient", each_step=True),
    Metric(name="param_norm", title="Weight norm", each_step=True, columns=("params norm", "weight_norm")),
    Metric(name="update_ratio", title="Update ratio", each_step=True, columns=("train/update_ratio",)),
    Metric(name="max_attention_logit", title="Largest attention logit"),
    Metric(name="log_z", title="Output log-normaliser"),
    Metric(name="clipped", title="Clipped", each_step=True),
    Metric(name="tokens", title="Tokens", unit="tokens", each_step=True),
    Metric(name="tokens_per_s", title="Throughput", unit="tokens/s", better="higher", each_step=True,
           columns=("tokens_per_second", "tok/s", "tps", "wps")),
    Metric(name="step_time", title="Step time", better="lower", accompanies=True, columns=("iter_time", "dt")),
    Metric(name="data_time", title="Data time", better="lower", accompanies=True, columns=("dataloader_time",)),
    Metric(name="accuracy", title="Accuracy", better="higher", columns=("acc", "train/acc")),
    Metric(name="val_accuracy", title="Validation accuracy", better="higher", columns=("val_acc", "eval_accuracy")),
    Metric(name="seq_len", title="Sequence length", unit="tokens", accompanies=True,
           columns=("sequence_length", "seqlen", "sequence length", "context_length")),
    Metric(name="batch_size", title="Batch size", accompanies=True, columns=("global batch size", "bsz", "batch size")),
    Metric(name="accumulation", title="Accumulation", accompanies=True,
           columns=("accum_steps", "grad_accum", "gradient_accumulation_steps", "accumulation_steps", "accum")),
    Metric(name="loss_scale", title="Loss scale", accompanies=True, columns=("loss scale", "scale", "amp_scale")),
    Metric(name="skipped", title="Skipped steps", accompanies=True,
           columns=("number of skipped iterations", "skipped_steps", "overflow")),
    Metric(name="reward", title="Reward", better="higher", accompanies=True,
           columns=("mean_reward", "rollout/ep_rew_mean", "ep_rew_mean", "episode_reward", "mean_return",
                    "episode_return", "avg_reward", "average_return", "return", "ep_ret", "returns")),
    Metric(name="entropy", title="Policy entropy", unit="nats", accompanies=True,
           columns=("entropy_loss", "policy_entropy", "train/entropy_loss", "losses/entropy", "mean_entropy")),
    Metric(name="epoch", title="Epoch", accompanies=True, columns=("train/epoch", "current_epoch")),
)  # fmt: skip
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}
"""In the order in which they are listed for people; a diagnosis needs one of the first two."""

EACH_STEP = tuple(metric.name for metric in _METRICS if metric.each_step)
"""The fields of StepFinished that are metrics."""
_measured = attrgetter(*EACH_STEP)


def step_values(event: StepFinished) -> dict[str, float]:
    """The metrics of a step by name; those that were not measured are missing."""
    return {name: value for name, value in zip(EACH_STEP, _measured(event), strict=True) if value is not None}
