"""How what the home screen offers reads, in two short lines each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .. import formatting
from ..text import visible
from ..view.state_glyphs import STATE_GLYPHS, state_glyph
from .entries import BrokenPreset, Entry, LearnEntry, LogEntry, PresetEntry, RunEntry

if TYPE_CHECKING:  # the first frame does not need it
    from ...engine.storage.run_summary import RunSummary

_DEEPEST = 4
"""Generations of forks that are indented; later ones stand below the last of these."""

Piece = tuple[str, str]
"""A text and the theme variable that colours it."""


@dataclass(frozen=True)
class EntryRow:
    """An entry's two lines: what it is on the left, what became of it on the right."""

    name: tuple[Piece, ...]
    state: Piece
    details: Piece
    aside: Piece
    indent: int = 0
    """Cells that the second line stands further to the right."""


def row(entry: Entry, now: datetime, *, ascii: bool) -> EntryRow:
    match entry:
        case LearnEntry():
            name = ((f"{'*' if ascii else '◈'} ", "accent"), (entry.title, "foreground"))
            return EntryRow(name, ("", "state-faint"), (entry.summary, "curve-plan"), ("", "state-faint"))
        case PresetEntry():
            glyph = "+" if ascii else "◇"
            title = visible(entry.config.title)
            return EntryRow(
                ((f"{glyph} ", "accent"), (title, "foreground")),
                (f"{entry.config.training.steps:,} steps", "state-faint"),
                (visible(entry.config.lesson.summary), "curve-plan"),
                ("", "state-faint"),
            )
        case BrokenPreset():
            name = ((f"{STATE_GLYPHS['damaged'].glyph} ", "state-failed"), (visible(entry.id), "foreground"))
            return EntryRow(
                name, ("unusable", "state-failed"), (visible(entry.why), "state-failed"), ("", "state-faint")
            )
        case LogEntry():
            name = ((f"{'~' if ascii else '▤'} ", "accent"), (visible(entry.path.name), "foreground"))
            written = (age(entry.written_at, now), "state-faint")
            return EntryRow(name, written, (visible(str(entry.path.parent)), "curve-plan"), ("", "state-faint"))
        case RunEntry():
            return _run_row(entry.summary, entry.depth, now, ascii=ascii)


def age(created: datetime, now: datetime) -> str:
    seconds = (now - created).total_seconds()
    for size, unit in ((365 * 86400, "y"), (86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return "just now"


def findings(count: int) -> str:
    return f"{count} finding" + ("" if count == 1 else "s")


def damage(run: RunSummary) -> str:
    """What is wrong with a run; the folder, which its name shows already, is left out."""
    return visible(run.why.replace(f"{run.path}/", ""))


def branch(depth: int, *, ascii: bool) -> str:
    """What stands before a fork below its parent."""
    return "  " * (min(depth, _DEEPEST) - 1) + ("`-" if ascii else "└─") if depth else ""


def origin_words(run: RunSummary, depth: int, *, ascii: bool) -> str:
    """Where a fork comes from and which fix it has; its parent is not named where it stands above."""
    parent = "" if depth else f" {visible(run.parent)}"
    fix = f": {visible(run.fix)}" if run.fix else ""
    return f"{'<-' if ascii else '←'}{parent} at {run.forked_at}{fix}"


def _run_row(run: RunSummary, depth: int, now: datetime, *, ascii: bool) -> EntryRow:
    state = state_glyph(run.state, is_failing=run.is_failing)
    title = visible(run.title)
    glyph = f"{state.plain_glyph if ascii else state.glyph} "
    name = [(branch(depth, ascii=ascii), "state-faint"), (glyph, state.colour), (visible(run.name), "foreground")]
    if run.findings:
        name.append((f"  ! {findings(run.findings)}", "state-paused"))
    if run.parent:
        name.append((f"  {origin_words(run, depth, ascii=ascii)}", "state-faint"))
    if title and not run.parent and not run.name.startswith(title.lower().replace(" ", "-")):
        name.append((f"  {title}", "state-faint"))
    facts = []
    if run.state == "damaged":
        facts.append(damage(run))
    elif run.steps:
        facts.append(f"step {run.step}/{run.steps}")
    if run.loss is not None:
        facts.append(f"loss {formatting.compact(run.loss)}")
    dot = " - " if ascii else " · "
    aside = f"{age(run.created, now)}{dot}{formatting.file_size(run.bytes)}"
    words = (state.words, state.colour)
    details, indent = (dot.join(facts), "curve-plan"), len(branch(depth, ascii=ascii))
    return EntryRow(tuple(name), words, details, (aside, "state-faint"), indent)
