"""The line in which a person types words that every shown entry must hold."""

from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from ..text import visible

_MOST = 100
"""Characters of one paste."""


class FilterLine(Static):
    wanted: reactive[str] = reactive("")

    def __init__(self, *, ascii: bool) -> None:
        super().__init__(id="filter")
        self._cursor = ("_" if ascii else "▏", "$accent")

    def paste(self, text: str) -> None:
        self.wanted += " ".join(text.split())[:_MOST]

    def render(self) -> Content:
        prompt = (" / ", "bold $accent")
        if self.wanted:
            return Content.assemble(prompt, visible(self.wanted), self._cursor)
        return Content.assemble(prompt, ("type to filter", "$state-faint"))
