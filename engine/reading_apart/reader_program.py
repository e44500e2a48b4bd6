"""Reads a long log or a long past for a screen, and writes what comes of it to standard output, batch by batch.

Its arguments are `past RUN`, or `log PATH NAME [=RUN] [METRIC COLUMN]...`; it is started with the collector disabled.
It ends when its standard input is closed, as it is when the screen's process is gone.
"""

import gc
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..arrivals import Arrival
from ..readers.source import ReadError
from ..storage.run_folder import StoreError
from .codec import encode_batch
from .frames import OVER, REFUSED, SENT, FrameWriter


def write_batches(arguments: Sequence[str]) -> None:
    out = FrameWriter(os.dup(sys.stdout.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that is printed gets among the batches
    kind, *others = arguments
    try:
        for batch in of_past(*others) if kind == "past" else of_log(out, *others):
            out.write(SENT, encode_batch(batch))
            if out.is_broken:
                return
        out.write(OVER)
    except (ReadError, StoreError) as error:
        out.write(REFUSED, str(error).encode(errors="replace"))
    finally:
        out.close()


def of_past(run: str) -> Iterator[Sequence[Arrival]]:
    """The collector stays disabled: a million events refer to each other in no circle."""
    from .past import past_in_columns

    return past_in_columns(Path(run))


def of_log(out: FrameWriter, path: str, name: str, *rest: str) -> Iterator[Sequence[Arrival]]:
    """An empty batch, at once, when all that there was has been read."""
    from ..following.following_log import follow_log
    from ..following.shown_run import ShownRun

    gc.freeze()
    gc.enable()  # a log may be followed for days
    runs = [each.removeprefix("=") for each in rest[: len(rest) % 2]]
    given = rest[len(rest) % 2 :]
    shown = ShownRun(
        name, Path(path), run=runs[0] if runs else None, given=dict(zip(given[::2], given[1::2], strict=True))
    )
    try:
        yield from follow_log(shown, _closed_with_input(), after_first=lambda: out.write(SENT, encode_batch([])))
    finally:
        shown.close()


def _closed_with_input() -> threading.Event:
    is_closed = threading.Event()

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        is_closed.set()

    threading.Thread(target=wait, daemon=True).start()
    return is_closed
