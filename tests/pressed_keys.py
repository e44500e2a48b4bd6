"""Every key of every screen and widget is pressed by a test, which is known when all tests have run.

A pytest plugin. The tests may run in several processes: each sends what its tests pressed to the one that started it.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

import pytest
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode

from tinygpt_tui import tui
from tinygpt_tui.tui import app

Pressed = set[tuple[str | None, str]]
"""The id of a binding and the key."""

PRESSED = pytest.StashKey[Pressed]()
UNPRESSED = pytest.StashKey[Pressed]()


def declared_keys() -> list[tuple[type[DOMNode], Binding]]:
    """A binding a key, with the class that declares it."""
    found = [value for module in tui_modules() for value in vars(module).values()]
    classes = dict.fromkeys(value for value in found if isinstance(value, type) and _declares_keys(value))
    return [(kind, binding) for kind in classes for binding in Binding.make_bindings(kind.BINDINGS)]


def tui_modules() -> Iterator[ModuleType]:
    """Without those that need a library which is not installed here."""
    for each in walk_packages(tui.__path__, f"{tui.__name__}."):
        try:
            yield import_module(each.name)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("tinygpt_tui"):
                raise


def _declares_keys(kind: type) -> bool:
    """Whether it is a class of ours that has keys of its own."""
    ours = app.__name__.removesuffix("app")
    return issubclass(kind, DOMNode) and kind.__module__.startswith(ours) and "BINDINGS" in vars(kind)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PRESSED] = set()
    config.stash[UNPRESSED] = set()


@pytest.fixture(autouse=True, scope="session")
def noted_keys(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every key that a test presses and that a binding answers is noted."""
    noted = request.config.stash[PRESSED]
    check = App._check_bindings

    async def noting(app: App[object], key: str, priority: bool = False) -> bool:
        active = app.screen.active_bindings.get(key)
        is_answered = await check(app, key, priority)
        if is_answered and active is not None:
            noted.add((active.binding.id, key))
        return is_answered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(App, "_check_bindings", noting)
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    node.config.stash[PRESSED].update(map(tuple, getattr(node, "workeroutput", {}).get("pressed", ())))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["pressed"] = list(session.config.stash[PRESSED])
    elif exitstatus == pytest.ExitCode.OK and _runs_all_tests(session.config):
        # ctrl+c of the app stands behind Textual's own, which copies, and is not noted as its own
        expected = {(binding.id, binding.key) for _, binding in declared_keys() if not binding.system}
        session.config.stash[UNPRESSED] = expected - session.config.stash[PRESSED]
        if session.config.stash[UNPRESSED]:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for id, key in sorted(config.stash[UNPRESSED], key=str):
        terminalreporter.write_line(f"FAILED: no test presses the key {key!r} of the binding {id!r}", red=True)


def _runs_all_tests(config: pytest.Config) -> bool:
    option = config.option
    chosen = {Path(argument).resolve() for argument in config.args}
    is_partial = (
        option.keyword or option.markexpr or option.deselect or option.collectonly or getattr(option, "lf", False)
    )
    return not is_partial and chosen == {Path(__file__).parent}
