"""The runs that a log holds, by the names that it has for them."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from ..readers.log import open_log
from .log_reading import WholeReading


def runs_in(name: str, path: Path, given: Mapping[str, str] | None = None) -> list[str]:
    """In the order in which they began; ReadError where it cannot be read. One run alone may have no name."""
    with closing(open_log(name, path, given, needs_loss=False)) as log:
        return [*dict.fromkeys(run for run, _ in WholeReading(log, path).read())]
