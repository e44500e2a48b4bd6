"""Which detectors are called at a row: looked up in a table, because most rows concern few of them."""

from collections.abc import Callable, Iterable, Sequence

from .detector import Detection, Detector, Recovered, Watched
from .run_statistics import GRADIENTS, LOSS, NORM, PACE, START, RunStatistics

Call = tuple[str, Callable[[RunStatistics], Detection | Recovered | None]]
_ALL = LOSS | GRADIENTS | NORM | PACE | START


class Calls:
    """The detectors to be called before a row enters the statistics, by what it holds, and those called afterwards."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        detectors = list(detectors)
        self.before = tuple(_calls(detectors, _concerned(held)) for held in range(_ALL + 1))
        """Indexed by `RunStatistics.held`."""
        self.after_block = _calls(detectors, [{"block"}])
        self.after_val_loss = _calls(detectors, [{"val_loss"}])


def _concerned(held: int) -> Sequence[set[Watched]]:
    """In the order of their calls: those of the row, of its loss, of its gradients."""
    of_row: set[Watched] = {"row"}
    if held & NORM:
        of_row.add("norm")
    if held & PACE:
        of_row.add("pace")
    of_loss: set[Watched] = {"loss"} if held & LOSS else set()
    if held & LOSS and held & START:
        of_loss.add("start")
    return of_row, of_loss, {"gradients"} if held & GRADIENTS else set()


def _calls(detectors: Sequence[Detector], watched: Iterable[set[Watched]]) -> tuple[Call, ...]:
    return tuple((each.kind, each.observe) for kinds in watched for each in detectors if each.watched in kinds)


def outcomes(calls: Iterable[Call], run: RunStatistics) -> list[tuple[str, Detection | Recovered]]:
    return [(kind, outcome) for kind, observe in calls if (outcome := observe(run)) is not None]
