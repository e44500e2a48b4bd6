"""A store is read once: what a survey of it looks at, and all of its entries as columns."""

from collections.abc import Iterable, Iterator

from .block import ColumnBlock
from .record import Record
from .text_blocks import record_blocks

_FIRST = 5000


def read_store(records: Iterable[Record]) -> tuple[list[Record], list[ColumnBlock]]:
    """Of many entries of few kinds the first ones and the first of each kind; and all of them."""
    sample: list[Record] = []
    blocks = [*record_blocks(_sampled(records, sample), ())]
    return sample, blocks


def _sampled(records: Iterable[Record], sample: list[Record]) -> Iterator[Record]:
    seen: set[frozenset[str]] = set()
    for place, record in enumerate(records):
        kind = frozenset(record)
        if place < _FIRST or kind not in seen:
            seen.add(kind)
            sample.append(record)
        yield record
