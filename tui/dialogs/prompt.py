"""Asks for a few typed values and gives back what they mean; an answer that cannot be is refused on the spot."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from ...engine.config import ConfigError
from .dialog import Dialog
from .key_line import KeyLine

Answer = TypeVar("Answer")
Texts = Mapping[str, str]
"""What was typed, by the name of its field."""


@dataclass(frozen=True, kw_only=True)
class Field:
    name: str
    label: str
    value: str = ""
    hint: str = ""
    """Shown while the field is empty."""


FIELD_KEYS = (
    # with priority, for what is typed after them is meant for the other field, however fast it comes
    Binding(
        "tab", "app.focus_next", "next field", show=False, id="field.next", tooltip="To the next field", priority=True
    ),
    Binding(
        "shift+tab",
        "app.focus_previous",
        "last field",
        show=False,
        id="field.previous",
        tooltip="To the field before",
        priority=True,
    ),
)


class FieldRow(Horizontal):
    """A label and its input, on one line."""

    DEFAULT_CSS = """
    FieldRow {
        height: 1;
        margin-bottom: 1;
        Label { width: 16; color: $text-muted; }
        Input { width: 1fr; }
    }
    """

    def __init__(self, field: Field) -> None:
        super().__init__(name=field.name)
        self._field = field

    def compose(self) -> ComposeResult:
        field = self._field
        yield Label(Content(field.label))
        yield Input(field.value, placeholder=field.hint, compact=True, id=field.name)


def after_typing(focused: Widget, act: Callable[[], object]) -> None:
    """Act once the focused field has taken the keys before this one, which a binding with priority overtakes."""
    focused.call_later(act)


class Prompt(Dialog[Answer | None], Generic[Answer]):
    """`read` turns the texts into the answer, or raises ValueError with a message for the person."""

    CSS = """
    Prompt {
        align: center middle; background: $background 60%;
        & > VerticalScroll {
            width: 60; max-width: 96%; height: auto; max-height: 90%;
            border: round $primary; background: $surface; padding: 1 2 0 2;
        }
        .refusal { color: $text-error; height: auto; min-height: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "ok", id="prompt.answer", tooltip="Take these values", priority=True),
        Binding("escape", "cancel", "cancel", id="prompt.cancel", tooltip="Change nothing"),
        *FIELD_KEYS,
    ]

    def __init__(self, title: str, fields: tuple[Field, ...], read: Callable[[Mapping[str, str]], Answer]) -> None:
        super().__init__()
        self._title = title
        self._fields = fields
        self._read = read

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False) as box:
            box.border_title = Content(self._title)
            for field in self._fields:
                yield FieldRow(field)
            yield Static(classes="refusal")
        yield KeyLine()

    def action_enter(self) -> None:
        after_typing(self.focused or self, self._answer)

    def _answer(self) -> None:
        if not self.is_open:
            return
        texts = {str(box.id): box.value for box in self.query(Input)}
        try:
            self.dismiss(self._read(texts))
        except (ConfigError, ValueError) as error:
            self.query_one(".refusal", Static).update(Content(f"✖ {error}"))

    @on(Input.Changed)
    def forget_refusal(self) -> None:
        if self.is_open:
            self.query_one(".refusal", Static).update("")

    def action_cancel(self) -> None:
        self.dismiss(None)


def typed_number(texts: Texts, name: str, rule: str, low: float, high: float = math.inf) -> float:
    """The number typed under a name; ValueError, in the words of `rule`, where it is none or out of bounds."""
    text = texts[name].strip()
    if not text:
        raise ValueError(f"{label_of(name)} is empty; it {rule}")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{label_of(name)}: {text!r} is no number; it {rule}") from None
    if not low <= value <= high:
        raise ValueError(f"{label_of(name)} = {text} cannot be: it {rule}")
    return value


def typed_whole(texts: Texts, name: str, rule: str, low: int, high: float = math.inf) -> int:
    value = typed_number(texts, name, rule, low, high)
    if not value.is_integer():
        raise ValueError(f"{label_of(name)} = {texts[name].strip()} cannot be: it {rule}")
    return int(value)


_LABELS = {
    "lr": "Learning rate",
    "min_lr": "Lowest lr",
    "decay_start": "Decay from",
    "speed": "Steps a second",
    "top_k": "Top-k",
    "tokens": "Length",
}


def label_of(name: str) -> str:
    """What a field of this name is called on the screen."""
    return _LABELS.get(name, name.replace("_", " ").capitalize())
