"""Every key of every screen and widget: it says what it does, it can do it, and a test presses it."""

import inspect
from importlib import import_module
from pkgutil import walk_packages

from textual.actions import parse
from textual.binding import Binding
from textual.dom import DOMNode

from tinygpt_tui import tui
from tinygpt_tui.tui import app
from tinygpt_tui.tui.home.entry_list import EntryList
from tinygpt_tui.tui.run.command_prompts import PROMPTS
from tinygpt_tui.tui.run.leaving import DESTINATIONS
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.run.sending import COMMANDS


def keys() -> list[tuple[type[DOMNode], Binding]]:
    """A binding a key, with the class that declares it."""
    inside = [each.name for each in walk_packages(tui.__path__, f"{tui.__name__}.") if not each.ispkg]
    found = [value for module in map(import_module, inside) for value in vars(module).values()]
    classes = dict.fromkeys(value for value in found if isinstance(value, type) and declares_keys(value))
    return [(kind, binding) for kind in classes for binding in Binding.make_bindings(kind.BINDINGS)]


def declares_keys(kind: type) -> bool:
    """Whether it is a class of ours that has keys of its own."""
    ours = app.__name__.removesuffix("app")
    return issubclass(kind, DOMNode) and kind.__module__.startswith(ours) and "BINDINGS" in vars(kind)


KEYS = keys()


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


def test_every_key_is_pressed_by_a_test(pressed_in_all_tests: set[tuple[str | None, str]]) -> None:
    # ctrl+c of the app stands behind Textual's own, which copies, and is not noted as its own
    expected = {(binding.id, binding.key) for _, binding in KEYS if not binding.system}
    assert expected - pressed_in_all_tests == set()
