"""Where the run stands, in numbers."""

import math
from datetime import datetime
from typing import ClassVar

from textual.content import Content
from textual.reactive import var

from ...engine.arrivals import LogRead
from ...engine.config import LiveSettings
from ...engine.diagnostics.time_account import shares_of, time_shares_text
from ..content import hanging
from ..formatting import UNKNOWN, compact, count, counted_threads, duration, known, megabytes, setting
from ..text import visible
from ..view.run_numbers import changed_lr, current_perplexity, current_phase, epoch, time_left_s, tokens_per_s
from ..view.run_view import RunView
from ..view.state_glyphs import state_words
from .text_panel import TextPanel


class StatusPanel(TextPanel):
    NAME = "status"
    TITLE = "Status"
    HEIGHT = "10"
    COLUMN_ORDER = 1
    GIVES_WAY = True
    EXPLANATION: ClassVar[str] = """\
What it shows: the run's state, how far it is and how fast, and what it trains with at this moment, live changes \
included.

How to read it: an epoch is one pass over the training data. Perplexity is e to the loss: among how many equally \
likely tokens the model is as good as choosing (ppl). The phase comes from the slope of the smoothed loss: \
memorization falls fast, generalization slowly, refinement hardly at all. Time is where the last steps' time went, \
without pauses.

Healthy: tokens/s and memory hold steady; the tiny GPT's perplexity falls from about 259, its value for a model that \
knows nothing. Most of the time goes into forward and backward."""

    memory: var[int | None] = var(None)
    """Bytes that the run's process occupies."""

    def watch_memory(self) -> None:
        if self.is_mounted:
            self.write()

    def words(self, view: RunView) -> tuple[Content, Content]:
        rows = _described_rows(view) if view.described is not None else self._own_rows(view)
        lines = [hanging(Content.styled(f"{label:<8}", "$foreground 60%"), value, self.room) for label, value in rows]
        return Content("Status"), Content("\n").join(lines)

    def _own_rows(self, view: RunView) -> list[tuple[str, Content]]:
        """Of a run of the tiny GPT."""
        now = view.settings
        rows = [
            ("state", Content.assemble(state_words(view), (f"  {visible(view.state_detail)}", "$foreground 60%"))),
            ("step", Content(f"{view.step} of {view.steps}, epoch {compact(known(epoch(view)), 2)}")),
            (
                "speed",
                Content(f"{count(known(tokens_per_s(view)))} tok/s{_limit(view)}{_left(view)}"),
            ),
            ("phase", Content(f"{current_phase(view) or UNKNOWN}, ppl {compact(known(current_perplexity(view)))}")),
            (
                "lr",
                Content(f"{_lr(view)}  clip {setting(now.clip)}  {now.schedule.kind}"),
            ),
            ("batch", Content(f"{now.batch} × {now.accumulation}  decay {setting(now.weight_decay)}{_dropout(now)}")),
            ("memory", Content(f"{megabytes(self.memory)}, {count(view.parameters)} parameters")),
            ("device", Content(_device(view))),
        ]
        if not 0 < self.size.height <= len(rows):  # it is the first to go where there is no room
            rows.append(("time", Content(_time(view))))
        return rows


def _described_rows(view: RunView) -> list[tuple[str, Content]]:
    """Of a run that describes itself."""
    described, log = view.described, view.log
    of_all = f" of {view.steps}" if view.steps else ""
    rows = [
        ("state", Content.assemble(state_words(view), (f"  {visible(view.state_detail)}", "$foreground 60%"))),
        ("step", Content(f"{view.step}{of_all}{_left(view)}")),
    ]
    if view.curves.has("tokens_per_s"):
        rows.append(("speed", Content(f"{count(known(tokens_per_s(view)))} tok/s{_limit(view)}")))
    if phase := current_phase(view):
        rows.append(("phase", Content(phase)))
    if view.parameters:
        rows.append(("model", Content(f"{count(view.parameters)} parameters")))
    if log is not None:
        rows += _log_rows(log)
    settings = described.settings if described else {}
    rows += [(visible(name)[:20], Content(visible(str(value)))) for name, value in settings.items()]
    return rows


def _log_rows(log: LogRead) -> list[tuple[str, Content]]:
    written = datetime.fromtimestamp(log.written_at).strftime("%Y-%m-%d %H:%M:%S") if log.written_at else UNKNOWN
    rows = [("written", Content(written))]
    if log.format:
        rows.append(("format", Content(visible(f"{log.format}, {count(log.rows)} rows"))))
    if log.columns:
        taken = ", ".join(f"{name} = {column}" if name != column else name for name, column in log.columns.items())
        rows.append(("columns", Content(visible(taken))))
    if len(log.runs) > 1:
        rows.append(("runs", Content(visible(", ".join(name or "1" for name in log.runs)))))
    return [*rows, *(("note", Content(visible(words))) for words in (*log.notes, *log.skipped))]


def _lr(view: RunView) -> str:
    coming = changed_lr(view)
    now = setting(known(view.curves.at("lr")), 3)
    return now if coming is None else f"{now}, next {setting(coming, 3)}"


def _limit(view: RunView) -> str:
    held = view.end is None and math.isfinite(view.speed_limit)
    return f", held at {setting(view.speed_limit)}/s" if held else ""


def _left(view: RunView) -> str:
    left = duration(time_left_s(view))
    return f", {left} left" if view.end is None and left != UNKNOWN else ""


def _time(view: RunView) -> str:
    return time_shares_text(shares_of(spent.seconds for spent in view.spent), most=3) or UNKNOWN


def _dropout(now: LiveSettings) -> str:
    return f"  dropout {setting(now.dropout)}" if now.dropout else ""


def _device(view: RunView) -> str:
    started = view.started
    if started is None:
        return UNKNOWN
    compiled = ", compiled" if started.compiled else ""
    threads = counted_threads(started.threads, started.processes or 1)
    return visible(f"{started.device}, {started.precision}, {threads}{compiled}")
