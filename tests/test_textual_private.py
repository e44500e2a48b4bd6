"""Textual still has the private attributes that the program uses; where it has not, this names the one that is gone."""

import re
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import Static

from tinygpt_tui.tui.textual_private import PRIVATE_ATTRIBUTES, border_titles, set_border_titles

TUI = Path(__file__).parent.parent / "tui"


class Titled(App[None]):
    CSS = "Static { border: round red; height: 3; }"

    def compose(self) -> ComposeResult:
        yield Static("inside")


@pytest.mark.parametrize("name", PRIVATE_ATTRIBUTES)
def test_textual_still_has_the_attribute(name: str) -> None:
    widget = Static()
    assert hasattr(widget, name), f"Textual's Widget has no {name} any more: mend tui/textual_private.py"


async def test_the_attributes_are_what_the_border_draws_and_a_change_is_told() -> None:
    async with Titled().run_test(size=(30, 5)) as pilot:
        widget = pilot.app.query_one(Static)
        widget.border_title = Content("before")
        assert border_titles(widget)[0] == Content("before"), "border_title is kept in another attribute now"
        assert set_border_titles(widget, Content("above"), Content("below")) == (True, True)
        assert set_border_titles(widget, Content("above"), Content("below")) == (False, False)
        widget.refresh()
        await pilot.pause()
        picture = pilot.app.export_screenshot()
        assert "above" in picture and "below" in picture and "before" not in picture


def test_no_other_module_uses_them() -> None:
    used = re.compile("|".join(rf"\b{name}\b" for name in PRIVATE_ATTRIBUTES))
    assert [path.name for path in TUI.rglob("*.py") if used.search(path.read_text())] == ["textual_private.py"]
