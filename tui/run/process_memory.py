"""How much memory another process occupies, where the system says so."""

import os
from pathlib import Path


def resident_bytes(pid: int) -> int | None:
    """None for a process that is gone or only waits to be counted as gone, or on a system without /proc."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") or None
    except (OSError, ValueError, IndexError):
        return None
