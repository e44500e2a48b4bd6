"""The same batch at every step."""

from torch import Tensor

from ..batches import Batches


class OneBatch(Batches):
    """Stands for the batches of a trainer, of which it draws one."""

    def __init__(self, batches: Batches, batch: int) -> None:
        self.generator = batches.generator
        self.drawn = batches.draw(batch)

    def draw(self, batch: int) -> tuple[Tensor, Tensor]:
        return self.drawn
