"""Data parallelism: the rows of a batch in as many shares as a run has processes, and the gradient of all of them.

The gradient of a batch's mean loss is a sum over its rows, so each share can be differentiated on its own, and the sum
of all is that of the whole batch, up to rounding. Where a worker trains, each further share has a process of its own
(see `parallel`). Where a run's past is computed again, this process computes them in turn: the same sums in the same
order, and so the same bits.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from .fault_injection import Batch
from .replica import Replica


class Share(NamedTuple):
    """The rows of a batch that one process computes."""

    rows: Batch
    divisor: float
    """The mean loss of these rows is divided by it, so that those of all shares of a step add up to the step's loss."""


class OtherShares(Protocol):
    """Who computes all shares but the first; the calls of a step are `begin`, `add` for each batch, and `finish`.

    A step may also be abandoned before `finish`, and the next one begins.
    """

    @property
    def count(self) -> int: ...

    def begin(self, weights: Tensor, dropout: float, seeds: Sequence[int]) -> None:
        """With the weights of this step, and for each share the seed of what its dropout draws."""
        ...

    def add(self, shares: Sequence[Share]) -> None:
        """One of each; some may be without rows."""
        ...

    def finish(self, gradients: Tensor, loss: Tensor) -> Tensor:
        """Adds to the gradients of the first share, and to its loss, those of the others in their order."""
        ...


class SharesInTurn:
    """All shares in this process."""

    def __init__(self, count: int, replica: Replica) -> None:
        self.count = count
        self._replica = replica
        self._seeds: Sequence[int] = ()
        self._shares: list[list[Share]] = []

    def begin(self, weights: Tensor, dropout: float, seeds: Sequence[int]) -> None:
        self._seeds = seeds
        self._shares = [[] for _ in range(self.count)]

    def add(self, shares: Sequence[Share]) -> None:
        for share, so_far in zip(shares, self._shares, strict=True):
            if len(share.rows[0]):
                so_far.append(share)

    def finish(self, gradients: Tensor, loss: Tensor) -> Tensor:
        for shares, seed in zip(self._shares, self._seeds, strict=True):
            if shares:
                before = gradients.clone()
                with torch.random.fork_rng():
                    torch.manual_seed(seed)
                    loss = loss + total_loss(
                        [
                            self._replica.differentiate(*share, accumulate=index > 0)
                            for index, share in enumerate(shares)
                        ]
                    )
                gradients.add_(before)
        return loss


class SharedGradients:
    """The loss and the gradient of a step's batches, of which the first share is computed here."""

    def __init__(self, replica: Replica, others: OtherShares) -> None:
        self._replica = replica
        self._others = others

    def compute_in_turn(self, processes: int) -> None:
        """What so many processes would compute, in this one."""
        self._others = SharesInTurn(processes - 1, self._replica)

    def of(self, batches: Sequence[Batch], dropout: float, between_pieces: Callable[[], None]) -> Tensor:
        """The mean loss of all batches; its gradient goes to the replica's buffer.

        Gradients of several small batches add up to that of a large one, in the memory of a small one.
        """
        flat, others = self._replica.flat, self._others
        others.begin(flat.weights, dropout, dropout_seeds(others.count if dropout else 0) or [0] * others.count)
        losses = []
        for index, batch in enumerate(batches):
            own, *rest = split(batch, others.count + 1, batches=len(batches))
            others.add(rest)
            # the first batch overwrites the gradients of the last step, the others add to them
            losses.append(self._replica.differentiate(*own, accumulate=index > 0))
            between_pieces()
        return others.finish(flat.gradients, total_loss(losses))


def split(batch: Batch, count: int, *, batches: int) -> list[Share]:
    """As many rows to each share as to any other, and one more to the first ones where they are left over."""
    whole = len(batch[0]) * batches
    parts = zip(*(tokens_BT.tensor_split(count) for tokens_BT in batch), strict=True)
    return [Share((inputs_BT, targets_BT), whole / max(len(inputs_BT), 1)) for inputs_BT, targets_BT in parts]


def total_loss(losses: Sequence[Tensor]) -> Tensor:
    return losses[0] if len(losses) == 1 else torch.stack([*losses]).sum()


def dropout_seeds(count: int) -> list[int]:
    """Drawn like the first share's own dropout, so that a checkpoint, and a step that is undone, know of them too."""
    return torch.randint(1 << 62, (count,)).tolist()
