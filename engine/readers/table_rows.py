"""The rows of a table, of JSON lines or of a store, read as columns: this takes half of the time of single records."""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, repeat

import numpy as np

from ..diagnostics.row import Row
from .block import ColumnBlock
from .delimited import Delimited
from .json_lines import JsonLines
from .placement import Placement
from .plan import Plan
from .step_columns import StepColumns
from .text_blocks import text_blocks


def is_table(plan: Plan) -> bool:
    is_text = plan.source is not None and isinstance(plan.format, Delimited | JsonLines)
    return is_text or plan.read_before is not None


def rows_of_table(plan: Plan, names: Collection[str], telling: Collection[str]) -> Iterator[tuple[str, Row]]:
    """(run, row) with the metrics of these names, of the rows that hold one of `telling`."""
    for run, columns in _placed(plan):
        rows = columns.rows(tuple(names))
        if not any(_is_full(columns, name) for name in telling):
            rows = (row for row in rows if not row.values.keys().isdisjoint(telling))
        yield from zip(repeat(run), rows)


def _placed(plan: Plan) -> Iterator[tuple[str, StepColumns]]:
    placement = Placement(plan)
    for block in _blocks(plan):
        yield from placement.take(block)
    yield from placement.finish()


def _blocks(plan: Plan) -> Iterable[ColumnBlock]:
    text = text_blocks(plan.format, plan.reshapes)
    if plan.read_before is not None or plan.source is None or text is None:
        return plan.blocks()
    return chain(chain.from_iterable(map(text.blocks, plan.source.chunks())), text.finish())


def _is_full(columns: StepColumns, name: str) -> bool:
    return name in columns.columns and not np.isnan(columns.columns[name]).any()
