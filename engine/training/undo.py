"""A step that is abandoned, or breaks, is as if it had never begun: the next draws the same batches and dropout."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..hosting.interfaces import LoopBroken
from ..long_work import WorkAbandoned


@contextmanager
def undone_if_abandoned(batches: torch.Generator, device: torch.device) -> Iterator[None]:
    """Gradients need no undoing, for the next step overwrites them."""
    before = batches.get_state(), torch.get_rng_state()
    on_device = getattr(torch, device.type).get_rng_state() if device.type != "cpu" else None
    try:
        yield
    except (WorkAbandoned, LoopBroken):
        batches.set_state(before[0])
        torch.set_rng_state(before[1])
        if on_device is not None:
            getattr(torch, device.type).set_rng_state(on_device)
        raise
