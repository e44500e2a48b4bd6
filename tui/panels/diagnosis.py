"""What is wrong with the run, since when, why, and what to try."""

from typing import ClassVar

from textual.content import Content

from ...engine.events import FindingOpened
from ..content import hanging
from ..text import visible
from ..view.findings import SEVERITY_GLYPHS, name_of, open_findings
from ..view.fix_commands import can_fix
from ..view.run_view import RunView
from .text_panel import TextPanel

_CALM = "no loss that is not a number, no spike, stall or divergence, no vanishing and no exploding gradients."
_CLOSED_SHOWN = 12


class DiagnosisPanel(TextPanel):
    NAME = "diagnosis"
    TITLE = "Diagnosis"
    SHOWN_FROM = (0, 12)
    HEIGHT = "2fr"
    COLUMN_ORDER = 2
    EXPLANATION: ClassVar[str] = """\
What it shows: every finding of the diagnosis, which looks at each step while the run trains. Open ones come first, \
the worst at the top; those that the run has recovered from stay below, faint.

How to read it: ✖ is a failure, ▲ a warning, ● worth knowing. "Since" is the step at which it began, which is \
earlier than the step at which it could be told. The evidence is in numbers; causes and remedies come most likely \
first; "Sure" is how often such a finding was right on runs whose fault was known.

Healthy: nothing is open but remarks (●). f applies the first remedy of the first open finding while the run trains."""

    def words(self, view: RunView) -> tuple[Content, Content]:
        still_open = open_findings(view)
        closed = [(finding, step) for finding, step in reversed(view.findings) if step is not None]
        alarms = [finding for finding in still_open if finding.is_alarm]
        title = Content.assemble("Diagnosis", ("  ", ""), _count(alarms))
        parts = [] if alarms else [_all_is_well(view)]
        parts += [
            _open(finding, has_key=position == 0 and view.end is None and can_fix(view), width=self.room)
            for position, finding in enumerate(still_open)
        ]
        if closed:
            parts.append(Content("\n").join(_closed(*episode, self.room) for episode in closed[:_CLOSED_SHOWN]))
        return title, Content("\n\n").join(parts)


def _count(still_open: list[FindingOpened]) -> Content:
    if not still_open:
        return Content.styled("✓", "$text-success")
    return Content.styled(f"{len(still_open)} open", SEVERITY_GLYPHS[still_open[0].severity][1])


def _open(finding: FindingOpened, *, has_key: bool, width: int) -> Content:
    glyph, colour = SEVERITY_GLYPHS[finding.severity]
    lines = [
        Content.assemble(
            (f"{glyph} {name_of(finding)}", f"bold {colour}"),
            (f"  since step {finding.onset}", "$foreground 60%"),
        ),
        hanging(Content("  "), Content(f"{finding.severity}: {visible(finding.evidence)}"), width),
    ]
    lines += [_labelled("Why", Content(visible(cause)), width) for cause in finding.causes[:1]]
    for number, fix in enumerate(finding.fixes[:3]):
        key = ("f  ", "bold $accent") if has_key and number == 0 else ("", "")
        lines.append(_labelled("or" if number else "Try", Content.assemble(key, visible(fix.title)), width))
    lines += [_labelled("Else", Content(visible(cause)), width) for cause in finding.causes[1:3]]
    if finding.confidence is not None:
        sure = f"{finding.confidence:.0%} of such findings were right when measured"
        lines.append(_labelled("Sure", Content.styled(sure, "$foreground 60%"), width))
    return Content("\n").join(lines)


def _labelled(label: str, text: Content, width: int) -> Content:
    return hanging(Content.styled(f"  {label:<4} ", "$foreground 60%"), text, width)


def _closed(finding: FindingOpened, step: int, width: int) -> Content:
    text = Content(f"{name_of(finding)}  steps {finding.onset}–{step}, recovered")
    return hanging(Content("○ "), text, width).stylize("$foreground 60%")


def _all_is_well(view: RunView) -> Content:
    if view.step == 0:
        return Content.styled("Every step will be looked at; nothing has happened yet.", "$foreground 60%")
    return Content.assemble(
        ("✓ Nothing looks wrong.", "$text-success"),
        (f"\nChecked over {view.step} step{'s' * (view.step > 1)}: {_CALM}", "$foreground 60%"),
    )
