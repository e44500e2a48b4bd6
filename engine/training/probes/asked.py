"""The process that asks probes of a run: `python -m tinygpt_tui.engine.training.probes.asked RUN PROBE...`.

It writes one JSON line a probe, in the order in which they are named, and others while a probe trains.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ...config import ConfigError
from ...experiments.journal import used_and_planned_lrs
from ...experiments.probe_verdicts import cannot_tell, lr_verdict
from ...experiments.probes import ProbeAnswer, ProbeWork
from ...experiments.probing import ProbeReport
from ...storage.run_folder import StoreError
from ..report_lines import reporting
from .data import data
from .learning import capacity, overfit
from .non_finite import finite
from .passes import first_loss, gradients, mask, numeric
from .run_copy import RunCopy

MEASURES: Mapping[str, Callable[[RunCopy], ProbeAnswer]] = {
    "finite": finite,
    "first-loss": first_loss,
    "lr": lambda run: lr_verdict(used_and_planned_lrs(run.run)),
    "data": data,
    "gradients": gradients,
    "mask": mask,
    "numeric": numeric,
    "overfit": overfit,
    "capacity": capacity,
}
"""By the names of experiments.probes.PROBES."""


def probe_answers(
    run: Path, names: Sequence[str], tell_work: Callable[[ProbeWork], None] = lambda _: None
) -> Iterator[ProbeAnswer]:
    """ConfigError, CorpusError or StoreError where the run cannot be copied."""
    copied = RunCopy(run, tell_work)
    for name in names:
        try:
            yield MEASURES[name](copied)
        except (ConfigError, StoreError) as error:  # such as no memory for twice the width
            yield cannot_tell(name, str(error))


if __name__ == "__main__":
    with reporting(ProbeReport) as write:
        for answer in probe_answers(Path(sys.argv[1]), sys.argv[2:], lambda work: write(ProbeReport(work=work))):
            write(ProbeReport(answer=answer))
