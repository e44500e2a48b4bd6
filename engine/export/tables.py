"""Runs as tables: CSV, JSON lines, and Parquet where polars is installed."""

import csv
import importlib
import io
import json
import math
from collections.abc import Sequence
from typing import Any

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
    lines = [
        json.dumps({**({"run": run.name} if len(runs) > 1 else {}), "step": step, **_strict(row)}, allow_nan=False)
        for run in runs
        for step, row in run.rows()
    ]
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


def _strict(row: dict[str, float]) -> dict[str, float | str]:
    return {name: value if math.isfinite(value) else _word(value) for name, value in row.items()}


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
