"""Follows a log until somebody has seen enough: what was read, what is printed, and what the diagnosis finds."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from ..arrivals import Arrival, Noticed
from ..readers.source import ReadError
from .shown_run import ShownRun

_LOOK_S = 0.2
"""Between two looks at whether a log has grown."""


def follow_log(
    shown: ShownRun,
    is_closed: threading.Event,
    *,
    after_first: Callable[[], None] = lambda: None,
    printed: Callable[[], list[Arrival]] = list,
) -> Iterator[list[Arrival]]:
    """What comes, in batches, until it is closed; between two of them it waits.

    `after_first` is called when all that there was has been read, before the diagnosis begins; `printed` gives what a
    program has printed that is followed. ReadError where nothing of the log can be read.
    """
    has_begun = False
    try:
        for batch in _followed(shown, is_closed, after_first, printed):
            if batch:
                has_begun = True
                yield batch
    except ReadError as error:
        if not has_begun:
            raise
        words = f"{error}; it is not followed any more"
        yield [Noticed(words=words), replace(shown.read, is_over=True, waiting=words)]


def _followed(
    shown: ShownRun, is_closed: threading.Event, after_first: Callable[[], None], printed: Callable[[], list[Arrival]]
) -> Iterator[list[Arrival]]:
    is_first = True
    while not is_closed.is_set():
        yield from shown.look()
        if is_first:
            is_first = False
            after_first()
        yield printed()
        end = time.monotonic() + _LOOK_S
        yield shown.diagnose_some()
        while shown.has_backlog and time.monotonic() < end and not is_closed.is_set():
            yield shown.diagnose_some()
        if not shown.has_backlog:
            is_closed.wait(_LOOK_S)
