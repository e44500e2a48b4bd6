"""How long a step takes one process of a data-parallel training, without the time in which it waits for the others.

A step takes all ranks the same time, because each waits in `backward` for the gradients of the others. What is measured
goes from one step to the end of its last forward pass: optimizer, data, own code, and all forward passes, but not the
last backward pass. The slowest rank is slowest there too.
"""

import time
from typing import Any

import torch
from torch.nn import Module


class RankClock:
    def __init__(self, model: Module) -> None:
        self._is_cuda = any(parameter.is_cuda for parameter in model.parameters())
        self._began: float | torch.cuda.Event | None = None
        self._ended: float | torch.cuda.Event | None = None
        self._sum_s, self._steps = 0.0, 0
        self._handle = model.register_forward_hook(self._end_forward)

    def remove(self) -> None:
        self._handle.remove()

    def begin_step(self) -> None:
        """At the end of `step`, after all waiting."""
        if self._is_cuda:
            if self._began is None:
                self._began = self._now()
            return
        if isinstance(self._began, float) and isinstance(self._ended, float):
            self._sum_s += self._ended - self._began
            self._steps += 1
        self._began, self._ended = self._now(), None

    def busy_s(self) -> float | None:
        """Mean seconds of the steps since the last call; on a GPU, which is not waited for, of one of them."""
        if isinstance(self._began, torch.cuda.Event) and isinstance(self._ended, torch.cuda.Event):
            if not self._ended.query():
                return None
            seconds = self._began.elapsed_time(self._ended) / 1e3
            self._began = self._ended = None
            return seconds
        mean = self._sum_s / self._steps if self._steps else None
        self._sum_s, self._steps = 0.0, 0
        return mean

    def _now(self) -> "float | torch.cuda.Event":
        if not self._is_cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _end_forward(self, *arguments: Any) -> None:
        if not self._is_cuda:
            self._ended = time.perf_counter()
        elif self._began is not None and self._ended is None:
            self._ended = self._now()
