"""A run before it is opened: its state, its loss curve so far, its last values and what was found."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from .. import formatting
from ..content import curve_block, fact, hanging
from ..text import visible
from ..view.state_glyphs import state_glyph
from .entries import RunEntry
from .rows import damage, findings

if TYPE_CHECKING:
    from ...engine.storage.run_summary import RunSummary
    from .log_peek import LogSummary

_TALLEST_CURVE = 10
_MOST_FINDINGS = 4


class RunPreview(Widget):
    """`log_summary` is None until the log has been looked into."""

    run: reactive[RunEntry | None] = reactive(None)
    log_summary: reactive[LogSummary | None] = reactive(None)

    def __init__(self, *, ascii: bool = False) -> None:
        super().__init__()
        self._ascii = ascii

    def watch_run(self, run: RunEntry | None) -> None:
        self.border_title = Content(visible(run.summary.name)) if run else ""

    def render(self) -> Content:
        if self.run is None:
            return Content("")
        return Content("\n").join(run_lines(self.run.summary, self.log_summary, self.content_size, ascii=self._ascii))


def run_lines(run: RunSummary, log_summary: LogSummary | None, size: Size, *, ascii: bool) -> list[Content]:
    """The text of the preview; the curve takes the lines that the words leave."""
    if run.state == "damaged":
        why = [Content(line) for line in textwrap.wrap(damage(run), max(size.width, 1))]
        return [_state(run, ascii=ascii), Content(""), *why]
    empty = Content("")
    head = [_state(run, ascii=ascii), *([Content(visible(run.title))] if run.title else []), empty]
    facts = [line for name, text in _facts(run, log_summary) for line in fact(name, text, size.width)]
    found = _found(run, log_summary, size.width, ascii=ascii)
    losses = log_summary.losses if log_summary else ()
    height = min(size.height - len(head) - len(facts) - len(found) - 2, _TALLEST_CURVE)
    curve: list[Content] = []
    if len(losses) > 1:
        steps = (losses[0][0], losses[-1][0])
        curve = curve_block([v for _, v in losses], steps, size.width, height, colour="curve-train", ascii=ascii)
    heading = Content.styled("Loss", "bold $foreground")
    return [*head, *([heading, *curve, empty] if curve else []), *facts, *found]


def _state(run: RunSummary, *, ascii: bool) -> Content:
    look = state_glyph(run.state, is_failing=run.is_failing)
    process = f"  process {run.pid}" if run.pid else ""
    glyph = look.plain_glyph if ascii else look.glyph
    return Content.assemble((f"{glyph} {look.words}", f"bold ${look.colour}"), (process, "$curve-plan"))


def _facts(run: RunSummary, log_summary: LogSummary | None) -> list[tuple[str, str]]:
    facts = [("Step", f"{run.step} of {run.steps}" if run.steps else "not begun")]
    if run.parent:
        facts.append(("Fork", f"of {visible(run.parent)}, from step {run.forked_at} on"))
    if run.fix:
        facts.append(("Fix", visible(run.fix)))
    if run.loss is not None:
        val = f", on held-out text {formatting.compact(run.val_loss)}" if run.val_loss is not None else ""
        facts.append(("Loss", f"{formatting.compact(run.loss)}{val}"))
    if log_summary and (last := log_summary.last):
        facts.append(("Speed", f"{formatting.count(last.tokens_per_s)} tokens/s"))
        facts.append(
            ("Last step", f"lr {formatting.setting(last.lr, 3)}, gradient norm {formatting.compact(last.grad_norm)}")
        )
    if log_summary and (started := log_summary.started):
        facts.append(("Model", f"{formatting.count(started.parameters)} parameters, {visible(started.device)}"))
    facts.append(("Disk", formatting.file_size(run.bytes)))
    if log_summary and log_summary.ended and log_summary.ended.detail:
        facts.append(("Ended", visible(log_summary.ended.detail)))
    return facts


def _found(run: RunSummary, log_summary: LogSummary | None, width: int, *, ascii: bool) -> list[Content]:
    """The open findings, then how many there were in all."""
    if not run.findings:
        return fact("Findings", "none")
    lines = fact("Findings", f"{findings(run.findings)} in the course of the run", width)
    glyph = "!" if ascii else "●"
    for finding in (log_summary.findings if log_summary else ())[-_MOST_FINDINGS:]:
        colour = "$state-failed" if finding.severity == "failure" else "$state-paused"
        kind = visible(finding.kind).replace("_", " ")
        since = f"  {finding.severity}, since step {finding.onset}"
        text = Content.assemble((kind, colour), (since, "$curve-plan"))
        lines += hanging(Content.styled(f"  {glyph} ", colour), text, width).split("\n")
    return lines
