"""A run of Keras' `fit` on the screen:

    from tinygpt_tui.engine.attach_keras import KerasCallback

    model.fit(..., callbacks=[KerasCallback(name="my-run")])

Keras reports the mean loss of an epoch so far; what is recorded is that of each batch, which follows from two of them.
Other metrics are recorded as Keras reports them. Gradients are measured where PyTorch is its backend. Requests are
answered after a batch.
"""

from collections.abc import Mapping
from typing import Any

try:
    import keras  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise ImportError("attach_keras needs Keras 3: pip install 'keras>=3'") from error

from .attach import AttachedRun, watch

_VALIDATION = "val_"


class KerasCallback(keras.callbacks.Callback):
    def __init__(self, name: str = "keras", **options: Any) -> None:
        """`options` are those of `attach.watch`, such as `chance_loss`, `settings` or `runs`."""
        super().__init__()
        self.run: AttachedRun | None = None
        self._name = name
        self._options = options
        self._step = 0
        self._lr = 0.0
        self._batches = 0
        """Of this epoch, with the mean of their losses."""
        self._mean_loss = 0.0

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        epochs, steps = self.params.get("epochs"), self.params.get("steps")
        given: dict[str, Any] = {
            "settings": {"epochs": epochs, "backend": keras.backend.backend()},
            "steps": epochs * steps if epochs and steps else None,
        } | self._options
        self._step = 0
        is_torch = keras.backend.backend() == "torch"  # its models are modules, and keep the gradients of a batch
        self.run = watch(self.model if is_torch else None, name=self._name, **given)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._batches, self._mean_loss = 0, 0.0

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        if self.model.optimizer is not None:
            self._lr = float(self.model.optimizer.learning_rate)  # a schedule's, before the batch moves it on

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        if self.run is None:
            return
        batches = batch + 1 - self._batches  # several, where they are executed together
        self._step += batches
        self.run.measure(step=self._step)
        self.run.amend(**({"lr": self._lr} | self._own_loss(batch + 1, _numbers(logs))))
        if not self.run.go_on():
            self.model.stop_training = True

    def _own_loss(self, batches: int, numbers: dict[str, float]) -> dict[str, float]:
        """With the loss of the batches since the last call in the place of that of all in this epoch."""
        if "loss" in numbers:
            mean = numbers["loss"]
            numbers["loss"] = mean + (mean - self._mean_loss) * self._batches / max(batches - self._batches, 1)
            self._mean_loss = mean
        self._batches = batches
        return numbers

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if self.run is None:
            return
        validated = {name: value for name, value in _numbers(logs).items() if name.startswith(_VALIDATION)}
        val_loss = validated.pop("val_loss", None)
        self.run.amend(**({"epoch": epoch + 1} | validated))
        if val_loss is not None:
            self.run.evaluate(val_loss)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self.run is not None:
            self.run.close()


def _numbers(logs: Mapping[str, Any] | None) -> dict[str, float]:
    return {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
