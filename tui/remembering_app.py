"""An app that remembers what a person has chosen, with the themes there are to choose from."""

from functools import partial
from pathlib import Path

from textual import on
from textual.events import Mount

from . import themes
from .noticing_app import NoticingApp
from .settings import Preferences, Remember
from .text import visible

_MOST_LOGS = 8


class RememberingApp(NoticingApp):
    def __init__(self, preferences: Preferences, *, few_colours: bool) -> None:
        super().__init__()
        self._preferences = preferences
        self._few_colours = few_colours
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = self._known_theme()

    @on(Mount)
    def remember_themes(self) -> None:
        self.theme_changed_signal.subscribe(self, lambda theme: self.post_message(Remember(theme=theme.name)))
        self._show_trouble()

    def _known_theme(self) -> str:
        if self._few_colours:
            return themes.FEW_COLOURS
        wanted = self._preferences.settings.theme
        if wanted in self.available_themes:
            return wanted
        self._preferences.distrust(f"there is no theme {wanted!r}; ctrl+t lists those that there are")
        return themes.DEFAULT

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.fallback_variables(dark=self.current_theme.dark)

    @on(Remember)
    def remember(self, event: Remember) -> None:
        known = self._preferences.trouble
        self._preferences.remember(event.choices)
        if self._preferences.trouble != known:
            self._show_trouble()

    def _remember_log(self, path: Path) -> None:
        known = [each for each in self._preferences.settings.recent_logs if each != str(path.absolute())]
        self.post_message(Remember(recent_logs=(str(path.absolute()), *known)[:_MOST_LOGS]))

    def _show_trouble(self) -> None:
        if trouble := self._preferences.trouble:
            self.notify(visible(trouble), severity="warning", timeout=10, markup=False)

    def search_themes(self) -> None:
        """Every theme with what it is for."""
        ours = {theme.name: theme for theme in themes.THEMES}  # before Textual's
        known = [(theme.name, themes.described(theme)) for theme in (ours | self.available_themes).values()]
        self.search_commands(
            [(name, partial(setattr, self, "theme", name), words) for name, words in known],
            placeholder="Search for themes…",
        )
