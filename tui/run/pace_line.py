"""The line above the keys of a run that pauses by itself: why it has stopped, and the keys that go on."""

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from ...engine.config import RunConfig
from ...engine.events import PaceLesson, RunPaused
from ..content import in_ascii
from ..panels.keys import key_of
from ..panels.layout import fits
from ..panels.lesson import LessonPanel
from ..panels.lesson_guide import fix_in_force, has_lesson
from ..text import visible
from ..view.findings import SEVERITY_GLYPHS
from ..view.fix_commands import can_fix
from ..view.run_view import RunView

_FAINT = "$foreground 60%"


def lesson_pace(config: RunConfig) -> PaceLesson | None:
    """How a run that is started to be watched paces itself; None where it has no lesson. What the lesson says of
    single steps is not true of a run in which the fault is mended."""
    return PaceLesson(watch_points=fix_in_force(config) is None, findings=True) if has_lesson(config) else None


class PaceLine(Widget):
    DEFAULT_CSS = """
    PaceLine {
        display: none; height: 1; padding: 0 1; background: $panel; text-wrap: nowrap;
        &.-alone { height: auto; max-height: 4; text-wrap: wrap; }
    }
    """
    view: reactive[RunView | None] = reactive(None, layout=True)
    ascii = False

    def show(self, view: RunView) -> None:
        self.display = is_paced(view)
        size = self.screen.size
        self.set_class(not fits((size.width, size.height), LessonPanel.SHOWN_FROM), "-alone")  # no lesson beside it
        if self.display and (self.view is None or _changes(self.view) != _changes(view)):
            self.view = view

    def render(self) -> RenderResult:
        if self.view is None:
            return Content("")
        line = pace_words(self.view, 0 if self.has_class("-alone") else self.size.width)
        return in_ascii(line) if self.ascii else line


def is_paced(view: RunView) -> bool:
    has_stopped = view.pause is not None and view.pause.at != "asked"
    return view.end is None and (view.pace is not None or has_stopped)


def pace_words(view: RunView, width: int) -> Content:
    """The reason is cut off where a line of so many cells is too short for it and the keys; 0 leaves it whole."""
    pause = view.pause
    if pause is None or pause.at == "asked":
        reason = Content.styled("The run stops by itself where there is something to see.", _FAINT)
    else:
        reason = _reason(view, pause)
    keys = _keys(view)
    if width:
        reason = reason.truncate(max(width - keys.cell_length - 2, 0), ellipsis=True)
    return Content("  ").join([reason, keys])


def _changes(view: RunView) -> tuple[object, ...]:
    return view.state, view.pause, view.pace, can_fix(view)


def _reason(view: RunView, pause: RunPaused) -> Content:
    if pause.at == "watch" or not view.findings:
        return Content.assemble(("‖ ", "bold $accent"), (visible(pause.reason), "bold"))
    glyph, colour = SEVERITY_GLYPHS[view.findings[-1].finding.severity]
    return Content.styled(f"{glyph} {visible(pause.reason)}.", f"bold {colour}")


def _keys(view: RunView) -> Content:
    if view.state == "paused":
        offered = [("run.go_on", "goes on"), *([("run.fix", "fixes it")] if can_fix(view) else [])]
    else:
        offered = []
    offered += [("run.full_speed", "full speed")] if view.pace else []
    return Content("  ").join(
        Content.assemble((key_of(id), "bold $footer-key-foreground"), f" {words}") for id, words in offered
    )
