"""Functions that are called around the updates of a loop's optimizers, while they are wanted."""

from collections.abc import Callable, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle


class OptimizerHooks:
    """A hook costs a step several microseconds even if it has nothing to do, so it is there only while it is wanted."""

    def __init__(
        self, optimizers: Sequence[Optimizer], before: Callable[[Optimizer], None], after: Callable[[Optimizer], None]
    ) -> None:
        self.trouble: Exception | None = None
        """What went wrong in a hook: an error of ours must not leave the loop's `optimizer.step`."""
        self._optimizers = optimizers
        self._before = self._guarded(before)
        self._after = self._guarded(after)
        self._handles: list[RemovableHandle] = []

    def want(self, is_wanted: bool) -> None:
        """Not from within a hook, among which torch is on its way then."""
        if is_wanted and not self._handles:
            for optimizer in self._optimizers:
                self._handles.append(optimizer.register_step_pre_hook(self._before))
                self._handles.append(optimizer.register_step_post_hook(self._after))
        elif self._handles and not is_wanted:
            for handle in self._handles:
                handle.remove()
            self._handles.clear()

    def _guarded(self, act: Callable[[Optimizer], None]) -> Callable[..., None]:
        def guarded(optimizer: Optimizer, *arguments: Any) -> None:
            try:
                act(optimizer)
            except Exception as error:
                self.trouble = self.trouble or error

        return guarded
