"""How much memory another process occupies, where the system shows it."""

import os
from collections.abc import Callable
from pathlib import Path


def resident_bytes(pid: int) -> int | None:
    """None for a process that is gone or only waits to be counted as gone, or on a system without /proc."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") or None
    except (OSError, ValueError, IndexError):
        return None


class MemoryMeter:
    """Reads the memory of a process once in a while."""

    EVERY_S = 2.0

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._read_at = 0.0

    def read(self, pid: int) -> int | None:
        """Bytes, or None where it is not time yet or it cannot be read."""
        if self._now() - self._read_at < self.EVERY_S:
            return None
        self._read_at = self._now()
        return resident_bytes(pid)
