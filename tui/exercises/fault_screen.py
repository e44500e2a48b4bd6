"""Name the fault: a hidden preset trains, instruments cost points, and the answer comes with the run without it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ...engine.client.run import ClientError
from ...engine.config import ConfigError
from ...engine.presets import Preset, own_folder, read_presets
from ...engine.storage.run_store import StoreError
from ..content import in_ascii
from ..dialogs.key_line import KeyLine
from ..dialogs.pick import Pick
from ..dialogs.scroll import Scroll
from ..open_run import Opener
from ..panels.gradient import GradientPanel
from ..panels.layers import LayersPanel
from ..panels.loss import LossPanel
from ..panels.lr import LrPanel
from ..panels.plot_panel import PlotPanel
from ..panels.sample import SamplePanel
from ..panels.text_panel import TextPanel
from ..text import visible
from ..view.findings import name_of
from ..view.run_view import RunView
from .fault import COST, START, Hidden, Instrument, Score, disguised, hide, score
from .plots import TwoRunsPlot
from .temporary_runs import TemporaryRuns, views

_FAINT = "$curve-plan"
_NAMES: dict[Instrument, str] = {
    "lr": "learning rate",
    "gradient": "gradient norm",
    "layers": "layers",
    "val_loss": "val_loss",
    "sample": "sample",
}


class FaultExerciseScreen(Screen[None]):
    BINDING_GROUP_TITLE = "Name the fault"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a,enter", "answer", "name the fault", id="fault.answer", tooltip="Choose from what it may be"),
        *(
            Binding(str(n), f"buy('{name}')", words, id=f"fault.{name}", tooltip=f"See it, for {COST} point")
            for n, (name, words) in enumerate(_NAMES.items(), 1)
        ),
        Binding("n", "again", "another", id="fault.again", tooltip="Another fault"),
        Binding("escape,q", "leave", "leave", id="fault.leave", tooltip="Back; the runs are deleted"),
    ]
    CSS = """
    FaultExerciseScreen {
        #head { height: auto; padding: 0 1; }
        #seen { layout: grid; grid-size: 1; grid-rows: 1fr; height: 1fr; }
        #seen > * { border: round $border-blurred; display: none; }
        #seen > .-bought { display: block; }
        #told { display: none; height: 1fr; padding: 0 2; }
        &.-many #seen { grid-size: 2; }
        &.-narrow #seen { grid-size: 1; }
        &.-told #told { display: block; }
    }
    """

    told = getters.query_one("#told", Scroll)
    both = getters.query_one(TwoRunsPlot)

    def __init__(self, seed: int, *, open: Opener, ascii: bool) -> None:
        super().__init__()
        self._seed = seed
        self._ascii = ascii
        self._temporary_runs = TemporaryRuns(open)
        self._panels: dict[str, PlotPanel | TextPanel] = {
            "loss": LossPanel(),
            "lr": LrPanel(),
            "gradient": GradientPanel(),
            "layers": LayersPanel(),
            "sample": SamplePanel(),
        }
        self._hidden: Hidden | None = None
        self._is_empty = False
        """There is no fault in the library that could be hidden."""
        self._begin()

    def _begin(self) -> None:
        self._view: RunView | None = None
        self._bought: list[Instrument] = []
        self._answer: Preset | None = None
        self._answered = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        with Container(id="seen"):
            for panel in self._panels.values():
                panel.ascii = self._ascii
                panel.can_focus = False
                yield panel
            both = TwoRunsPlot()
            both.ascii = self._ascii
            both.can_focus = False
            yield both
        with Scroll(id="told"):
            yield Static(id="words")
        yield KeyLine()

    def on_mount(self) -> None:
        self.train()

    async def on_unmount(self) -> None:
        await self._temporary_runs.close()

    @work(exclusive=True, group="live")
    async def train(self) -> None:
        """The hidden run, and when it has been named and is over, the same without its fault."""
        library = await asyncio.to_thread(read_presets, own_folder())
        hidden = self._hidden = hide([preset for preset in library if isinstance(preset, Preset)], self._seed)
        self._is_empty = hidden is None
        self._show()
        if hidden is None:
            return
        try:
            await self._follow(hidden, mended=False)
            await self._answered.wait()
            await self._follow(hidden, mended=True)
        except (ConfigError, StoreError, ClientError) as error:
            self.notify(visible(str(error)), severity="error", timeout=10, markup=False)

    async def _follow(self, hidden: Hidden, *, mended: bool) -> None:
        run = await self._temporary_runs.start(hidden.mended if mended else hidden.preset.config)
        try:
            async for view in views(run):
                if mended:
                    self.both.other = view
                else:
                    self._view = view
                self._show()
        finally:
            self._temporary_runs.discard(run)

    def _show(self) -> None:
        is_over = self._answer is not None
        shown = {"loss", *self._bought} if not is_over else set()
        for name, panel in self._panels.items():
            panel.set_class(name in shown, "-bought")
            if name in shown and self._view is not None:
                panel.view = disguised(self._view, self._bought)
        self.both.set_class(is_over, "-bought")
        self.set_class(is_over, "-told")
        self.set_class(len(shown) > 1, "-many")
        if is_over:
            self.both.view = self._view
        self.query_one("#head", Static).update(self._plain(self._head()))
        if self._hidden is not None and self._answer is not None:
            got = score(self._hidden, self._answer, self._bought)
            told = told_words(self._hidden, got, self._view)
            self.query_one("#words", Static).update(self._plain(told))
        self.refresh_bindings()

    def _plain(self, content: Content) -> Content:
        return in_ascii(content) if self._ascii else content

    def _head(self) -> Content:
        title = Content.assemble(("Name the fault", "bold $primary"), (f"  {self._seed}", _FAINT))
        if self._is_empty:
            return Content.assemble(title, "  the library has no preset with a fault and a fix")
        where = f"step {self._view.step}/{self._view.steps}" if self._view else "starting"
        left = START - COST * len(self._bought)
        return Content.assemble(title, f"  {where}", (f"  {left} points left", _FAINT))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        is_open = self._hidden is not None and self._answer is None
        match action:
            case "buy":
                return is_open and parameters[0] not in self._bought
            case "answer":
                return is_open
            case "again":
                return self._answer is not None
            case _:
                return True

    def action_buy(self, name: Instrument) -> None:
        self._bought.append(name)
        self._show()

    @work(group="dialog", exclusive=True)
    async def action_answer(self) -> None:
        hidden = self._hidden
        assert hidden is not None
        lines = [preset.config.title for preset in hidden.choices]
        place = await self.app.push_screen_wait(Pick("What is wrong with this run?", lines))
        if place is not None:
            self._answer = hidden.choices[place]
            self._answered.set()
            self._show()
            self.told.focus()

    def action_again(self) -> None:
        self._seed += 1
        self._begin()
        self._hidden = self.both.other = self.both.view = None
        for panel in self._panels.values():
            panel.view = None
        self.train()

    def action_leave(self) -> None:
        self.workers.cancel_group(self, "live")  # what a run says last comes when the screen's parts are gone
        self.dismiss()


def told_words(hidden: Hidden, got: Score, view: RunView | None) -> Content:
    """The score, what the diagnosis has found by now, why it happens, and what the other curve is."""
    config = hidden.preset.config
    colour = {"right": "$text-success", "close": "$text-warning", "wrong": "$text-error"}[got.verdict]
    blocks = [
        Content.assemble(
            (f"{got.verdict.capitalize()}: {got.points} points. ", f"bold {colour}"),
            (got.reason, _FAINT),
            "\nIt was ",
            (visible(config.title), "bold"),
            f": {visible(config.lesson.summary)}.",
        )
    ]
    expected = {each.kind for each in config.lesson.expected}
    findings = [episode.finding for episode in view.findings if episode.finding.kind in expected] if view else []
    blocks += [
        Content.assemble(
            ("▲ ", "$text-warning"),
            (f"{name_of(found)}, since step {found.onset}: ", "bold"),
            visible(found.evidence),
        )
        for found in findings[:4]
    ] or [Content.styled("The diagnosis has found nothing so far; the run trains on.", _FAINT)]
    blocks.append(Content(visible(" ".join(config.lesson.why.split()))))
    changes = ", ".join(f"{key} = {value}" for key, value in hidden.fix.changes.items())
    fix = f"Without the fault ({changes}): {visible(hidden.fix.title)}. {visible(hidden.fix.then)}"
    blocks.append(
        Content.assemble((fix, _FAINT), " Both curves are drawn above; the second trains when the first is over.")
    )
    return Content("\n\n").join(blocks)
