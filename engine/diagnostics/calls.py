"""Which detectors are called at a row: looked up in a table, because most rows concern few of them."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from .detector import Detection, Detector, Recovered, Resting, Watched
from .held import GRADIENTS, HIGH_LOSS, LARGE_NORM, LOSS, LOW_LOSS, NORM, PACE, SMALL_NORM, START, UNUSUAL
from .run_statistics import RunStatistics

Call = tuple[str, Callable[[RunStatistics], Detection | Recovered | None]]
Rest = tuple[int, Callable[[RunStatistics], bool]]
_CONCERNED: Sequence[Mapping[Watched, int]] = (
    {"unusual": UNUSUAL, "large_norm": NORM | LARGE_NORM, "pace": PACE},
    {"loss": LOSS, "high_loss": LOSS | HIGH_LOSS, "low_loss": LOSS | LOW_LOSS, "start": LOSS | START},
    {"small_norm": GRADIENTS | SMALL_NORM},
)
"""What a row must have for a detector to be called; in the order of the calls: those of the row, of its loss, of its
gradients."""
_AWAKE: Mapping[Watched, int] = {
    "unusual": UNUSUAL,
    "large_norm": LARGE_NORM,
    "small_norm": SMALL_NORM,
    "high_loss": HIGH_LOSS,
    "low_loss": LOW_LOSS,
}
"""The bit that stands for a detector which is not at rest, as if every row had it."""


class Concerned(NamedTuple):
    """The detectors that are called at a row."""

    calls: tuple[Call, ...]
    rests: tuple[Rest, ...]
    """Of those which may be at rest after it, their bit and whether they are."""


class Calls(dict[int, Concerned]):
    """By the bits of a row, and of the detectors that are awake: whom it concerns before it enters the statistics."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        super().__init__()
        self._detectors = [*detectors]
        self.after_block = _calls(self._watching({"block"}))
        self.after_val_loss = _calls(self._watching({"val_loss"}))

    def __missing__(self, held: int) -> Concerned:
        kinds = [{watched for watched, bits in group.items() if held & bits == bits} for group in _CONCERNED]
        found = [each for group in kinds for each in self._watching(group)]
        rests = tuple((_AWAKE[each.watched], each.is_at_rest) for each in found if isinstance(each, Resting))
        self[held] = concerned = Concerned(_calls(found), rests)
        return concerned

    def _watching(self, kinds: Container[str]) -> Sequence[Detector]:
        return [each for each in self._detectors if each.watched in kinds]


def _calls(detectors: Iterable[Detector]) -> tuple[Call, ...]:
    return tuple((each.kind, each.observe) for each in detectors)


def outcomes(calls: Iterable[Call], run: RunStatistics) -> list[tuple[str, Detection | Recovered]]:
    return [(kind, outcome) for kind, observe in calls if (outcome := observe(run)) is not None]
