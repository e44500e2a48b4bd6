"""The whole curve so far in a few equal blocks, however long the run is."""

from dataclasses import dataclass, field

BLOCKS = 16


@dataclass(slots=True)
class Profile:
    """Means of equal blocks of rows; when there are too many, neighbours merge and each covers twice as much."""

    size: int = 1
    """Rows a block."""
    means: list[float] = field(default_factory=list)
    _sum: float = field(default=0.0, init=False)
    _count: int = field(default=0, init=False)

    def learn(self, value: float) -> bool:
        """Whether this value completed a block."""
        self._sum += value
        self._count += 1
        if self._count < self.size:
            return False
        self.means.append(self._sum / self._count)
        self._sum, self._count = 0.0, 0
        if len(self.means) == BLOCKS:
            self.means = [(a + b) / 2 for a, b in zip(self.means[::2], self.means[1::2], strict=True)]
            self.size *= 2
        return True

    def quarters(self) -> tuple[float, float, float, float]:
        """Means of the four quarters of the run, from blocks; as many blocks each as can be."""
        length = len(self.means) // 4
        recent = self.means[len(self.means) - 3 * length :]
        first = self.means[:length]
        second, third, fourth = (recent[i * length : (i + 1) * length] for i in range(3))
        return _mean(first), _mean(second), _mean(third), _mean(fourth)

    @property
    def quarter_rows(self) -> int:
        return len(self.means) // 4 * self.size


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
