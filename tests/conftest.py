"""No test sees the presets of the person who runs it, none fails because the machine is busy, and keys are noted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from textual.app import App

from tinygpt_tui.tui.plots import plotext_curves

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")
assert plotext_curves.load_plotext()  # plots look the same however soon it would be loaded

Pressed = set[tuple[str | None, str]]
"""The id of a binding and the key."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is asked of all tests is asked last."""
    items.sort(key=lambda item: "pressed_in_all_tests" in getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def own_presets(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person's own presets, which does not exist yet."""
    folder = tmp_path_factory.getbasetemp() / "no-presets"
    monkeypatch.setenv("TINYGPT_TUI_PRESETS", str(folder))
    return folder


@pytest.fixture(autouse=True, scope="session")
def pressed() -> Iterator[Pressed]:
    """Every key that a test has pressed and that a binding has answered."""
    noted: Pressed = set()
    check = App._check_bindings

    async def noting(app: App[object], key: str, priority: bool = False) -> bool:
        active = app.screen.active_bindings.get(key)
        is_answered = await check(app, key, priority)
        if is_answered and active is not None:
            noted.add((active.binding.id, key))
        return is_answered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(App, "_check_bindings", noting)
        yield noted


@pytest.fixture
def pressed_in_all_tests(request: pytest.FixtureRequest, pressed: Pressed) -> Pressed:
    run = {item.path for item in request.session.items}
    if request.config.option.keyword or not run >= set(Path(__file__).parent.glob("test_*.py")):
        pytest.skip("only some of the tests are run")
    return pressed
