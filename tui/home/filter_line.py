"""The line in which a person types words that every shown entry must hold."""

from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from ..text import visible

_MOST = 100
"""Characters of one paste."""


class FilterLine(Static):
    wanted: reactive[str] = reactive("")
    is_begun: reactive[bool] = reactive(False)
    """From then on every letter is meant for the filter, also one that is a key otherwise."""
    note: reactive[str] = reactive("")
    """What else is left out of the list, and its order."""

    def __init__(self, *, ascii: bool) -> None:
        super().__init__(id="filter")
        self._cursor = ("_" if ascii else "▏", "$accent")

    @property
    def is_open(self) -> bool:
        return self.is_begun or bool(self.wanted)

    def paste(self, text: str) -> None:
        self.wanted += " ".join(text.split())[:_MOST]

    def type(self, letter: str) -> None:
        """A space begins no filter: it was meant for an entry that cannot be marked."""
        if self.is_open or not letter.isspace():
            self.wanted += letter

    def erase(self) -> None:
        """The last letter; where there is none, the filter is left."""
        self.is_begun = self.is_begun and bool(self.wanted)
        self.wanted = self.wanted[:-1]

    def leave(self) -> None:
        self.is_begun = False
        self.wanted = ""

    def render(self) -> Content:
        prompt = (" / ", "bold $accent")
        if self.is_open:
            return Content.assemble(prompt, visible(self.wanted), self._cursor)
        note = f"   {self.note}" if self.note else ""
        return Content.assemble(prompt, ("type to filter", "$state-faint"), (note, "$accent"))
