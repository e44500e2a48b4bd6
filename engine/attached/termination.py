"""Does something before SIGTERM ends this process, whatever its main thread is doing."""

import faulthandler
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from threading import Thread


class TerminationWatch:
    """Only where the signal would end the process at once. A handler that the program sets later takes its place.

    Python runs its handlers in the main thread, which may wait in a call that never returns, for a process that has
    died. faulthandler's own runs at once; what it writes is read by a thread, which does what is to be done, gives the
    signal its old effect back and sends it again.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._mask: set[signal.Signals | int] = set()
        self._pid = os.getpid()
        self._is_open = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        if not self._is_open:
            return
        self._read, self._write = os.pipe()
        faulthandler.register(signal.SIGTERM, file=self._write, all_threads=False)
        os.register_at_fork(before=self._hold, after_in_parent=self._release, after_in_child=self._leave_child)
        Thread(target=self._wait, name="tinygpt-tui termination", daemon=True).start()

    def close(self) -> None:
        is_open, self._is_open = self._is_open, False
        if is_open:
            faulthandler.unregister(signal.SIGTERM)
            os.close(self._write)

    def _hold(self) -> None:
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,) if self._is_open else ())

    def _release(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _leave_child(self) -> None:
        """The end of a process that was forked off this one is none of this one."""
        self.close()
        self._release()

    def _wait(self) -> None:
        is_ending = bool(os.read(self._read, 1))
        os.close(self._read)
        if not is_ending:
            return
        with suppress(Exception):
            self._act()
        faulthandler.unregister(signal.SIGTERM)
        os.kill(self._pid, signal.SIGTERM)
