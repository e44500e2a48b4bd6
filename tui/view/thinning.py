"""A bounded history: every item while they are few, then every second, every fourth, and always the latest."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Thinned(Generic[T]):
    most: int
    kept: tuple[T, ...] = ()
    """Every `stride`-th item, the first one included."""
    latest: tuple[T, ...] = ()
    """The last item, unless it is kept anyway."""
    stride: int = 1
    seen: int = 0

    @property
    def items(self) -> tuple[T, ...]:
        return self.kept + self.latest

    def after(self, item: T) -> Self:
        if self.seen % self.stride:
            return replace(self, latest=(item,), seen=self.seen + 1)
        grown = replace(self, kept=(*self.kept, item), latest=(), seen=self.seen + 1)
        return grown if len(grown.kept) < self.most else grown._halved()

    def only(self, wanted: Callable[[T], bool]) -> Self:
        """Without the items at the end that are not wanted; what comes next goes on from there."""
        kept = tuple(item for item in self.kept if wanted(item))
        return replace(self, kept=kept, latest=(), seen=len(kept) * self.stride)

    def _halved(self) -> Self:
        dropped = self.kept[-1:] if len(self.kept) % 2 == 0 else ()
        return replace(self, kept=self.kept[::2], latest=dropped, stride=2 * self.stride)
