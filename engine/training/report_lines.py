"""The other end of `experiments.reporting`: a process that measures writes what it reports."""

import os
from collections.abc import Iterator
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
    """To standard output, until they end or nothing reads them; what makes them impossible is the last one."""
    os.nice(NICENESS_BESIDE_TRAINING)
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no report
    try:
        for report in reports:
            os.write(out, encode(report) + b"\n")
    except BrokenPipeError:
        pass
    except (StoreError, ConfigError, CorpusError, CheckpointError) as error:
        os.write(out, encode(kind(problem=str(error))) + b"\n")
