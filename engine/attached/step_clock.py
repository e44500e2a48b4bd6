"""What is measured of the time of a step where several processes train together."""

from typing import Protocol


class StepClock(Protocol):
    """How long a step takes this process without waiting for others, as `training.rank_clock.RankClock` measures it."""

    def begin_step(self) -> None: ...
    def busy_s(self) -> float | None: ...
    def remove(self) -> None: ...
