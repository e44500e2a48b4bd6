"""A form for what may change while a run trains; the learning rate that would come of it is drawn while one types."""

from collections.abc import Mapping
from typing import ClassVar

from textual import events, getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label, Static

from ...engine.config import ConfigError
from ...engine.events import ChangeSettings
from ...engine.live_changes import changed, difference
from ...engine.schedule import SCHEDULES
from ..dialogs.choice import Choice
from ..dialogs.dialog import Dialog
from ..dialogs.key_line import KeyLine
from ..dialogs.prompt import FIELD_KEYS, FieldRow, after_typing
from ..panels.lr import LrPanel
from ..plots.viewport import Viewport
from ..view.run_numbers import next_lr
from ..view.run_view import RunView
from .change_fields import belongs, change_fields, read_change

_WIDE, _HIGH = 72, 22
"""Columns and rows from which there is room for two columns of fields, and for the plot."""


class ChangeForm(Dialog[ChangeSettings | None]):
    CSS = """
    ChangeForm {
        align: center middle; background: $background 60%;
        & > Vertical {
            width: 84; max-width: 100%; height: 32; max-height: 100%;
            border: round $primary; background: $surface;
        }
        VerticalScroll { height: auto; max-height: 60%; padding: 1 2 0 2; }
        Grid { grid-size: 2; grid-gutter: 1 3; grid-rows: 1; height: auto; }
        FieldRow { margin: 0; }
        Horizontal.kind { height: 1; }
        Horizontal.kind Label { width: 16; color: $text-muted; }
        #outcome { height: auto; min-height: 2; padding: 0 2; margin-top: 1; }
        LrPanel { height: 1fr; min-height: 4; }
        &.-narrow Grid { grid-size: 1; }
        &.-low LrPanel { display: none; }
        &.-low VerticalScroll { height: 1fr; max-height: 100%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "change", "change", id="change.send", tooltip="Change the run from now on", priority=True),
        Binding("escape", "cancel", "cancel", id="change.cancel", tooltip="Change nothing"),
        *FIELD_KEYS,
    ]

    rate = getters.query_one(LrPanel)

    def __init__(
        self, view: RunView, viewport: Viewport, *, title: str = "Change the run from the next step on"
    ) -> None:
        super().__init__()
        self._title = title
        self._view = view
        self._viewport = viewport

    def compose(self) -> ComposeResult:
        view = self._view
        with Vertical() as box:
            box.border_title = Content(self._title)
            with VerticalScroll(can_focus=False), Grid():
                for field in change_fields(view.settings, next_lr(view)):
                    yield FieldRow(field)
                with Horizontal(classes="kind"):
                    yield Label("Schedule")
                    yield Choice([*SCHEDULES], view.settings.schedule.kind)
            yield Static(id="outcome")
            yield LrPanel()
        yield KeyLine()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < _WIDE, "-narrow")
        self.set_class(event.size.height < _HIGH, "-low")

    def on_mount(self) -> None:
        if not self.is_open:
            return
        self.rate.view, self.rate.viewport = self._view, self._viewport
        self.preview()

    @property
    def _kind(self) -> str:
        return self.query_one(Choice).value

    def _texts(self) -> Mapping[str, str]:
        return {str(box.id): box.value for box in self.query(Input)}

    def _read(self) -> ChangeSettings | None:
        return read_change(self._texts(), self._kind, self._view.settings)

    @on(Input.Changed)
    @on(Choice.Changed)
    def preview(self) -> None:
        """Say and draw what would come of the form as it stands."""
        if not self.is_open:
            return
        for row in self.query(FieldRow):
            row.display = belongs(row.name or "", self._kind)
        view = self._view
        try:
            change = self._read() or ChangeSettings()
            settings = changed(view.settings, change, step=view.step + 1, steps=view.steps)
        except (ConfigError, ValueError) as error:
            self.rate.preview = None
            self._say(Content.styled(f"✖ {error}", "$text-error"))
            return
        self.rate.preview = settings if settings != view.settings else None
        said = difference(view.settings, settings, step=view.step + 1, steps=view.steps)
        self._say(Content(said) if self.rate.preview else Content.styled("Nothing is changed yet.", "$foreground 60%"))

    @property
    def outcome(self) -> str:
        """A sentence about the effect of the change."""
        return str(self.query_one("#outcome", Static).content)

    def _say(self, words: Content) -> None:
        self.query_one("#outcome", Static).update(words)

    def action_change(self) -> None:
        after_typing(self.focused or self, self._change)

    def _change(self) -> None:
        if not self.is_open:
            return
        try:
            self.dismiss(self._read())
        except (ConfigError, ValueError):
            self.app.bell()

    def action_cancel(self) -> None:
        self.dismiss(None)
