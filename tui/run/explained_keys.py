"""A screen of a run on which no key is dead: one that cannot act now shows the reason and offers what can be done."""

from textual import events, on, work
from textual.actions import parse
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen

from ...engine.client.run import ClientError, Run
from ...engine.client.stored_sample import sample_stored
from ...engine.events import Sample
from ..dialogs.confirm import Confirm
from ..dialogs.key_line import KeyLine
from ..dialogs.pick import Pick
from ..navigation import Destination
from ..panels.grid import RunPanels
from ..panels.keys import RUN_KEYS
from ..panels.sample import SamplePanel
from ..text import visible
from ..view.described import is_log, takes
from ..view.findings import open_findings
from ..view.fix_commands import NoFix, first_fix
from ..view.run_view import RunView
from .command_prompts import ask_sample
from .feed import RunFeed
from .instead import ask_more_steps, can_sample, offers, why_not
from .leaving import may_leave
from .sending import warn


class ExplainedKeys(Screen[Destination]):
    _run: Run
    _feed: RunFeed

    def on_key(self, event: events.Key) -> None:
        """It comes here before the bindings are tried."""
        meanings = [parse(each.action) for each in Binding.make_bindings(RUN_KEYS) if each.key == event.key]
        if any(self.check_action(action, values) for _, action, values in meanings):
            return
        explained = ("send", "ask", "leave")
        name = next((str(values[0]) for _, action, values in meanings if action in explained), None)
        if name is not None:
            event.stop()
            self.do_instead(name)

    @work(group="dialog", exclusive=True)
    async def do_instead(self, name: str) -> None:
        view, run = self._feed.newest, self._run
        if view.described is not None:
            warn(self, _why_never(view) if not takes(view, name) else _why_not_yet(name, view))
        elif run.live and not (name == "fix" and open_findings(view)):
            warn(self, _why_not_yet(name, view))
        elif name == "sample" and can_sample(view, run):
            await self._sample(view)
        else:
            await self._offer(name, view)

    async def _offer(self, name: str, view: RunView) -> None:
        offered = offers(name, view, self._run)
        why = _why_not_yet(name, view) if self._run.live else why_not(name, view)
        choices = [*(each.words for each in offered), "Back to the run"]
        place = await self.app.push_screen_wait(Pick("What now?", choices, text=Content(visible(why))))
        match None if place is None or place == len(offered) else offered[place].leads_to:
            case "train_on":
                await self._train_on(view)
            case "sample":
                await self._sample(view)
            case None:
                pass
            case destination:
                await self._leave(destination, "Another run: what becomes of this one?")

    @work(group="dialog", exclusive=True)
    async def action_train_on(self) -> None:
        await self._train_on(self._feed.newest)

    async def _train_on(self, view: RunView) -> None:
        destination = await self.app.push_screen_wait(ask_more_steps(view, self._run))
        if destination is not None:
            await self._leave(destination, "")

    async def _sample(self, view: RunView) -> None:
        """By the latest checkpoint, of a run that does not train."""
        wanted = await self.app.push_screen_wait(ask_sample(view))
        if not isinstance(wanted, Sample) or self._run.path is None:
            return
        self.notify("The model is being loaded, and writes then.", timeout=2)
        try:
            self._feed.add(await sample_stored(self._run.path, wanted))
        except ClientError as error:
            warn(self, str(error))
            return
        panels = self.query_one(RunPanels)
        if not panels.panel(SamplePanel).region.area:
            panels.action_full_screen(SamplePanel.NAME)

    @on(KeyLine.Doubted)
    @work(group="dialog", exclusive=True)
    async def confirm_click(self, event: KeyLine.Doubted) -> None:
        question = Confirm(f"{event.active.binding.tooltip}: start it?", yes="Start", no="Stay")
        if await self.app.push_screen_wait(question):
            await self.app.run_action(event.active.binding.action, event.active.node)

    async def _leave(self, destination: Destination, question: str) -> None:
        if await may_leave(self, self._run, question, self._feed.newest):
            while self.app.screen is not self:
                self.app.screen.dismiss(None)
            self._feed.is_closed = True
            self.dismiss(destination)


def _why_never(view: RunView) -> str:
    """Of a run that describes itself and takes no such command."""
    if is_log(view):
        return "this is a log of another program, which takes no commands from here"
    return "the loop of this run offers nothing for that key"


def _why_not_yet(name: str, view: RunView) -> str:
    """Of a run that trains."""
    if name == "fix":
        try:
            first_fix(view)
        except NoFix as error:
            return str(error)
        return "its first remedy is in force already"
    if name == "go_back":
        return "going back to a checkpoint takes back what came after it, so the run has to be stopped first (x)"
    if name == "prove":
        return "no finding is open that has a fix to prove"
    if name == "full_speed":
        return "it trains at full speed already"
    return "the run is not ready for that; try again in a moment"
