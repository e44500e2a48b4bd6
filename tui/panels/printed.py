"""What the program prints whose output is followed, as it comes."""

from typing import ClassVar

from textual.content import Content

from ..view.run_view import RunView
from .text_panel import TextPanel


class PrintedPanel(TextPanel):
    NAME = "printed"
    TITLE = "Output"
    SHOWN_FROM = (0, 16)
    HEIGHT = "1fr"
    COLUMN_ORDER = 5
    KEY = "O"
    EXPLANATION: ClassVar[str] = """\
What it shows: the last lines that the program printed, the newest at the bottom, with control characters shown as \
symbols.

How to read it: among the lines with its metrics stands whatever else the program prints, such as warnings, and the \
error that ends it.

Healthy: its usual lines, one after the other, and no warning among them."""

    @classmethod
    def has_content(cls, view: RunView) -> bool:
        return bool(view.printed)

    def words(self, view: RunView) -> tuple[Content, Content]:
        room = max(self.size.height, 1)
        return Content("Output"), Content("\n").join(Content(line) for line in view.printed[-room:])
