"""MLflow's file store: a folder a run, and in its `metrics` a file a metric with lines of time, value and step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .format import Format
from .points import Point, joined
from .record import Record, number
from .setting_values import MOST_SETTINGS, SettingValue, flat_settings_of

_LINE = re.compile(rb"1\d{12} \S+ -?\d+(?: \S+){0,3}\s*")
"""Milliseconds since 1970, a value and a step; newer versions have names of data sets behind them."""
_PARAMS = "params"
"""The folder beside that of the metrics, with a file a setting."""
_LONGEST_PARAM = 6000
"""Characters, as MLflow has it."""
_MOST_METRICS = 400
"""Files of one run that are open together."""


@dataclass(frozen=True)
class MlflowRuns(Format):
    folders: Mapping[str, Path]
    """Run -> the folder of its metrics."""
    name: str = "MLflow store"

    def records(self, chunks: Iterable[bytes] = ()) -> Iterator[Record]:
        several = len(self.folders) > 1
        for run, folder in self.folders.items():
            with ExitStack() as files:
                streams: list[Iterator[Point]] = []
                for path in sorted(path for path in folder.rglob("*") if path.is_file())[:_MOST_METRICS]:
                    lines = files.enter_context(path.open("rb"))
                    streams.append(_points(lines, path.relative_to(folder).as_posix()))
                if streams:
                    yield from joined(streams, run if several else "")

    def settings(self, run: str) -> Mapping[str, SettingValue]:
        folder = self.folders.get(run) or (next(iter(self.folders.values())) if len(self.folders) == 1 else None)
        if folder is None:
            return {}
        params = folder.parent / _PARAMS
        files = islice((path for path in sorted(params.rglob("*")) if path.is_file()), MOST_SETTINGS)
        return flat_settings_of({path.relative_to(params).as_posix(): _first_line(path) for path in files})


@dataclass(frozen=True)
class MlflowMetric(Format):
    metric: str
    name: str = "MLflow metric"

    @classmethod
    def recognise(cls, head: bytes, file: str) -> MlflowMetric | None:
        lines = head.splitlines()[:20]
        is_one = bool(lines) and all(_LINE.fullmatch(line) for line in lines[: len(lines) - (len(lines) > 1)])
        metric = file.rpartition("/metrics/")[2] if "/metrics/" in file else Path(file).name
        return cls(metric) if is_one else None

    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        lines = (line for chunk in chunks for line in chunk.split(b"\n"))
        yield from joined([_points(lines, self.metric)])


def _points(lines: Iterable[bytes], metric: str) -> Iterator[Point]:
    for line in lines:
        cells = line.decode(errors="replace").split()[:3]
        if len(cells) == 3:
            time, value, step = map(number, cells)
            if time is not None and value is not None and step is not None and abs(step) < 1 << 53:
                yield time / 1000, int(step), metric, value


def _first_line(path: Path) -> str:
    with path.open(errors="replace") as file:
        return file.read(_LONGEST_PARAM).partition("\n")[0]


def run_name(folder: Path) -> str:
    """The name that a run was given, or that of its folder."""
    try:
        return (folder / "tags" / "mlflow.runName").read_text(errors="replace")[:100].strip() or folder.name
    except OSError:
        return folder.name
