"""The probes of a run as they are answered: the question, yes or no, the numbers, and what to do."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import var
from textual.screen import Screen

from ...engine.experiments.probes import PROBES, ProbeAnswer, ProbeQuestion, ProbeWork
from ...engine.experiments.probing import probe
from ...engine.storage.run_folder import StoreError
from ..content import hanging
from ..dialogs.key_line import KeyLine
from ..text import visible
from .probe_text import probe_progress
from .scrolled_blocks import ScrolledBlocks

_FAINT = "$foreground 60%"
_GLYPHS = {"yes": ("✓", "$text-success"), "no": ("✖", "$text-error"), "cannot tell": ("○", "$text-warning")}
_NAMES = tuple(PROBES)


@dataclass(frozen=True)
class ProbeStates:
    """What is known of each probe, by name."""

    answers: Mapping[str, ProbeAnswer] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    """The first is being measured."""
    work: ProbeWork | None = None
    """Of the first, where it trains."""

    def asked(self, names: Sequence[str]) -> "ProbeStates":
        kept = {name: answer for name, answer in self.answers.items() if name not in names}
        return ProbeStates(kept, tuple(names))

    def after(self, answer: ProbeAnswer) -> "ProbeStates":
        return ProbeStates({**self.answers, answer.probe: answer}, self.waiting[1:])


class ProbeScreen(Screen[Mapping[str, ProbeAnswer]]):
    """Dismissed with the answers so far, by the names of the probes."""

    BINDING_GROUP_TITLE = "Probes"
    AUTO_FOCUS = None
    CSS = """
    ProbeScreen { #probes { height: 1fr; padding: 0 1; scrollbar-gutter: stable; } }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "up", id="probes.up", tooltip="The probe above"),
        Binding("down", "choose(1)", "down", id="probes.down", tooltip="The probe below"),
        Binding("enter", "ask", "ask again", id="probes.ask", tooltip="Ask the chosen probe alone"),
        Binding("a", "ask_all", "ask all", id="probes.all", tooltip="Ask all probes, one after the other"),
        Binding("escape,q", "leave", "back", id="probes.leave", tooltip="Back to the run; what is being asked ends"),
    ]

    chosen: var[int] = var(0)
    """The place of a probe in PROBES."""
    states: var[ProbeStates] = var(ProbeStates())

    def __init__(self, run: Path, *, ascii: bool) -> None:
        super().__init__()
        self._run = run
        self._blocks = ScrolledBlocks(id="probes", ascii=ascii)

    def compose(self) -> ComposeResult:
        yield self._blocks
        yield KeyLine()

    def on_mount(self) -> None:
        self.action_ask_all()

    def on_resize(self) -> None:
        self._show()

    @work(group="probe", exclusive=True)
    async def ask(self, names: Sequence[str]) -> None:
        self.states = self.states.asked(names)
        try:
            async with aclosing(probe(self._run, names, self._show_work)) as answers:
                async for answer in answers:
                    self.states = self.states.after(answer)
        except (StoreError, OSError) as error:
            self.states = replace(self.states, waiting=(), work=None)
            self.notify(visible(str(error)), severity="warning", timeout=10, markup=False)

    def _show_work(self, work: ProbeWork) -> None:
        self.states = replace(self.states, work=work)

    def watch_states(self) -> None:
        self._show()

    def watch_chosen(self) -> None:
        self._show()

    def _show(self) -> None:
        if not self._blocks.is_mounted:
            return
        width = self._blocks.width
        blocks = [
            _block(each, self.states, width, is_chosen=each.name == _NAMES[self.chosen]) for each in PROBES.values()
        ]
        what = f"Probes of {visible(self._run.name)}, on a copy: the run is only read"
        heading = Content.assemble((what, "bold"), _measured_now(self.states))
        self._blocks.show([heading], blocks, self.chosen)

    def action_choose(self, by: int) -> None:
        self.chosen = min(max(self.chosen + by, 0), len(_NAMES) - 1)

    def action_ask(self) -> None:
        self.ask([_NAMES[self.chosen]])

    def action_ask_all(self) -> None:
        self.ask(_NAMES)

    def action_leave(self) -> None:
        self.workers.cancel_group(self, "probe")
        self.dismiss(self.states.answers)


def _measured_now(states: ProbeStates) -> str:
    """On a small screen the probe itself is below what is seen."""
    if not states.waiting:
        return ""
    return f"\n{states.waiting[0]}, {len(states.waiting)} to go: {probe_progress(states.work)}"


def _block(probe: ProbeQuestion, states: ProbeStates, width: int, *, is_chosen: bool) -> Content:
    """The question, and under it what was measured and what to do."""
    answer = states.answers.get(probe.name)
    if answer is not None:
        glyph, colour = _GLYPHS[answer.answer]
        word = answer.answer
    elif probe.name in states.waiting:
        is_first = probe.name == states.waiting[0]
        glyph, colour, word = ("·", _FAINT, "waiting")
        if is_first:
            glyph, colour, word = "▶", "$text-primary", probe_progress(states.work)
    else:
        glyph, colour, word = "·", _FAINT, "not asked"
    mark = Content.assemble(("› " if is_chosen else "  ", "bold"), (f"{glyph} ", colour))
    head = Content.assemble((f"{probe.question}  ", "bold" if is_chosen else ""), (word, colour))
    lines = [hanging(mark, head, width)]
    if answer is not None:
        lines.append(hanging(Content("    "), Content.styled(visible(answer.evidence), _FAINT), width))
    if answer is not None and answer.remedy:
        lines.append(hanging(Content.styled("    To do  ", _FAINT), Content(visible(answer.remedy)), width))
    return Content("\n").join(lines)
