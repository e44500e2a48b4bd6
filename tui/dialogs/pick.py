"""A short list to pick from: with the arrows and Enter, or by a number."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from ..content import hanging
from ..text import visible
from .dialog import Dialog
from .key_line import KeyLine

_NUMBERED = 9
_MARGIN = 2
"""Cells for the number."""


class Pick(Dialog[int | None]):
    """The place of what was picked, counted from 0; None is nothing."""

    CSS = """
    Pick {
        align: center middle; background: $background 60%;
        & > Vertical {
            width: 76; max-width: 98%; height: auto; max-height: 96%;
            border: round $primary; background: $surface; padding: 0 1;
        }
        Label { width: 100%; height: auto; margin: 0 0 1 0; }
        OptionList, OptionList:focus { height: auto; border: none; padding: 0; background: $surface; }
    }
    """
    BINDING_GROUP_TITLE = "List"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "back", id="pick.leave", tooltip="Pick nothing"),
        *(
            Binding(str(n), f"pick({n - 1})", f"pick {n}", show=False, id=f"pick.{n}", tooltip=f"Pick number {n}")
            for n in range(1, _NUMBERED + 1)
        ),
    ]

    def __init__(self, title: str, choices: Sequence[str], *, text: Content | None = None, first: int = 0) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._choices = choices
        self._options = OptionList(*(Option(self._line(place, 0)) for place in range(len(choices))))
        self._options.highlighted = first
        self._wrapped: set[int] = set()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(visible(self._title))
            box.border_subtitle = "Enter or a number picks"
            if self._text is not None:
                yield Label(self._text)
            yield self._options
        yield KeyLine()

    @on(events.Resize)
    def wrap(self) -> None:
        """A choice that is longer than a line goes on behind its number, where it is not taken for another choice."""
        self.call_after_refresh(self._wrap)

    def _wrap(self) -> None:
        width = self._options.scrollable_content_region.width
        for place, choice in enumerate(self._choices):
            if len(choice) + _MARGIN > width or place in self._wrapped:
                self._options.replace_option_prompt_at_index(place, self._line(place, width))
                self._wrapped.add(place)

    def _line(self, place: int, width: int) -> Content:
        number = f"{place + 1}" if place < _NUMBERED else ""
        label = Content.styled(f"{number:<{_MARGIN}}", "bold $accent")
        return hanging(label, Content(visible(self._choices[place])), width)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "pick" or parameters[0] in range(len(self._choices))

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        self.action_pick(event.option_index)

    def action_pick(self, place: int) -> None:
        self.dismiss(place)

    def action_leave(self) -> None:
        self.dismiss(None)
