"""Findings as text: what is open in full, what is over in one line or in full, and what was looked for in vain."""

from collections import Counter

from textual.content import Content

from ...engine.arrivals import LogRead
from ...engine.events import FindingOpened
from ..content import hanging
from ..formatting import count
from ..text import visible
from ..view.episode import Episode
from ..view.findings import SEVERITY_GLYPHS, name_of
from ..view.run_view import RunView

_FAINT = "$foreground 60%"
_ENOUGH_STEPS = 100
"""Before so many, neither a stall nor an oscillation can be told."""
_ENOUGH_EVALUATIONS = 6
"""The same of overfitting."""


def progress_text(log: LogRead) -> list[Content]:
    """How far the diagnosis of a long log has come; nothing once it is at the end."""
    if log.diagnosed >= log.rows or not log.rows:
        return []
    return [Content.styled(f"Looking: {count(log.diagnosed)} of {count(log.rows)} rows so far.", _FAINT)]


def blind_text(log: LogRead, width: int) -> list[Content]:
    """What could not be seen: silence is not health."""
    lines = [hanging(Content("  "), Content(visible(reason)), width) for reason in log.blind]
    return [Content("\n").join([Content("Blind to"), *lines]).stylize(_FAINT)] if lines else []


def open_text(finding: FindingOpened, *, has_key: bool, width: int) -> Content:
    glyph, colour = SEVERITY_GLYPHS[finding.severity]
    since = f"  since step {finding.onset}"
    head = Content.assemble((f"{glyph} {name_of(finding)}", f"bold {colour}"), (since, _FAINT))
    seen = hanging(Content("  "), Content(f"{finding.severity}: {visible(finding.evidence)}"), width)
    return Content("\n").join([head, seen, *_why_and_what_next(finding, has_key=has_key, width=width)])


def closed_text(episode: Episode, *, is_expanded: bool, width: int) -> Content:
    finding = episode.finding
    line = Content(f"{name_of(finding)}  steps {finding.onset}–{episode.closed}, recovered")
    head = hanging(Content("○ "), line, width).stylize(_FAINT)
    if not is_expanded:
        return head
    seen = hanging(Content("  "), Content(f"was a {finding.severity}: {visible(finding.evidence)}"), width)
    return Content("\n").join([head, seen, *_why_and_what_next(finding, has_key=False, width=width)])


def _why_and_what_next(finding: FindingOpened, *, has_key: bool, width: int) -> list[Content]:
    lines = [_labelled("Why", Content(visible(cause)), width) for cause in finding.causes[:1]]
    for number, fix in enumerate(finding.fixes[:3]):
        key = ("f  ", "bold $accent") if has_key and number == 0 else ("", "")
        lines.append(_labelled("or" if number else "Try", Content.assemble(key, visible(fix.title)), width))
    lines += [_labelled("Else", Content(visible(cause)), width) for cause in finding.causes[1:3]]
    if finding.confidence is not None:
        sure = f"{finding.confidence:.0%} of such findings were right when measured"
        lines.append(_labelled("Sure", Content.styled(sure, _FAINT), width))
    return lines


def _labelled(label: str, text: Content, width: int) -> Content:
    return hanging(Content.styled(f"  {label:<4} ", _FAINT), text, width)


def calm_text(view: RunView) -> Content:
    """Of a run that has no open alarm."""
    if view.step == 0:
        return Content.styled("Every step will be looked at; nothing has happened yet.", _FAINT)
    over = Counter(name_of(episode.finding) for episode in view.findings if episode.finding.is_alarm)
    if over:
        named = ", ".join(f"{name} ({count} times)" if count > 1 else name for name, count in over.items())
        return Content.assemble(("✓ Nothing is open now.", "$text-success"), (f"\nRecovered from: {named}.", _FAINT))
    checked = f"\nChecked over {view.step} step{'s' * (view.step > 1)}: {_checked(view)}."
    return Content.assemble(("✓ Nothing looks wrong.", "$text-success"), (checked, _FAINT))


def _checked(view: RunView) -> str:
    checked = "no loss that is not a number, no spike, no divergence"
    if view.curves.has("grad_norm"):
        checked += ", no vanishing and no exploding gradients"
    if view.step >= _ENOUGH_STEPS:
        checked += ", no stall, no oscillation"
    if len(view.evaluations) >= _ENOUGH_EVALUATIONS:
        checked += ", no overfitting"
    return checked
