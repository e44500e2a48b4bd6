"""Whether another process computes, where the system shows it."""

import os
from collections.abc import Callable
from pathlib import Path

_WORKS = 0.01
"""Share of a core from which a process works; the threads of one that waits take less."""
_LEAST_S = 0.5
"""Between two looks that are compared: processor time is counted in hundredths of a second."""


class WorkMeter:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._pid = 0
        self._looked_at = 0.0
        self._used_s = 0.0
        self._words = ""

    def read(self, pid: int) -> str:
        """In words; empty at the first look at a process, and where nothing is known of it."""
        stat = _stat(pid)
        if stat is None:
            return ""
        state, used_s = stat
        if state == "T":
            return f"its process is stopped; `kill -CONT {pid}` wakes it"
        now = self._now()
        since = now - self._looked_at
        if pid == self._pid and since < _LEAST_S:
            return self._words
        is_compared = pid == self._pid and since < 10 * _LEAST_S
        works = used_s - self._used_s > _WORKS * since
        self._words = ("its process computes" if works else "its process waits") if is_compared else ""
        self._pid, self._looked_at, self._used_s = pid, now, used_s
        return self._words


def _stat(pid: int) -> tuple[str, float] | None:
    """The state of a process, as in `man proc_pid_stat`, and the seconds of processor time that it has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
