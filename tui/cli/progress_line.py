"""One line that is redrawn while a command works, where standard error is a terminal."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import click

from ..formatting import time_left
from ..text import visible

_BEGIN = "\r\x1b[K"
_TOLD_EVERY_S = 0.2
_ROWS = 100
"""After so many the clock is looked at; to look at each would be a tenth of the work."""

_Item = TypeVar("_Item")


def show_progress(words: str) -> None:
    if sys.stderr.isatty():
        click.echo(_BEGIN + words, nl=False, err=True)


def clear_progress() -> None:
    show_progress("")


def share_words(share: float | None, count: int, spent_s: float) -> str:
    """`34%, 0:12 left`; of what has no known end how many rows there were."""
    if share is None or share >= 1:
        return f"{count:,} rows"
    return f"{share:.0%}, {time_left(spent_s, share, 1)}"


class ReadingProgress:
    """How far logs are read, on the line of progress.

    With `keeps`, Ctrl-C ends the reading alone: what was read by then is kept, and `ended_early` tells how much it is.
    With `in_lines` each state is a line of its own, also where standard error is no terminal.
    """

    def __init__(self, *, keeps: bool, in_lines: bool = False) -> None:
        self._keeps = keeps
        self._in_lines = in_lines
        self._words = ""
        self._began = self._told = 0.0
        self.ended_early: list[str] = []

    def begin(self, words: str) -> None:
        """Another reading, which is called so."""
        self._words = visible(words)
        self._began = self._told = time.monotonic()
        self._show(f"{self._words} …")

    def tell(self, share: float | None, count: int = 0) -> None:
        if (now := time.monotonic()) - self._told > _TOLD_EVERY_S:
            self._told = now
            self._show(f"{self._words}: {share_words(share, count, now - self._began)}")

    def _show(self, words: str) -> None:
        if not self._in_lines:
            show_progress(words)
            return
        with suppress(BrokenPipeError):  # the export goes on when the screen that reads this is closed
            click.echo(words, err=True)

    def rows(
        self,
        rows: Iterable[_Item],
        words: str,
        share: Callable[[int], float | None],
        *,
        length: Callable[[_Item], int] = lambda _: 1,
    ) -> Iterator[_Item]:
        """The same rows, or blocks of rows of a `length`, until they end or Ctrl-C.

        `share` is of so many rows, and None where that is not known.
        """
        count = looked_at = 0
        self.begin(words)
        try:
            with _interruptions(is_kept=self._keeps) as interruptions:
                for row in rows:
                    yield row
                    count += length(row)
                    if count - looked_at >= _ROWS:
                        looked_at = count
                        self.tell(share(count), count)
                    if interruptions:
                        self.ended_early.append(
                            f"interrupted while {self._words}, after {count:,} rows{_of(share(count))}"
                        )
                        break
        finally:
            clear_progress()


def _of(share: float | None) -> str:
    return "" if share is None or share >= 1 else f", {share:.0%} of it"


@contextmanager
def _interruptions(*, is_kept: bool) -> Iterator[list[int]]:
    """Gets an entry for the first Ctrl-C, so that nothing is left half done; the second one is a KeyboardInterrupt."""
    pressed: list[int] = []
    usual = signal.getsignal(signal.SIGINT)

    def press(number: int, _: object) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, usual)

    if not is_kept or usual is not signal.default_int_handler:
        yield pressed
        return
    signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, usual)
