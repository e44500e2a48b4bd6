"""What the home screen does with the runs in its list: mark and compare, rename, delete, show alone and in order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from textual import work
from textual.reactive import var
from textual.screen import Screen

from ..formatting import file_size
from ..go_to import GoTo
from ..navigation import CompareRuns
from ..text import visible
from .entries import Listing, RunEntry, next_order
from .entry_list import EntryList
from .filter_line import FilterLine

_MOST_MARKED = 8
"""Runs that can be compared at once."""


class RunActions(Screen[None]):
    choice: EntryList
    filter_line: FilterLine

    listing: var[Listing] = var(Listing())

    def read_disk(self) -> object:
        raise NotImplementedError

    def come_back(self, run: Path | None) -> None:
        """Show everything, and select a run as soon as it is listed."""
        if run is not None:
            self.choice.wanted = ("run", run.name)
        if self.is_mounted:
            self.filter_line.leave()
            self.choice.show(self.choice.entries)

    def action_mark(self) -> None:
        entry = self.choice.entry
        if not isinstance(entry, RunEntry):
            return
        marked = self.choice.marked ^ {entry.summary.name}
        if len(marked) > _MOST_MARKED:
            self.notify(f"At most {_MOST_MARKED} runs are compared at once.", severity="warning")
            return
        self.choice.marked = marked
        self.choice.action_move(1)
        self.refresh_bindings()

    def action_compare(self) -> None:
        """The marked runs that are listed, the oldest first: the others are held against it."""
        runs = [entry.summary for entry in self.choice.entries if isinstance(entry, RunEntry)]
        marked = sorted((run for run in runs if run.name in self.choice.marked), key=lambda run: run.created)
        paths = tuple(run.path for run in marked)
        if len(paths) < 2:
            self.notify("Mark two runs or more with Space, then C compares them.", severity="warning")
        else:
            self.post_message(GoTo(CompareRuns(paths)))

    def action_runs_alone(self) -> None:
        self.listing = replace(self.listing, runs_alone=not self.listing.runs_alone)

    def action_sort(self) -> None:
        """The next order of the runs, which then stand alone: between presets there is no place for it."""
        order = next_order(self.listing.order) if self.listing.runs_alone else self.listing.order
        self.listing = Listing(runs_alone=True, order=order)

    @work
    async def action_rename(self) -> None:
        from ...engine.storage.run_store import StoreError, renamed
        from ..dialogs.prompt import Field, Prompt

        entry = self.choice.entry
        if not isinstance(entry, RunEntry):
            return
        run = entry.summary
        field = Field(name="name", label="Name", value=run.name)
        name = await self.app.push_screen_wait(Prompt("Rename this run", (field,), lambda texts: texts["name"].strip()))
        if name is None or name == run.name:
            return
        try:
            path = await asyncio.to_thread(renamed, run.path, name)
        except StoreError as error:
            self.notify(visible(str(error)), severity="error", markup=False)
            return
        self.choice.wanted = ("run", path.name)
        self.choice.marked -= {run.name}
        self.read_disk()

    @work
    async def action_delete(self) -> None:
        from ...engine.storage.run_store import StoreError, remove
        from ..dialogs.confirm import Confirm

        entry = self.choice.entry
        if not isinstance(entry, RunEntry):
            return
        run = entry.summary
        question = f"Delete {visible(run.name)}? Its {file_size(run.bytes)} cannot be brought back."
        if await self.app.push_screen_wait(Confirm(question, yes="Delete", no="Keep")):
            try:
                for left in await asyncio.to_thread(remove, run.path):
                    self.notify(f"{visible(str(left))} is left: this program did not make it", markup=False)
            except StoreError as error:
                self.notify(visible(str(error)), severity="error", markup=False)
            self.read_disk()
