"""The part of the run screen that writes the run to a file: the command `export`, in a process of its own."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

from textual import work
from textual.content import Content
from textual.widgets import Static

from ...engine.export.suffixes import SUFFIXES, suffix_of
from ..content import in_ascii
from ..dialogs.confirm import Confirm
from ..dialogs.prompt import Field, Prompt, Texts
from ..navigation import OpenLog
from ..own_command import OWN_COMMAND
from ..panels.keys import key_of
from ..text import visible
from .comparing import ComparingScreen

INTERRUPTED = 130
"""The status of a command that Ctrl-C ended."""
_TITLE = f"Export as {' '.join(suffix[1:] for suffix in SUFFIXES)}"


@dataclass(frozen=True)
class Export:
    target: Path
    metric: str
    """What a picture shows."""


class ExportLine(Static):
    """How far an export is, and the key that ends it; away while none is written."""

    DEFAULT_CSS = """
    ExportLine { display: none; height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; }
    """

    def show(self, words: str) -> None:
        self.display = bool(words)
        ends = Content.assemble("  ", (key_of("run.export"), "bold $footer-key-foreground"), " ends it")
        room = max(self.screen.size.width - 2 - ends.cell_length, 0)
        shown = visible(words)
        line = Content(shown if len(shown) <= room else f"…{shown[1 - room :]}") + ends  # the time left stands last
        self.update(in_ascii(line) if self.app.has_class("-ascii") else line)


class ExportingScreen(ComparingScreen):
    _export: Process | None = None
    """That writes now."""

    @work(group="dialog", exclusive=True)
    async def action_export(self) -> None:
        source = self._log.path if self._log is not None else self._path
        if source is None:
            return
        if self._export is not None:
            await self._ask_to_end(self._export)
            return
        stem = source.name if source.is_dir() else source.stem
        fields = (
            Field(name="file", label="File", value=f"{stem or 'run'}.html", hint="Its ending decides the kind"),
            Field(name="metric", label="Metric", value="loss", hint="What a picture shows"),
        )
        wanted = await self.app.push_screen_wait(Prompt(_TITLE, fields, read_export))
        if wanted is None:
            return
        is_there = wanted.target.exists()
        question = f"{visible(str(wanted.target))} is there already."
        if is_there and not await self.app.push_screen_wait(Confirm(question, yes="Replace it", no="Keep it")):
            return
        self._write(export_arguments(source, self._log, wanted, replaces=is_there), wanted.target)

    async def _ask_to_end(self, export: Process) -> None:
        question = "An export is being written. Ended, it leaves no file."
        if await self.app.push_screen_wait(Confirm(question, yes="End it", no="Go on")) and export.returncode is None:
            export.send_signal(SIGINT)

    @work(group="export")
    async def _write(self, arguments: Sequence[str], target: Path) -> None:
        """A long log takes longer than a screen may stand still; a line tells how far it is."""
        line, words = self.query_one(ExportLine), f"starting to write {target.name} …"
        line.show(words)
        self._export = process = await asyncio.create_subprocess_exec(
            *OWN_COMMAND, *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
        assert process.stderr is not None, "it is a pipe"
        async for told in process.stderr:
            words = told.decode(errors="replace").strip() or words
            line.show(words)
        status = await process.wait()
        self._export = None
        line.show("")
        if status == 0:
            self.notify(f"Written: {visible(str(target))}", timeout=8, markup=False)
        else:
            why = visible(words.removeprefix("tinygpt-tui: "))
            self.notify(why, severity="warning" if status == INTERRUPTED else "error", timeout=10, markup=False)


def read_export(texts: Texts) -> Export:
    """ValueError where the file's kind is not known, or its folder is not there."""
    if not (name := texts["file"].strip()):
        raise ValueError("File is empty; it must be the name of a file")
    target = Path(name).expanduser().absolute()
    if not suffix_of(target.name):
        raise ValueError(f"File: must end with one of {', '.join(SUFFIXES)}")
    if target.is_dir():
        raise ValueError(f"File: {visible(str(target))} is a folder")
    if not target.parent.is_dir():
        raise ValueError(f"File: there is no folder {visible(str(target.parent))}")
    return Export(target, texts["metric"].strip() or "loss")


def export_arguments(source: Path, log: OpenLog | None, wanted: Export, *, replaces: bool) -> list[str]:
    """Those of the command `export`."""
    named = [f"--map={name}={column}" for name, column in log.columns.items()] if log else []
    chosen = [f"--run={log.run}"] if log and log.run else []
    force = ["--force"] if replaces else []
    options = ["--progress", f"--to={wanted.target}", f"--metric={wanted.metric}", *named, *chosen, *force]
    return ["export", *options, "--", str(source.absolute())]
