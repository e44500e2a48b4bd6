"""Every key of every screen and widget: it says what it does, and it can do it. `pressed_keys` asks for more."""

import inspect

from textual.actions import parse

from tests.pressed_keys import declared_keys
from tinygpt_tui.tui import app
from tinygpt_tui.tui.home.entry_list import EntryList
from tinygpt_tui.tui.run.command_prompts import PROMPTS
from tinygpt_tui.tui.run.leaving import DESTINATIONS
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.run.sending import COMMANDS

KEYS = declared_keys()


def test_the_keys_of_all_screens_and_widgets_are_known() -> None:
    assert {app.TinyGPTApp, RunScreen, EntryList} < {kind for kind, _ in KEYS}
    assert len(KEYS) > 100


def test_every_key_has_an_id_words_and_a_tooltip() -> None:
    for kind, binding in KEYS:
        assert binding.id and (binding.system or (binding.description and binding.tooltip)), (kind, binding.key)
    declared = {(binding.id, binding.action) for _, binding in KEYS}
    assert len({id for id, _ in declared}) == len(declared)


def test_every_key_has_an_action_that_takes_what_it_is_given() -> None:
    for kind, binding in KEYS:
        namespace, name, values = parse(binding.action)
        action = getattr(app.TinyGPTApp if namespace == "app" else kind, f"action_{name}", None)
        assert action is not None, (kind, binding)
        inspect.signature(action).bind(None, *values)


def test_every_name_that_a_key_of_the_run_screen_passes_stands_in_its_table_and_has_a_key() -> None:
    tables = {
        "send": {*COMMANDS},
        "ask": {*PROMPTS, "change"},
        "leave": {*DESTINATIONS, "go_back", "fork", "prove", "lr_range"},
    }
    passed: dict[str, set[object]] = {action: set() for action in tables}
    for kind, binding in KEYS:
        _, action, values = parse(binding.action)
        if kind is RunScreen and action in tables:
            passed[action].add(values[0])
    assert passed == tables
