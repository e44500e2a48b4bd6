"""What every reader of a format has in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping

from .record import Record
from .setting_values import SettingValue


class Format(ABC):
    name: str

    @abstractmethod
    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        """The entries in pieces of whole lines of a text; a store reads its own files and ignores them."""

    def skipped(self) -> tuple[str, ...]:
        """What the last pass over the records left out, each in a few words."""
        return ()

    def settings(self, run: str) -> Mapping[str, SettingValue]:
        """Those that the log itself holds of a run, which is "" where the log holds one alone."""
        return {}
