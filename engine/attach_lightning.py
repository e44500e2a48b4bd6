"""A run of Lightning's Trainer on the screen:

    from tinygpt_tui.engine.attach_lightning import LightningCallback

    Trainer(..., callbacks=[LightningCallback(name="my-run")])

Requests are answered before a batch; a stop follows that batch. `val_loss` is recorded where the module logs it.
"""

from collections.abc import Mapping
from typing import Any

try:
    from lightning.pytorch import Callback, LightningModule, Trainer  # pyright: ignore[reportMissingImports]
except ImportError:  # the package's older name
    from pytorch_lightning import Callback, LightningModule, Trainer  # pyright: ignore[reportMissingImports]

from .attach import AttachedRun, watch


class LightningCallback(Callback):
    def __init__(self, name: str = "lightning", **options: Any) -> None:
        """`options` are those of `attach.watch`, such as `chance_loss`, `settings` or `runs`."""
        super().__init__()
        self.run: AttachedRun | None = None
        self._name = name
        self._options = options
        self._measured = -1
        """The batch whose gradients were measured: a module may update several times in one."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        steps = trainer.estimated_stepping_batches
        planned = int(steps) if 0 < steps < float("inf") else None
        given: dict[str, Any] = {"steps": planned} | self._options
        self.run = watch(pl_module, trainer.optimizers, name=self._name, **given)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self.run is not None and not self.run.go_on():
            trainer.should_stop = True

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        if self.run is not None and self._measured != trainer.fit_loop.total_batch_idx:
            self._measured = trainer.fit_loop.total_batch_idx
            self.run.measure(step=trainer.global_step + 1)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if self.run is not None and loss is not None and self._measured == trainer.fit_loop.total_batch_idx:
            self.run.amend(loss=loss)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        val_loss = trainer.callback_metrics.get("val_loss")
        if self.run is not None and val_loss is not None and not trainer.sanity_checking:
            self.run.evaluate(val_loss)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.run is not None:
            self.run.close()
