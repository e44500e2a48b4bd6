"""The line at the top: which run, in which state, how far and how fast."""

from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from ..content import in_ascii
from ..formatting import UNKNOWN, compact, count, duration, known
from ..text import visible
from ..view.described import title_of_run
from ..view.run_numbers import epoch, time_left_s, tokens_per_s
from ..view.run_view import RunView
from ..view.state_glyphs import state_words


class RunHeader(Static):
    """Facts are left out from the right where the line is too short for them."""

    DEFAULT_CSS = """
    RunHeader { height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    view: reactive[RunView | None] = reactive(None, layout=False)
    note: reactive[str] = reactive("")
    """Such as how many panels are hidden."""
    slow: reactive[tuple[str, ...]] = reactive(())
    """Facts of a step that takes long."""

    ascii = False

    def note_hidden(self, hidden: frozenset[str]) -> None:
        self.note = f"{len(hidden)} hidden, D shows" if hidden else ""

    def show_slow(self, facts: Sequence[str]) -> None:
        self.slow = tuple(facts)

    def render(self) -> Content:
        if self.view is None:
            return Content("")
        line = header_line(self.view, self.size.width, self.note, self.slow)
        return in_ascii(line) if self.ascii else line


def header_line(view: RunView, width: int, note: str = "", slow: Sequence[str] = ()) -> Content:
    facts = [state_words(view), Content(f"step {view.step}/{view.steps}" if view.steps else f"step {view.step}")]
    if view.state in ("starting", "followed") and view.state_detail:
        facts.insert(1, Content(visible(view.state_detail)))
    facts += [Content.styled(fact, "bold") for fact in slow]
    if view.log is not None and len(view.log.runs) > 1:
        facts.append(Content(f"{len(view.log.runs)} runs in it"))
    if view.state in ("training", "paused") and len(view.curves) and view.described is None:
        left = duration(time_left_s(view))
        facts += [
            *([Content(f"{left} left")] if left != UNKNOWN else []),
            Content(f"{count(known(tokens_per_s(view)))} tok/s"),
            Content(f"epoch {compact(known(epoch(view)), 2)}"),
        ]
    if note:
        facts.append(Content.styled(note, "$foreground 60%"))
    title = Content.styled(visible(title_of_run(view)), "bold")
    while len(facts) > 1 and title.cell_length + _joined(facts).cell_length + 2 > width:
        facts.pop()
    right = _joined(facts)
    title = title.truncate(max(width - right.cell_length - 2, 0), ellipsis=True)
    return Content.assemble(title, " " * max(width - title.cell_length - right.cell_length, 1), right)


def _joined(facts: list[Content]) -> Content:
    return Content.styled(" · ", "$foreground 60%").join(facts)


class BlockedBanner(Static):
    """Says that the run waits for space on the disk, and why; not there while it does not."""

    DEFAULT_CSS = """
    BlockedBanner { display: none; height: auto; padding: 0 1; color: $text-error; background: $error-muted; }
    """

    def show_state(self, view: RunView) -> None:
        self.display = view.state == "blocked"
        why = visible(view.state_detail)
        self.update(Content(f"▲ The run cannot be stored and waits: {why}. Make space; space tries again at once."))
