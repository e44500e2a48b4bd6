"""A list to pick several from: Space marks, Enter takes what is marked."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ..text import visible
from .dialog import Dialog
from .key_line import KeyLine


class PickSeveral(Dialog[list[int] | None]):
    """The places of what was picked, counted from 0; where nothing is marked, the highlighted one. None is nothing."""

    CSS = """
    PickSeveral {
        align: center middle; background: $background 60%;
        & > Vertical {
            width: 76; max-width: 98%; height: auto; max-height: 90%;
            border: round $primary; background: $surface; padding: 0 1;
        }
        OptionList, OptionList:focus { height: auto; max-height: 100%; border: none; padding: 0; background: $surface; }
    }
    """
    BINDING_GROUP_TITLE = "List"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark", priority=True, id="several.mark", tooltip="Mark this one, or no longer"),
        Binding("enter", "take", "take", priority=True, id="several.take", tooltip="Take what is marked, or this one"),
        Binding("escape,q", "leave", "back", id="several.leave", tooltip="Pick nothing"),
    ]

    def __init__(self, title: str, choices: Sequence[str], *, marked: Sequence[int], most: int, ascii: bool) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._marked = set(marked)
        self._most = most
        self._ascii = ascii
        self._list = OptionList(*(Option(self._line(place)) for place in range(len(choices))))

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(visible(self._title))
            self._list.highlighted = min(self._marked, default=0)
            yield self._list
        yield KeyLine()

    def action_mark(self) -> None:
        place = self._list.highlighted
        if place is None:
            return
        if place not in self._marked and len(self._marked) == self._most:
            self.notify(f"At most {self._most} at once.", severity="warning")
            return
        self._marked ^= {place}
        self._list.replace_option_prompt_at_index(place, self._line(place))
        self._list.action_cursor_down()

    def action_take(self) -> None:
        place = self._list.highlighted
        self.dismiss(sorted(self._marked) or ([] if place is None else [place]))

    def action_leave(self) -> None:
        self.dismiss(None)

    def _line(self, place: int) -> Content:
        mark = ("x" if self._ascii else "✓") if place in self._marked else " "
        return Content.assemble((f"{mark} ", "bold $accent"), visible(self._choices[place]))
