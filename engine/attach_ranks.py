"""The processes that train together: which of them this is, and its connection to the others."""

import itertools
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass

from .attached.leading_rank import ConnectedRanks
from .attached.rank_meeting import Meeting, RankError

_RESTARTS = "TORCHELASTIC_RESTART_COUNT"
_meetings = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Ranks:
    rank: int = 0
    size: int = 1
    others: ConnectedRanks | None = None
    """In rank 0, where all of them have come."""
    leader: socket.socket | None = None
    """In another rank, where rank 0 leads."""
    trouble: str = ""
    """Why they have not met, where they should have."""

    @property
    def can_act(self) -> bool:
        """Whether what is done to the loop is done in all processes."""
        return self.size == 1 or self.others is not None or self.leader is not None

    def part(self) -> None:
        """They go on without each other."""
        for connection, _ in (self.others or {}).values():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def meet_ranks(*, needs_torch: bool) -> Ranks:
    """`needs_torch`: the loop trains with torch, which is otherwise imported for it only if the loop has done so."""
    rank, size = _number("RANK", 0), _number("WORLD_SIZE", 1)
    if not (needs_torch or "torch" in sys.modules):
        return Ranks(rank=rank, size=size)
    from .training.process_group import rank_and_size, shared_store

    rank, size = rank_and_size() or (rank, size)
    if size == 1:
        return Ranks()
    try:
        store = shared_store()
        if store is None:
            return Ranks(rank=rank, size=size, trouble="torch.distributed is not initialised")
        if _number("LOCAL_WORLD_SIZE", size) != size:
            return Ranks(rank=rank, size=size, trouble="its processes are on several machines")
        key = f"{os.environ.get(_RESTARTS, '0')}/{next(_meetings)}"
        meeting = Meeting(store, key)
        if rank == 0:
            return Ranks(size=size, others=meeting.gather(size))
        return Ranks(rank=rank, size=size, leader=meeting.join(rank))
    except (RankError, OSError, RuntimeError) as error:
        return Ranks(rank=rank, size=size, trouble=str(error))


def _number(variable: str, otherwise: int) -> int:
    """Of what torchrun sets in the environment of each of its processes."""
    value = os.environ.get(variable, "")
    return int(value) if value.isdigit() else otherwise
