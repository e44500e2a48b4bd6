"""What a person changed while the run trained, and what became of the loss."""

import math
from typing import ClassVar

from textual.content import Content

from ...engine.events import SettingsChanged
from ..formatting import compact
from ..text import visible
from ..view.run_view import RunView
from ..view.step_marks import best_checkpoint
from .text_panel import TextPanel

_SPAN = 30
"""Steps over which the loss is smoothed before it is compared."""


class HistoryPanel(TextPanel):
    NAME = "history"
    TITLE = "History"
    KEY = "h"
    GIVES_WAY = True
    EXPLANATION: ClassVar[str] = """\
What it shows: every live change with the step after which it took effect, the latest first, and the smoothed loss \
before it and at its end: when the next change came, or now.

How to read it: ↓ is better, ↑ worse, → the same within 1%. The loss falls by itself early in a run, so compare \
with how it fell before. The tiny GPT saves a checkpoint at every change: its run can be taken up again from there.

Healthy: few changes, one at a time, each left alone for long enough to tell what it did."""

    @classmethod
    def has_content(cls, view: RunView) -> bool:
        return view.described is None or view.described.kind == "loop"

    def words(self, view: RunView) -> tuple[Content, Content]:
        best = _best(view)
        if not view.changes:
            words = "No live change yet."
            if view.described is None:
                words = "No live change yet. [ halves the learning rate, ] doubles it, m changes anything."
            if view.end is not None:
                words = "Nothing was changed while it trained."
            return Content("History"), Content("\n").join([Content.styled(words, "$foreground 60%"), *best])
        ends = [change.step for change in view.changes[1:]] + [view.step]
        entries = [_entry(view, change, end) for change, end in zip(view.changes, ends, strict=True)]
        return Content(f"History  {len(view.changes)}"), Content("\n").join([*reversed(entries), *best])


def _best(view: RunView) -> list[Content]:
    step = best_checkpoint(view)
    if step is None:
        return []
    val_loss = view.evaluations["val_loss"][view.evaluations["step"] == step][-1]
    return [Content(f"{step:>6}  best checkpoint, val_loss {compact(float(val_loss))}")]


def _entry(view: RunView, change: SettingsChanged, end: int) -> Content:
    before = view.curves.smoothed_at("loss", _SPAN, change.step) if change.step >= view.curves.extent[0] else math.nan
    after = view.curves.smoothed_at("loss", _SPAN, end) if end > change.step else math.nan
    return Content.assemble(
        (f"{change.step:>6}  ", "$foreground 60%"),
        visible(change.summary),
        "\n        ",
        (f"loss {compact(before)} ", "$foreground 60%"),
        _effect(before, after),
    )


def _effect(before: float, after: float) -> Content:
    if math.isnan(after):
        return Content.styled("→ …", "$foreground 60%")
    if math.isnan(before) or abs(after - before) <= 0.01 * abs(before):
        return Content.styled(f"→ {compact(after)}", "$foreground 60%")
    better = after < before
    return Content.styled(f"{'↓' if better else '↑'} {compact(after)}", "$text-success" if better else "$text-warning")
