"""What lies on disk for the home screen: presets, runs, an earlier run's speed. It blocks, so threads call it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from . import estimates
from .entries import BrokenPreset, Entry, LogEntry, MeasuredSpeed, PresetEntry, RunEntry, run_entries

if TYPE_CHECKING:
    from ...engine.presets import BadPreset, Preset
    from .log_peek import LogSummary

_NEWEST = 20
"""Runs among which one of the same shape is looked for."""


def first_preset_entries(count: int) -> tuple[Entry, ...]:
    """Those of the library that the list begins with."""
    from ...engine.presets import first_presets

    return tuple(map(_preset_entry, first_presets(count)))


def preset_entries() -> tuple[Entry, ...]:
    """The library's and the person's own, chapter by chapter; what cannot be used is said at the end."""
    from ...engine.presets import own_folder, read_presets

    return tuple(map(_preset_entry, read_presets(own_folder())))


def _preset_entry(found: Preset | BadPreset) -> Entry:
    from ...engine.presets import Preset

    return PresetEntry(found.id, found.config) if isinstance(found, Preset) else BrokenPreset(found.id, found.why)


def read_runs(runs: Path, most: int | None = None) -> tuple[RunEntry, ...]:
    """Those that train, then the newest first; none where the folder cannot be read."""
    from ...engine.storage.run_summary import list_runs

    try:
        return run_entries(list_runs(runs, most))
    except OSError:
        return ()


def read_logs(paths: Iterable[str]) -> tuple[LogEntry, ...]:
    """Logs that were watched and are still there, the newest first."""
    found: list[LogEntry] = []
    for path in map(Path, paths):
        with suppress(OSError):
            found.append(LogEntry(path, datetime.fromtimestamp(path.stat().st_mtime, UTC)))
    return tuple(sorted(found, key=lambda log: log.written_at, reverse=True))


def look_into_log(run: RunEntry) -> LogSummary:
    from ...engine.storage.run_store import StoreError
    from .log_peek import LogSummary, log_summary

    try:
        return log_summary(run.summary.path)
    except (StoreError, OSError):
        return LogSummary()  # a run that has only begun, or one that the list itself calls damaged


def measured_speed(preset: PresetEntry, runs: Iterable[RunEntry]) -> MeasuredSpeed | None:
    """The fastest of the newest runs whose steps cost what those of the preset do: a busy machine only slows one."""
    from ...engine.config import ConfigError
    from ...engine.storage.run_store import StoreError, read_config
    from .log_peek import log_summary

    newest = [run.summary for run in runs if run.summary.step][:_NEWEST]
    speeds: list[MeasuredSpeed] = []
    for run in newest:
        with suppress(ConfigError, StoreError, OSError):  # a run that cannot be read predicts nothing
            is_alike = estimates.same_work(read_config(run.path), preset.config)
            if is_alike and (speed := log_summary(run.path).tokens_per_s):
                speeds.append(MeasuredSpeed(speed, run.name))
    return max(speeds, key=lambda measured: measured.tokens_per_s, default=None)
