"""The runs that a log holds, by the names that it has for them."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from ..readers.log import open_log
from .log_reading import WholeReading


def runs_in(
    name: str,
    path: Path,
    given: Mapping[str, str] | None = None,
    tell: Callable[[float | None, int], None] = lambda share, rows: None,
) -> list[str]:
    """In the order in which they began; ReadError where it cannot be read. One run alone may have no name.

    `tell` is called while it is read, with how much that is, if it is known, and the rows so far.
    """
    found, rows = dict[str, None](), 0
    with closing(open_log(name, path, given, needs_loss=False)) as log:
        for run, columns in WholeReading(log, path).read():
            found[run] = None
            rows += len(columns)
            tell(log.share_read, rows)
    return [*found]
