"""The gradients of a share of each batch, with the weights of the step and nothing of the steps before it."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...config import RunConfig
from ..replica import Replica
from ..shares import total_loss
from .exchange import Exchange
from .orders import AddRows


class ShareWorker:
    def __init__(self, config: RunConfig, rank: int, store: Path) -> None:
        """Returns when all processes of the run have met."""
        training = config.training
        self._device = torch.device(training.device, rank) if training.device == "cuda" else torch.device("cpu")
        torch.set_num_threads(int(training.threads))
        self._replica = Replica(config, self._device)
        if self._replica.is_compiled:
            self._replica.compile(training.batch // training.processes)
        self._losses: list[Tensor] = []
        self._sent = torch.empty(self._replica.flat.gradients.numel() + 1, device=self._device)
        self._exchange = Exchange(rank, training.processes, self._device, store)

    def begin(self, dropout: float, seed: int) -> None:
        flat = self._replica.flat
        self._exchange.broadcast(flat.weights)
        flat.publish()
        self._replica.model.set_dropout(dropout)
        torch.manual_seed(seed)
        self._losses = []

    def add(self, order: AddRows) -> None:
        tokens = torch.from_numpy(np.frombuffer(order.tokens, np.int16).reshape(2, order.rows, -1).astype(np.int64))
        inputs_BT, targets_BT = tokens.to(self._device)
        accumulate = bool(self._losses)
        loss = self._replica.differentiate((inputs_BT, targets_BT), order.divisor, accumulate=accumulate)
        self._losses.append(loss)

    def send(self) -> None:
        """The gradients, and behind them the loss."""
        if self._losses:
            self._sent[:-1] = self._replica.flat.gradients
            self._sent[-1] = total_loss(self._losses)
        else:
            self._sent.zero_()
        self._exchange.send(self._sent)
