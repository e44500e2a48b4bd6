"""The model and its flat buffers, which every process has that takes part in training, and a pass over some rows."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..config import RunConfig
from .fault_injection import Batch, Faults
from .model import GPT, cross_entropy
from .optim import FlatParameters

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Replica:
    """Untrained at first; the weights follow from the seed."""

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        training, seed = config.training, config.training.seed
        self.model = GPT(config.model, torch.Generator().manual_seed(seed)).to(device)
        self.flat = FlatParameters(self.model, PRECISIONS[training.precision])
        self.faults = Faults(config.fault, self.model, self.flat, seed)
        self._forward: Callable[[Tensor], Tensor] = (
            torch.compile(self.model) if training.compile is True else self.model
        )

    @property
    def is_compiled(self) -> bool:
        return self._forward is not self.model

    def differentiate(self, rows: Batch, divisor: float = 1.0, *, accumulate: bool = False) -> Tensor:
        """The mean loss of some rows over `divisor`; its gradient replaces what is in the buffer, or is added to it."""
        inputs_BT, targets_BT = rows
        # Forward: logits (B, T, V), and how surprising the tokens are that really come next.
        loss = cross_entropy(self._forward(inputs_BT), targets_BT)
        if divisor != 1:
            loss = loss / divisor
        # Backward: which way each weight would raise the loss.
        self.flat.differentiate(loss, accumulate=accumulate)
        return loss.detach()

    def compile(self, batch: int) -> None:
        """Compile now what the first step would have to compile; training is not changed by it."""
        # cut like a batch: strides too are compiled in
        tokens_BT = torch.zeros(batch, self.model.config.context + 1, dtype=torch.long).to(self.flat.weights.device)
        with torch.random.fork_rng():
            self.differentiate((tokens_BT[:, :-1], tokens_BT[:, 1:]))
