"""What every reader of a format has in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from .record import Record


class Format(ABC):
    name: str

    @abstractmethod
    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        """The entries in pieces of whole lines of a text; a store reads its own files and ignores them."""

    def skipped(self) -> tuple[str, ...]:
        """What the last pass over the records left out, each in a few words."""
        return ()
