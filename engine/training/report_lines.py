"""The other end of `experiments.reporting`: a process that measures writes what it reports."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ..config import ConfigError
from ..corpus import CorpusError
from ..events import encode
from ..experiments.reporting import WorkReport
from ..storage.run_folder import StoreError
from ..storage.stored_checkpoints import CheckpointError

NICENESS_BESIDE_TRAINING = 10
"""A run that trains has 5."""

_R = TypeVar("_R", bound=WorkReport)


def write_reports(reports: Iterator[_R], kind: type[_R]) -> None:
    """See `reporting`."""
    with reporting(kind) as write:
        for report in reports:
            write(report)


@contextmanager
def reporting(kind: type[_R]) -> Iterator[Callable[[_R], None]]:
    """Writes to standard output, until nothing reads it; what makes the reports impossible is the last one."""
    os.nice(NICENESS_BESIDE_TRAINING)
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no report
    try:
        yield lambda report: _write(out, report)
    except BrokenPipeError:
        pass
    except (StoreError, ConfigError, CorpusError, CheckpointError) as error:
        _write(out, kind(problem=str(error)))


def _write(out: int, report: WorkReport) -> None:
    os.write(out, encode(report) + b"\n")
