"""What is wrong with the run, since when, why, and what to try."""

from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import var

from ...engine.events import FindingOpened
from ..content import in_ascii
from ..view.episode import Episode
from ..view.findings import SEVERITY_GLYPHS, in_order_of_importance
from ..view.fix_commands import can_fix
from ..view.run_view import RunView
from .finding_text import blind_text, calm_text, closed_text, open_text, progress_text
from .text_panel import TextPanel

_OPEN_SHOWN = 40
_CLOSED_SHOWN = 12


class ShownFinding(NamedTuple):
    """A finding as it is shown."""

    id: int
    line: int
    """Its first one."""
    text: Content
    is_expanded: bool

    @property
    def end(self) -> int:
        return self.line + _height(self.text)


class DiagnosisPanel(TextPanel):
    NAME = "diagnosis"
    TITLE = "Diagnosis"
    SHOWN_FROM = (0, 12)
    HEIGHT = "2fr"
    COLUMN_ORDER = 2
    EXPLANATION: ClassVar[str] = """\
What it shows: every finding of the diagnosis, which looks at each step while the run trains. Open ones come first, \
the worst at the top; those that the run has recovered from stay below, faint. Up and down choose a finding, enter \
opens and closes it: what is over keeps its cause, its evidence and its remedies.

How to read it: ✖ is a failure, ▲ a warning, ● worth knowing. "Since" is the step at which it began, which is \
earlier than the step at which it could be told. The evidence is in numbers, each with its step; causes and remedies \
come most likely first; "Sure" is how often such a finding was right on runs whose fault was known.

Healthy: nothing is open but remarks (●). f applies the first remedy of the first open finding while the run trains."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "up", show=False, id="diagnosis.up", tooltip="Choose the finding above"),
        Binding("down", "choose(1)", "down", show=False, id="diagnosis.down", tooltip="Choose the finding below"),
        Binding("enter", "expand", "open", show=False, id="diagnosis.open", tooltip="Open or close what is chosen"),
    ]

    chosen: var[int | None] = var(None)
    """Id of the finding that the keys have chosen."""

    def __init__(self) -> None:
        super().__init__()
        self._expanded: dict[int, bool] = {}
        """What enter has opened or closed, by id; others are open while the run has not recovered, or there is room."""
        self._shown_findings: list[ShownFinding] = []
        """Of the findings, as they are shown."""

    def words(self, view: RunView) -> tuple[Content, Content]:
        episodes = in_order_of_importance(view)
        still_open = [episode.finding for episode in episodes if episode.closed is None]
        alarms = [finding for finding in still_open if finding.is_alarm]
        over = [episode for episode in episodes if episode.closed is not None][:_CLOSED_SHOWN]
        calm = [] if alarms else [calm_text(view)]
        if view.log is not None:
            calm += progress_text(view.log)
        top = sum(_height(text) + 1 for text in calm)
        self._shown_findings = []
        for place, finding in enumerate(still_open[:_OPEN_SHOWN]):
            text = open_text(finding, has_key=place == 0 and view.end is None and can_fix(view), width=self.room)
            self._add(finding.id, _first_line(text), text, is_expanded=True, top=top)
        self._add_over(over, top)
        title = Content.assemble("Diagnosis", ("  ", ""), _count(alarms))
        blind = blind_text(view.log, self.room) if view.log is not None else []
        unshown = len(still_open) - _OPEN_SHOWN
        rest = [Content(f"{unshown} more are open; diagnose tells them all")] if unshown > 0 else []
        blocks = [*calm, *(self._marked(block) for block in self._shown_findings), *rest, *blind]
        return title, Content("\n\n").join(blocks)

    def _add(self, id: int, brief: Content, full: Content, *, is_expanded: bool, top: int) -> None:
        is_expanded = self._expanded.get(id, is_expanded)
        line = self._shown_findings[-1].end + 1 if self._shown_findings else top
        self._shown_findings.append(ShownFinding(id, line, full if is_expanded else brief, is_expanded))

    def _add_over(self, episodes: list[Episode], top: int) -> None:
        """Those the run has recovered from, in full where enter asks for it, there is room, or nothing is open."""
        texts = [
            [closed_text(episode, is_expanded=is_expanded, width=self.room) for is_expanded in (False, True)]
            for episode in episodes
        ]
        used = self._shown_findings[-1].end + 1 if self._shown_findings else top
        room = self.scrollable_content_region.height - used - sum(_height(brief) + 1 for brief, _ in texts)
        for episode, (brief, full) in zip(episodes, texts, strict=True):
            is_first = not self._shown_findings and episode.finding.is_alarm
            more = _height(full) - _height(brief)
            self._add(episode.finding.id, brief, full, is_expanded=is_first or more <= room, top=top)
            room -= more if more <= room else 0

    def _marked(self, block: "ShownFinding") -> Content:
        text = block.text
        return text.stylize("reverse", 0, len(_first_line(text))) if block.id == self.chosen else text

    def write(self) -> None:
        super().write()
        self._show_what_lies_below()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._show_what_lies_below()

    def _show_what_lies_below(self) -> None:
        bottom = self.scroll_y + self.scrollable_content_region.height
        below = sum(block.line >= bottom for block in self._shown_findings)
        words = Content(f"{below} more below, ↓" if below else "")
        self.border_subtitle = in_ascii(words) if self.ascii else words

    def action_choose(self, by: int) -> None:
        ids = [block.id for block in self._shown_findings]
        place = ids.index(self.chosen) + by if self.chosen in ids else 0 if by > 0 else -1
        if not 0 <= place < len(ids):
            self.scroll_relative(y=by, animate=False)
            return
        self.chosen = ids[place]
        line, height = self._shown_findings[place].line, self.scrollable_content_region.height
        if not self.scroll_y <= line < self.scroll_y + height - 1:
            self.scroll_to(y=line, animate=False)

    def watch_chosen(self) -> None:
        if self.is_mounted:
            self.write()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "expand" or any(block.id == self.chosen for block in self._shown_findings)

    def action_expand(self) -> None:
        """Without one that is chosen, enter is the key for full screen."""
        for block in self._shown_findings:
            if block.id == self.chosen:
                self._expanded[block.id] = not block.is_expanded
        self.write()


def _count(still_open: list[FindingOpened]) -> Content:
    if not still_open:
        return Content.styled("✓", "$text-success")
    return Content.styled(f"{len(still_open)} open", SEVERITY_GLYPHS[still_open[0].severity][1])


def _height(text: Content) -> int:
    return text.plain.count("\n") + 1


def _first_line(text: Content) -> Content:
    return text[: text.plain.find("\n")] if "\n" in text.plain else text
