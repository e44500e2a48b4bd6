"""Runs in SQLite files: MLflow's `mlflow.db` and those of trackio."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .format import Format
from .json_lines import flat, loaded
from .points import Point, joined
from .record import RUN, WRITTEN, Cell, Record
from .setting_values import MOST_SETTINGS, SettingValue, flat_settings_of
from .source import ReadError
from .times import time_in

_LARGEST = 1.79e308
"""MLflow stores infinity as the largest float."""
_MLFLOW = {"key", "value", "timestamp", "run_uuid", "step", "is_nan"}
_TRACKIO = {"run_name", "timestamp", "step", "metrics"}

Connect = Callable[[], sqlite3.Connection]


@dataclass(frozen=True)
class Database(Format):
    file: str
    connect: Connect = field(repr=False)
    name: str = "database"

    @classmethod
    def recognise(cls, file: str, connect: Connect) -> Database:
        """ReadError where it holds no runs that are known."""
        try:
            with closing(connect()) as connection:
                columns = _columns(connection)
                found = connection.execute("select name from sqlite_master where type = 'table'")
                tables = [str(table) for (table,) in found]
        except sqlite3.Error as error:
            raise ReadError(f"{file}: is a database that cannot be read: {error}") from None
        for wanted, name in ((_MLFLOW, "MLflow database"), (_TRACKIO, "trackio database")):
            if wanted <= columns:
                return cls(file, connect, name)
        shown = ", ".join(tables[:8]) or "no tables"
        raise ReadError(
            f"{file}: is a database of neither MLflow nor trackio (it has {shown});"
            f' export its metrics: sqlite3 -csv -header {file} "select ..." > log.csv'
        )

    def records(self, chunks: Iterable[bytes] = ()) -> Iterator[Record]:
        try:
            with closing(self.connect()) as connection:
                yield from _mlflow(connection) if self.name.startswith("MLflow") else _trackio(connection)
        except sqlite3.Error as error:
            raise ReadError(f"{self.file}: is a database that cannot be read to its end: {error}") from None

    def settings(self, run: str) -> Mapping[str, SettingValue]:
        try:
            with closing(self.connect()) as connection:
                is_mlflow = self.name.startswith("MLflow")
                runs = _mlflow_runs(connection) if is_mlflow else _trackio_runs(connection)
                known = [key for key, name in runs if name == run or len(runs) == 1]
                read = _mlflow_params if is_mlflow else _trackio_config
                return flat_settings_of(read(connection, known[0])) if known else {}
        except sqlite3.Error:  # older versions have no such table
            return {}


def opener(path: Path) -> Connect:
    """Connections that write nothing, also where the folder allows no lock."""

    def connect() -> sqlite3.Connection:
        where = f"file:{quote(str(path.absolute()))}?mode=ro"
        try:
            connection = sqlite3.connect(where, uri=True)
            connection.execute("select 1 from sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection = sqlite3.connect(f"{where}&immutable=1", uri=True)
        return connection

    return connect


def opener_of_bytes(data: bytes) -> Connect:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:")
        connection.deserialize(data)
        return connection

    return connect


def _columns(connection: sqlite3.Connection) -> set[str]:
    return {str(column) for (column,) in connection.execute("select name from pragma_table_info('metrics')")}


def _mlflow(connection: sqlite3.Connection) -> Iterator[Record]:
    runs = _mlflow_runs(connection)
    for run, name in runs:
        columns = "timestamp, step, key, value, is_nan"
        query = f"select {columns} from metrics where run_uuid = ? order by timestamp, step"
        rows = connection.execute(query, (run,))
        yield from joined([_points(rows)], name if len(runs) > 1 else "")


def _mlflow_runs(connection: sqlite3.Connection) -> list[tuple[object, str]]:
    """Key and name of each run, the first one first."""
    names: dict[object, str] = {}
    if connection.execute("select 1 from sqlite_master where name = 'runs'").fetchone():
        names = {run: str(name or run) for run, name in connection.execute("select run_uuid, name from runs")}
    order = "select run_uuid from metrics group by run_uuid order by min(timestamp)"
    runs = [run for (run,) in connection.execute(order)]
    return [*zip(runs, _distinct([names.get(run, str(run)) for run in runs]), strict=True)]


def _mlflow_params(connection: sqlite3.Connection, run: object) -> dict[str, Any]:
    query = "select key, value from params where run_uuid = ? order by key limit ?"
    return {str(key): value for key, value in connection.execute(query, (run, MOST_SETTINGS))}


def _points(rows: Iterable[tuple[object, object, object, object, object]]) -> Iterator[Point]:
    for time, step, key, value, is_nan in rows:
        if isinstance(time, int | float) and isinstance(step, int) and isinstance(value, int | float):
            cell = math.nan if is_nan else math.copysign(math.inf, value) if abs(value) > _LARGEST else float(value)
            yield time / 1000, step, str(key), cell


def _trackio(connection: sqlite3.Connection) -> Iterator[Record]:
    runs = _trackio_runs(connection)
    column = _run_column(connection)
    for key, name in runs:
        for step, text, written in connection.execute(
            f"select step, metrics, timestamp from metrics where {column} = ? order by timestamp, rowid", (key,)
        ):
            metrics = _object(text)
            if metrics is not None:
                head: dict[str, Cell] = {RUN: name} if len(runs) > 1 else {}
                yield {**head, "step": step, WRITTEN: time_in(str(written)), **flat(metrics)}


def _trackio_runs(connection: sqlite3.Connection) -> list[tuple[object, str]]:
    """Key and name of each run, the first one first."""
    run = _run_column(connection)
    runs = connection.execute(f"select {run}, min(run_name) from metrics group by {run} order by min(rowid)").fetchall()
    names = _distinct([str(name) for _, name in runs])
    return [(key, name) for (key, _), name in zip(runs, names, strict=True)]


def _trackio_config(connection: sqlite3.Connection, run: object) -> dict[str, Any]:
    query = f"select config from configs where {_run_column(connection)} = ? limit 1"
    row = connection.execute(query, (run,)).fetchone()
    config = (_object(row[0]) if row else None) or {}
    return {key: value for key, value in config.items() if not key.startswith("_")}


def _run_column(connection: sqlite3.Connection) -> str:
    return "run_id" if "run_id" in _columns(connection) else "run_name"


def _object(text: object) -> dict[str, Any] | None:
    found = loaded(text if isinstance(text, bytes) else str(text).encode())
    return found if isinstance(found, dict) else None


def _distinct(names: list[str]) -> list[str]:
    """Runs of one name get a number each."""
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        names[place] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return names
