"""What happens between two pieces of long work: requests that cannot wait are answered, the others are kept."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from ..events import Pause, Resume, Stop
from ..long_work import WorkAbandoned
from .interfaces import Request


class Interruptions:
    """A step waits where it is while the run is paused; a sample of a paused run goes on."""

    def __init__(
        self, requests: SimpleQueue[Request], *, answer: Callable[[Request], None], is_paused: Callable[[], bool]
    ) -> None:
        self._requests = requests
        self._answer = answer
        self._is_paused = is_paused
        self._kept: deque[Request] = deque()
        self._in_step = False

    def __bool__(self) -> bool:
        """Whether requests were kept that are to be answered now."""
        return bool(self._kept)

    def take(self) -> Request:
        return self._kept.popleft()

    @contextmanager
    def during_step(self) -> Iterator[None]:
        self._in_step = True
        try:
            yield
        finally:
            self._in_step = False

    def look(self) -> None:
        """Raises WorkAbandoned on Stop, and where a paused run is to do something else than its step."""
        while self._holds or not self._requests.empty():
            request = self._requests.get()
            match request.command:
                case Pause() | Resume():
                    self._answer(request)
                case Stop():
                    self._kept.appendleft(request)
                    raise WorkAbandoned
                case _:
                    self._kept.append(request)
                    if self._holds:
                        raise WorkAbandoned

    @property
    def _holds(self) -> bool:
        return self._in_step and self._is_paused()
