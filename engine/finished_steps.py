"""Finished steps as columns: a long run is read in many thousands of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple
from numpy.typing import NDArray

from .events import StepFinished
from .metrics import EACH_STEP

FIELDS = ("step", "time", *EACH_STEP)
_PLACES = [StepFinished.__struct_fields__.index(name) for name in FIELDS]
_OTHERS = StepFinished.__struct_fields__.index("others")
_PLACE_OF = {name: place for place, name in enumerate(FIELDS)}
FAILING = ("loss", "grad_norm")
"""What shows at once that a run has failed."""


@dataclass(frozen=True, eq=False)
class FinishedSteps:
    """One step at least."""

    numbers: NDArray[np.float64]
    """(FIELDS, steps); NaN where something was not measured."""
    others: Sequence[Mapping[str, float] | UnsetType]
    """Of each step the numbers that are no metric of ours; empty where no step has any."""
    broken: NDArray[np.float64]
    """The steps whose loss or grad_norm was measured and is not finite."""

    @classmethod
    def of(cls, events: Sequence[StepFinished]) -> Self:
        """Of one event at least. Whole tuples are taken apart in half of the time that their fields take one by one."""
        columns = [*zip(*map(astuple, events), strict=True)]
        numbers = np.array([columns[place] for place in _PLACES], np.float64)
        others = columns[_OTHERS] if any(each is not UNSET for each in columns[_OTHERS]) else ()
        is_odd = ~np.isfinite(numbers[[_PLACE_OF[name] for name in FAILING]]).all(axis=0)
        broken = [step for step in np.flatnonzero(is_odd).tolist() if _is_broken(events[step])]
        return cls(numbers, others, numbers[0, broken])

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.numbers[_PLACE_OF[name]]

    def __len__(self) -> int:
        return self.numbers.shape[1]

    @property
    def time(self) -> float:
        """Of the last step, in seconds since 1970."""
        return float(self["time"][-1])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """One behind the other."""
        others = [each for part in parts for each in part.others or [UNSET] * len(part)]
        return cls(
            np.concatenate([part.numbers for part in parts], axis=1),
            others if any(part.others for part in parts) else (),
            np.concatenate([part.broken for part in parts]),
        )

    @property
    def rise(self) -> bool:
        """Whether each step comes after the one before it."""
        return bool((np.diff(self["step"]) > 0).all())

    def one_by_one(self) -> Sequence[Self]:
        """Each step as steps of its own."""
        broken = {*self.broken.tolist()}
        return [
            type(self)(
                self.numbers[:, place : place + 1],
                self.others[place : place + 1],
                self["step"][place : place + 1] if float(step) in broken else np.empty(0),
            )
            for place, step in enumerate(self["step"])
        ]


def _is_broken(event: StepFinished) -> bool:
    values = (getattr(event, name) for name in FAILING)
    return any(value is not None and not np.isfinite(value) for value in values)
