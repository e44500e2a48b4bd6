"""Runs as tables: CSV, JSON lines, and Parquet where polars is installed."""

import csv
import importlib
import io
import json
from collections.abc import Sequence
from typing import Any

from ..events import json_number
from .run_series import RunSeries


class ExportError(ValueError):
    """What cannot be exported; one line that says why and what helps."""


def csv_table(runs: Sequence[RunSeries]) -> bytes:
    """A row a step; a cell is empty where nothing was measured. With several runs the first column names them."""
    names = _metrics(runs)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*(["run"] if len(runs) > 1 else []), "step", *names])
    for run in runs:
        head = [run.name] if len(runs) > 1 else []
        for step, row in run.rows():
            table.writerow([*head, step, *(repr(row[name]) if name in row else "" for name in names)])
    return text.getvalue().encode()


def json_lines(runs: Sequence[RunSeries]) -> bytes:
    """An object a step; numbers that are not finite are strings, as strict JSON has none."""
    lines: list[str] = []
    for run in runs:
        head = {"run": run.name} if len(runs) > 1 else {}
        for step, row in run.rows():
            numbers = {name: json_number(value) for name, value in row.items()}
            lines.append(json.dumps({**head, "step": step, **numbers}, allow_nan=False))
    return "".join(f"{line}\n" for line in lines).encode()


def parquet(runs: Sequence[RunSeries]) -> bytes:
    """As the CSV; a missing value is null."""
    try:
        polars: Any = importlib.import_module("polars")
    except ImportError:
        raise ExportError("Parquet needs polars: pip install 'tinygpt-tui[export]'") from None
    names = _metrics(runs)
    rows = [
        {"run": run.name, "step": step, **{name: row.get(name) for name in names}}
        for run in runs
        for step, row in run.rows()
    ]
    schema = {"run": polars.String, "step": polars.Int64, **dict.fromkeys(names, polars.Float64)}
    frame = polars.DataFrame(rows, schema=schema)
    target = io.BytesIO()
    (frame if len(runs) > 1 else frame.drop("run")).write_parquet(target)
    return target.getvalue()


def _metrics(runs: Sequence[RunSeries]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.metrics))
