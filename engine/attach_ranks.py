"""The processes that train together: which of them this is, and its connection to the others."""

import itertools
import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from .attached.rank_store import Close, RankError, RankStore, own_report

_RESTARTS = "TORCHELASTIC_RESTART_COUNT"
_meetings = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Ranks:
    rank: int = 0
    size: int = 1
    store: RankStore | None = None
    """Where all of them have come."""
    trouble: str = ""
    """Why they have not met, where they should have."""

    @property
    def can_act(self) -> bool:
        """Whether what is done to the loop is done in all processes."""
        return self.size == 1 or self.store is not None

    def part(self) -> None:
        """They go on without each other."""
        if self.store is not None and self.rank == 0:
            with suppress(RuntimeError):
                self.store.post(Close())


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
        shared = shared_store()
        if shared is None:
            return Ranks(rank=rank, size=size, trouble="torch.distributed is not initialised with a TCPStore")
        store = RankStore(shared, f"{os.environ.get(_RESTARTS, '0')}/{next(_meetings)}", rank, size)
        if rank == 0:
            store.gather()
        else:
            store.join(own_report(rank))
        return Ranks(rank=rank, size=size, store=store)
    except (RankError, OSError, RuntimeError) as error:
        return Ranks(rank=rank, size=size, trouble=str(error))


def _number(variable: str, otherwise: int) -> int:
    """Of what torchrun sets in the environment of each of its processes."""
    value = os.environ.get(variable, "")
    return int(value) if value.isdigit() else otherwise
