"""An app that keys do not end which come faster than its screens are ready, as Textual's would be ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from textual import on
from textual.actions import ActionParseResult
from textual.app import App, ScreenStackError
from textual.await_complete import AwaitComplete
from textual.command import CommandListItem, CommandPalette, SimpleProvider
from textual.css.query import NoMatches
from textual.dom import DOMNode, NoScreen
from textual.events import Mount
from textual.message import Message
from textual.screen import Screen
from textual.widget import AwaitMount
from textual.widgets import Input, OptionList
from textual.worker import NoActiveWorker, Worker, WorkerFailed, get_current_worker

Result = TypeVar("Result")


class SearchPalette(CommandPalette):
    def on_mount(self, event: Mount) -> None:
        """Textual's looks for the screen below, which is not there once the palette has been left."""
        if self not in self.app.screen_stack[1:]:
            event.prevent_default()

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def choose_once(self, event: Message) -> None:
        """A second Enter may come when the palette has been left with a command, which Textual would run again."""
        if not self.is_active:
            event.prevent_default()

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Textual takes the uppermost screen away, which is another one if the palette is gone or covered."""
        return super().dismiss(result) if self.is_active else AwaitComplete.nothing()

    def run_worker(self, *arguments: Any, **options: Any) -> Worker[Any]:
        """A search that finds the palette already gone ends itself, not the app."""
        return super().run_worker(*arguments, **options | {"exit_on_error": False})


class TypedAheadApp(App[None]):
    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """A list that has no size yet has no pages either, and a part that is gone by now does nothing."""
        if default_namespace is not None and not self._holds(default_namespace):
            return False
        if "page_" in str(action) and any(not each.scrollable_content_region for each in self.screen.query(OptionList)):
            return False
        return await super().run_action(action, default_namespace, namespaces)

    async def action_command_palette(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """With no id, which would be there twice while the last one is removed; mounted before the next key."""
        if not isinstance(self.screen, CommandPalette):
            await self.push_screen(SearchPalette())

    def search_commands(
        self, commands: Sequence[CommandListItem], placeholder: str = "Search for commands…"
    ) -> AwaitMount:
        provider = SimpleProvider(self.screen, [*commands])  # which Textual too hands over where a class is expected
        return self.push_screen(SearchPalette([provider], placeholder=placeholder))  # pyright: ignore[reportArgumentType]

    def _handle_exception(self, error: Exception) -> None:
        """What looks for a part of a screen that is taken apart ends itself, without a traceback."""
        found = error.error if isinstance(error, WorkerFailed) else error
        if not (self._is_left() and isinstance(found, NoMatches | NoScreen | ScreenStackError)):
            super()._handle_exception(error)

    async def push_screen_wait(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, screen: Screen[Result], *, mode: str | None = None
    ) -> Result:
        """Not from a screen that is being left: it would await its own removal, which cancels what its screen awaits.

        CancelledError there, which ends the worker that asks.
        """
        if self._is_left():
            raise asyncio.CancelledError
        return await super().push_screen_wait(screen, mode=mode)

    def _is_left(self) -> bool:
        """Whether the app, or the screen whose worker this is, is being taken apart."""
        if self.return_code is not None or not self.is_running:
            return True
        try:
            node = get_current_worker().node
        except NoActiveWorker:
            return False
        return not self._holds(node)

    def _holds(self, node: DOMNode) -> bool:
        return node is self or not {*self.screen_stack}.isdisjoint(node.ancestors_with_self)
