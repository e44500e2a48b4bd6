"""Weights from the first process of a run to the others, and gradients back: gloo among processors, NCCL among GPUs.

The processes are on one machine, find each other through a file, and listen on the loopback interface alone.
"""

# pyright: reportPrivateImportUsage=false

import os
import socket
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import torch
from torch import Tensor, distributed

_ENDLESS = timedelta(days=365)
"""A process that is gone is noticed by its end. One that was suspended, or has a long step, is waited for."""
_LOOK_S = 1e-4
"""How often it is looked whether a GPU has received everything."""


class Exchange:
    def __init__(self, rank: int, size: int, device: torch.device, store: Path) -> None:
        """Returns when all have come; without end where one is gone. A process can be in one exchange at a time."""
        os.environ.update(_on_loopback(), TORCH_NCCL_ENABLE_MONITORING="0")
        self._is_nccl = device.type == "cuda"
        if self._is_nccl:
            torch.cuda.set_device(device)
        distributed.init_process_group(
            "nccl" if self._is_nccl else "gloo",
            store=distributed.FileStore(str(store), size),
            rank=rank,
            world_size=size,
            timeout=_ENDLESS,
        )
        self._try_all_ways(rank, size, device)

    def _try_all_ways(self, rank: int, size: int, device: torch.device) -> None:
        """NCCL connects two processes at the first use; all are connected after this, and the file can go."""
        number = torch.zeros(1, device=device)
        self.broadcast(number)
        if rank:
            self.send(number)
        else:
            self.receive([number.clone() for _ in range(size - 1)])

    def broadcast(self, weights: Tensor) -> None:
        """From the first process, into the tensors of the others; RuntimeError where one is gone."""
        distributed.broadcast(weights, 0)

    def send(self, gradients: Tensor) -> None:
        """To the first process."""
        distributed.send(gradients, 0)

    def receive(self, gradients: Sequence[Tensor], check: Callable[[], None] = lambda: None) -> None:
        """One of each other process; RuntimeError where one is gone, or what `check` raises while a GPU waits."""
        received = [distributed.irecv(each, rank) for rank, each in enumerate(gradients, 1)]
        for each in filter(None, received):
            while self._is_nccl and not each.is_completed():
                check()
                time.sleep(_LOOK_S)
            each.wait()

    def abandon(self) -> None:
        """Let go of a GPU that waits for a process that is gone; gloo notices that by itself."""
        if self._is_nccl and distributed.group.WORLD is not None:
            distributed.group.WORLD.abort()


def _on_loopback() -> dict[str, str]:
    name = next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), "lo")
    return {"GLOO_SOCKET_IFNAME": name, "NCCL_SOCKET_IFNAME": name}
