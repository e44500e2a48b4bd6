"""Why a run's process is no more, what it said last, and what can still be done."""

import os
from dataclasses import dataclass
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widgets import Static

from ..text import visible
from ..view.run_view import RunView

_LOG_BYTES = 8192
_LOG_LINES = 30


@dataclass(frozen=True, kw_only=True)
class Crash:
    headline: str
    cause: str
    step: int
    checkpoint: int | None
    """The step of the last checkpoint."""
    log: Path | None
    log_lines: tuple[str, ...] = ()


def crash_of(view: RunView, log: Path | None, log_lines: tuple[str, ...]) -> Crash | None:
    """None where the run came to an end that needs no report."""
    end = view.end
    if end is None or end.reason not in ("died", "failed", "nan"):
        return None
    headlines = {
        "died": "The run's process died",
        "failed": "The run failed",
        "nan": "The run ended: its loss is no longer a number",
    }
    return Crash(
        headline=headlines[end.reason],
        cause=end.detail,
        step=end.step or view.step,
        checkpoint=view.checkpoints[-1].step if view.checkpoints else None,
        log=log,
        log_lines=log_lines,
    )


def last_lines(log: Path) -> tuple[str, ...]:
    """The end of a log, bounded however long it is; nothing where there is none."""
    from ...engine.storage.run_folder import StoreError, open_file

    try:
        with os.fdopen(open_file(log, os.O_RDONLY), "rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - _LOG_BYTES, 0))
            text = file.read(_LOG_BYTES).decode(errors="replace")
    except (StoreError, OSError):
        return ()
    return tuple(text.splitlines()[-_LOG_LINES:])


class CrashReport(VerticalScroll):
    DEFAULT_CSS = """
    CrashReport { height: 1fr; border: round $error; border-title-color: $text-error; padding: 1 2; }
    """

    crash: var[Crash | None] = var(None)

    def compose(self) -> ComposeResult:
        yield Static()

    def watch_crash(self, crash: Crash | None) -> None:
        self.display = crash is not None
        if crash is not None and self.is_mounted:
            self.border_title = Content(crash.headline)
            self.query_one(Static).update(report(crash))


def report(crash: Crash) -> Content:
    parts = [
        Content.styled(visible(crash.cause) or "No cause was given.", "bold $text-error"),
        Content(f"It was at step {crash.step}. {_remains(crash)}"),
        _keys(crash),
    ]
    if crash.log is not None:
        words = Content("\n".join(f"  {visible(line)}" for line in crash.log_lines) or "  (it is empty)")
        parts.append(
            Content.assemble(("Its last words, in ", "$foreground 60%"), f"{visible(str(crash.log))}\n", words)
        )
    return Content("\n\n").join(parts)


def _remains(crash: Crash) -> str:
    if crash.checkpoint is None:
        return "No checkpoint had been saved; what it measured is kept."
    return f"Everything up to the checkpoint at step {crash.checkpoint} is kept."


def _keys(crash: Crash) -> Content:
    first = "resume from the beginning"
    if crash.checkpoint is not None:
        first = f"resume from step {crash.checkpoint}"
    back = [("u", "go back to an earlier checkpoint")] if crash.checkpoint is not None else []
    keys = [
        ("space", first),
        *back,
        ("r", "restart with the same seed"),
        ("R", "with another"),
        ("esc", "look at the curves"),
    ]
    rows = [Content.assemble((f"{key:>7}  ", "bold $accent"), words) for key, words in keys]
    return Content("\n").join(rows)
