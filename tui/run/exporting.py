"""The part of the run screen that writes the run to a file: the command `export`, in a process of its own."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual import work

from ...engine.export.suffixes import SUFFIXES, suffix_of
from ..dialogs.confirm import Confirm
from ..dialogs.prompt import Field, Prompt, Texts
from ..navigation import OpenLog
from ..own_command import OWN_COMMAND
from ..text import visible
from .comparing import ComparingScreen

_TITLE = f"Export as {' '.join(suffix[1:] for suffix in SUFFIXES)}"


@dataclass(frozen=True)
class Export:
    target: Path
    metric: str
    """What a picture shows."""


class ExportingScreen(ComparingScreen):
    @work(group="dialog", exclusive=True)
    async def action_export(self) -> None:
        source = self._log.path if self._log is not None else self._path
        if source is None:
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
        self.notify(f"Writing {visible(wanted.target.name)} …", timeout=2, markup=False)
        self._write(export_arguments(source, self._log, wanted, replaces=is_there), wanted.target)

    @work(group="export")
    async def _write(self, arguments: Sequence[str], target: Path) -> None:
        """A long log takes longer than a screen may stand still."""
        process = await asyncio.create_subprocess_exec(
            *OWN_COMMAND, *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
        _, words = await process.communicate()
        if process.returncode == 0:
            self.notify(f"Written: {visible(str(target))}", timeout=8, markup=False)
        else:
            last = words.decode(errors="replace").strip().rpartition("\n")[2].removeprefix("tinygpt-tui: ")
            self.notify(visible(last), severity="error", timeout=10, markup=False)


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
    options = [f"--to={wanted.target}", f"--metric={wanted.metric}", *named, *chosen, *force]
    return ["export", *options, "--", str(source.absolute())]
