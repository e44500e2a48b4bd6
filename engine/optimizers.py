"""The optimizers that a run may choose from, as far as no torch is needed to describe them.

Adding one takes an entry here and a class in training/optim.py, which computes what the entry describes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

OptimizerKind = Literal["sgd", "momentum", "adam", "adamw"]


@dataclass(frozen=True, kw_only=True)
class OptimizerDescription:
    usual_lr: float
    """Where to start; a learning rate far from it is the first suspect when training goes wrong."""
    source: str
    """Who found that learning rate to be usual."""
    state: tuple[str, ...] = ()
    """What it remembers between steps: buffers as large as the weights, named as torch.optim names them."""
    hyperparameters: tuple[str, ...] = ()
    """Keys of `OptimizerConfig` that it reads, besides weight_decay and clip, which all do."""


_ADAM = OptimizerDescription(
    usual_lr=1e-3,
    source="Kingma and Ba 2014",
    state=("exp_avg", "exp_avg_sq"),
    hyperparameters=("beta1", "beta2", "eps", "bias_correction"),
)

OPTIMIZERS: Mapping[OptimizerKind, OptimizerDescription] = {
    "sgd": OptimizerDescription(usual_lr=0.1, source="He et al. 2015"),
    "momentum": OptimizerDescription(
        usual_lr=0.1,
        source="He et al. 2015, Goyal et al. 2017",
        state=("momentum_buffer",),
        hyperparameters=("momentum",),
    ),
    "adam": _ADAM,
    "adamw": _ADAM,
}
