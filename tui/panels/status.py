"""Where the run stands, in numbers."""

import math
from typing import ClassVar

from textual.content import Content
from textual.reactive import var

from ...engine.config import LiveSettings
from ...engine.diagnostics.time_account import shares_of, time_shares_text
from ..content import hanging
from ..formatting import UNKNOWN, compact, count, duration, known, megabytes, setting
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

How to read it: an epoch is one pass over the training text. Perplexity is e to the loss: among how many equally \
likely bytes the model is as good as choosing (ppl). The phase comes from the slope of the smoothed loss: memorization \
falls fast, generalization slowly, refinement hardly at all. Time is where the last steps' time went, without pauses.

Healthy: tokens/s and memory hold steady; perplexity falls from about 259, its value for a model that knows \
nothing. Most of the time goes into forward and backward."""

    memory: var[int | None] = var(None)
    """Bytes that the run's process occupies."""

    def watch_memory(self) -> None:
        if self.is_mounted:
            self.write()

    def words(self, view: RunView) -> tuple[Content, Content]:
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
        lines = [hanging(Content.styled(f"{label:<8}", "$foreground 60%"), value, self.room) for label, value in rows]
        return Content("Status"), Content("\n").join(lines)


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
    threads = f"{started.threads} thread{'s' if started.threads != 1 else ''}"
    return visible(f"{started.device}, {started.precision}, {threads}{', compiled' if started.compiled else ''}")
