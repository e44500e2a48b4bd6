"""How good a model is on text that it is never trained on."""

import math

import torch

from ..config import RunConfig
from ..corpus import Corpus
from ..long_work import LongWork
from .batches import held_out
from .model import GPT, cross_entropy

TOKENS_A_PASS = 2048
"""So that activations stay in the processor's cache: larger passes are slower."""


class Evaluation:
    """The mean loss over held-out windows, always the same ones, so that evaluations differ by the model alone."""

    def __init__(self, config: RunConfig, corpus: Corpus, device: torch.device) -> None:
        context, sequences = config.model.context, config.instruments.evaluate_sequences
        self._inputs_BT, self._targets_BT = held_out(corpus.val, context, sequences, device)
        self._sequences = max(TOKENS_A_PASS // context, 1)
        """Windows a pass."""

    @torch.inference_mode()
    def loss(self, model: GPT, long_work: LongWork) -> float:
        model.eval()
        total = torch.zeros((), device=self._inputs_BT.device)
        passes = zip(self._inputs_BT.split(self._sequences), self._targets_BT.split(self._sequences), strict=True)
        try:
            for inputs_BT, targets_BT in passes:
                total += cross_entropy(model(inputs_BT), targets_BT, reduction="sum")
                long_work.between_pieces()
        finally:
            model.train()
        return (total / self._targets_BT.numel()).item()


def perplexity(loss: float) -> float:
    """exp(loss): among how many equally likely tokens guessing would be as hard; 259 untrained, 1 at best."""
    return math.exp(loss) if loss < 700 else math.inf
