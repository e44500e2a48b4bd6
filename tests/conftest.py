"""No test sees the presets of the person who runs it, and none fails for how it was started or for a busy machine."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tinygpt_tui.tui.plots import plotext_curves

pytest_plugins = ["tests.pressed_keys"]

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")
assert plotext_curves.load_plotext()  # plots look the same however soon it would be loaded


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """A script's shell lets what it starts in the background ignore Ctrl-C, and so all that is started from there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_presets(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person's own presets, which does not exist yet."""
    folder = tmp_path_factory.getbasetemp() / "no-presets"
    monkeypatch.setenv("TINYGPT_TUI_PRESETS", str(folder))
    return folder
