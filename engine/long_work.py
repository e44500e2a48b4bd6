"""Work that takes long, such as a step of many batches or a long sample, is cut into pieces.

Whoever works calls `between_pieces` wherever it could stop; whoever waits for an answer listens there.
"""

from collections.abc import Callable


class WorkAbandoned(Exception):
    """What was done of this piece of work does not count, and is undone."""


class LongWork:
    def __init__(self) -> None:
        self._look: Callable[[], None] = lambda: None

    def listen(self, look: Callable[[], None]) -> None:
        self._look = look

    def between_pieces(self) -> None:
        """Returns when it is time to go on; raises WorkAbandoned where the work is not to be done now."""
        self._look()
