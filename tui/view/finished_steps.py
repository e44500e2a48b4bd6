"""Finished steps as columns: a long run is read in many thousands of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from msgspec import UnsetType
from msgspec.structs import astuple
from numpy.typing import NDArray

from ...engine.events import StepFinished
from ...engine.metrics import EACH_STEP

FIELDS = ("step", "time", *EACH_STEP)
_PLACES = [StepFinished.__struct_fields__.index(name) for name in FIELDS]
_OTHERS = StepFinished.__struct_fields__.index("others")
_PLACE_OF = {name: place for place, name in enumerate(FIELDS)}


@dataclass(frozen=True, eq=False)
class FinishedSteps:
    numbers: NDArray[np.float64]
    """(FIELDS, steps); NaN where something was not measured."""
    others: Sequence[Mapping[str, float] | UnsetType]
    """Of each step the numbers that are no metric of ours."""

    @classmethod
    def of(cls, events: Sequence[StepFinished]) -> Self:
        """Of one event at least. Whole tuples are taken apart in half of the time that their fields take one by one."""
        columns = [*zip(*map(astuple, events), strict=True)]
        return cls(np.array([columns[place] for place in _PLACES], np.float64), columns[_OTHERS])

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.numbers[_PLACE_OF[name]]
