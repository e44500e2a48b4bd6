"""The preview of the selected entry, and what has to be read from the disk for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from textual.widget import Widget

from .disk import look_into_log, measured_speed
from .entries import Entry, LearnEntry, MeasuredSpeed, PresetEntry, RunEntry, identity
from .preset_preview import PresetPreview
from .run_preview import RunPreview


class Previews:
    """One preview of presets and one of runs, of which one is displayed; both are made before the first frame."""

    def __init__(self, screen: Widget, *, ascii: bool) -> None:
        self._screen = screen
        self._runs: Sequence[RunEntry] = ()
        self._speeds: dict[str, MeasuredSpeed | None] = {}
        self.of_preset = PresetPreview(ascii=ascii)
        self.of_run = RunPreview(ascii=ascii)
        self.of_run.add_class("-off")

    def runs_changed(self, runs: Sequence[RunEntry]) -> None:
        """The speed of a preset is measured in the runs there are."""
        self._runs, self._speeds = runs, {}

    def show(self, entry: Entry | None) -> None:
        self.of_preset.set_class(isinstance(entry, RunEntry), "-off")
        self.of_run.set_class(not isinstance(entry, RunEntry), "-off")
        match entry:
            case RunEntry():
                if self.of_run.run is None or identity(self.of_run.run) != identity(entry):
                    self.of_run.log_summary = None
                self.of_run.run = entry
                self._screen.run_worker(partial(self._look_into, entry), group="log_summary", exclusive=True)
            case LearnEntry():
                self.of_preset.preset = entry
            case PresetEntry():
                self.of_preset.preset = entry
                self._screen.run_worker(partial(self._look_for_speed, entry), group="speed", exclusive=True)
            case _:
                self.of_preset.preset = None

    async def _look_into(self, entry: RunEntry) -> None:
        self.of_run.log_summary = await asyncio.to_thread(look_into_log, entry)

    async def _look_for_speed(self, preset: PresetEntry) -> None:
        speeds = self._speeds  # other runs come with a new table, which a late answer must not get into
        if preset.id not in speeds:
            self.of_preset.speed = None
            speeds[preset.id] = await asyncio.to_thread(measured_speed, preset, self._runs)
        self.of_preset.speed = speeds[preset.id]
