"""A run of the Hugging Face Trainer on the screen:

    from tinygpt_tui.engine.attach_transformers import TransformersCallback

    Trainer(..., callbacks=[TransformersCallback(name="my-run")])

The loss is recorded where the Trainer logs it (`logging_steps`), gradients and lr at every step. Requests are answered
before a step; a stop, an evaluation or a checkpoint that was asked for follows that step.
"""

from typing import Any

from transformers import (  # pyright: ignore[reportMissingImports]
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from .attach import AttachedRun, watch

_NAMES = {"learning_rate": "lr"}


class TransformersCallback(TrainerCallback):
    def __init__(self, name: str = "transformers", **options: Any) -> None:
        """`options` are those of `attach.watch`, such as `chance_loss`, `settings` or `runs`."""
        self.run: AttachedRun | None = None
        self._name = name
        self._options = options
        self._asked: set[str] = set()
        """What is to be done after this step, as it was asked for on a screen."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        shown = {"batch": args.per_device_train_batch_size, "accumulation": args.gradient_accumulation_steps}
        given: dict[str, Any] = {
            "settings": {**shown, "seed": args.seed},
            "steps": state.max_steps or None,
        } | self._options
        self.run = watch(
            kwargs.get("model"),
            _plain(kwargs.get("optimizer")),
            name=self._name,
            on_evaluate=lambda: self._asked.add("evaluate"),
            on_checkpoint=lambda: self._asked.add("save"),
            **given,
        )

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.run is None:
            return
        if not self.run.go_on():
            control.should_training_stop = True
        control.should_evaluate |= "evaluate" in self._asked
        control.should_save |= "save" in self._asked
        self._asked.clear()

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.run is not None:
            self.run.measure(step=state.global_step + 1)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if self.run is None or logs is None:
            return
        numbers = {_NAMES.get(name, name): value for name, value in logs.items() if isinstance(value, int | float)}
        val_loss = numbers.pop("eval_loss", None)
        if val_loss is not None:
            self.run.evaluate(val_loss)
        elif "loss" in numbers:
            self.run.amend(**numbers)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.run is not None:
            self.run.close()


def _plain(optimizer: Any) -> Any:
    """The torch optimizer inside accelerate's, whose own hooks are not called."""
    return getattr(optimizer, "optimizer", optimizer)
