"""No test sees the presets of the person who runs it."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_presets(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person's own presets, which does not exist yet."""
    folder = tmp_path_factory.getbasetemp() / "no-presets"
    monkeypatch.setenv("TINYGPT_TUI_PRESETS", str(folder))
    return folder
