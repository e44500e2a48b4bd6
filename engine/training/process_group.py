"""The processes that train together, as torch.distributed knows them."""

# pyright: reportPrivateImportUsage=false

import os
from typing import Any

from torch import distributed
from torch.nn import Module

from ..attached.rank_store import SharedStore
from .torch_private import default_store

AGENT_STORE = "TORCHELASTIC_USE_AGENT_STORE"
"""Set by torchrun where its own process holds the store, so that it can be used before the process group exists."""


def rank_and_size() -> tuple[int, int] | None:
    """None before the process group is initialised."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return None
    return distributed.get_rank(), distributed.get_world_size()


def shared_store() -> SharedStore | None:
    """Of all processes, on several machines too; None where they share only a file, or nothing yet."""
    if rank_and_size() is not None:
        store: Any = default_store()  # torch's stubs lack some of its methods
        return store if store.has_extended_api() else None
    address, port = os.environ.get("MASTER_ADDR", ""), os.environ.get("MASTER_PORT", "")
    if os.environ.get(AGENT_STORE) != "True" or not (address and port.isdigit()):
        return None
    shared: Any = distributed.TCPStore(address, int(port), is_master=False)
    return shared


def is_sharded(model: Module | None) -> bool:
    """Whether a process holds only a part of each weight, so that a norm of all would need the others (FSDP)."""
    if model is None:
        return False
    has_parts = any(hasattr(parameter, "device_mesh") for parameter in model.parameters())
    return has_parts or any(type(module).__name__ == "FullyShardedDataParallel" for module in model.modules())
