"""Which tokens a step trains on: random windows, drawn from a generator whose state is part of a checkpoint."""

import numpy as np
import torch
from torch import Tensor


class Batches:
    """Windows of `context` tokens and, one further, their targets; drawn with replacement as in nanoGPT."""

    def __init__(self, tokens: np.ndarray, context: int, seed: int, device: torch.device) -> None:
        # all windows as one view, so that a batch is one index operation
        self._windows = torch.tensor(tokens).to(device).unfold(0, context + 1, 1)
        self._device = device
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self, batch: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets, (B, T) each."""
        starts = torch.randint(len(self._windows), (batch,), generator=self.generator)
        tokens_BT = self._windows[starts.to(self._device)].long()
        return tokens_BT[:, :-1], tokens_BT[:, 1:]


def held_out(tokens: np.ndarray, context: int, sequences: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The same evenly spaced windows at every evaluation; fewer where the text is short."""
    starts = np.unique(np.linspace(0, len(tokens) - context - 1, sequences, dtype=np.int64))
    windows = tokens.astype(np.int64)[starts[:, None] + np.arange(context + 1)]
    tokens_BT = torch.from_numpy(windows).to(device)
    return tokens_BT[:, :-1], tokens_BT[:, 1:]
