"""The whole curve so far in a few equal blocks, however long the run is."""

from dataclasses import dataclass, field

BLOCKS = 32


@dataclass(slots=True)
class Profile:
    """Means of equal blocks of rows; when there are too many, neighbours merge and each covers twice as much."""

    size: int = 1
    """Rows a block."""
    means: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """The last step of each block."""
    _sum: float = field(default=0.0, init=False)
    _count: int = field(default=0, init=False)

    def learn(self, value: float, step: int) -> bool:
        """Whether this value completed a block."""
        self._sum += value
        self._count += 1
        if self._count < self.size:
            return False
        self.means.append(self._sum / self._count)
        self.ends.append(step)
        self._sum, self._count = 0.0, 0
        if len(self.means) == BLOCKS:
            self.means = [(a + b) / 2 for a, b in zip(self.means[::2], self.means[1::2], strict=True)]
            self.ends = self.ends[1::2]
            self.size *= 2
        return True

    @property
    def rows(self) -> int:
        return len(self.means) * self.size

    def over(self, start: float, end: float) -> tuple[float, int]:
        """The mean from one share of the run to another, and how many rows it is of."""
        first, last = round(start * len(self.means)), round(end * len(self.means))
        first = min(first, last - 1)
        means = self.means[first:last]
        return sum(means) / len(means), len(means) * self.size

    def step_at(self, share: float) -> int:
        return self.ends[max(round(share * len(self.ends)) - 1, 0)]
