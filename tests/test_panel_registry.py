"""Every panel of the registry is complete, has keys of its own, and can be shown alone, with a run and without one."""

from itertools import chain
from pathlib import Path

import pytest
from textual.binding import Binding

from tinygpt_tui.engine.config import RunConfig, TrainingConfig
from tinygpt_tui.tui.panels.keys import PANEL_KEYS, RUN_KEYS, key_of
from tinygpt_tui.tui.panels.layout import FOREIGN, PANEL_NAMES, PANELS, AnyPanel, known_panels, panel_keys
from tinygpt_tui.tui.settings import load_settings

from .scripted_run import ScriptedRun, started, steps
from .test_run_screen import Showing, following, shown, until

CONFIG = RunConfig(training=TrainingConfig(steps=100))


@pytest.mark.parametrize("kind", PANELS)
def test_a_panel_says_what_it_is_and_has_a_key(kind: type[AnyPanel]) -> None:
    assert kind.NAME.isidentifier() and kind.NAME.islower()
    assert kind.TITLE
    assert "ealthy" in kind.EXPLANATION or kind.NAME == "lesson"
    assert kind.GROUP in ("curves", "words")
    keys = panel_keys(kind)
    assert keys and key_of(f"panels.{kind.NAME}") == keys[0]


def test_names_and_keys_are_unique() -> None:
    assert len(set(PANEL_NAMES)) == len(PANELS)
    bindings = [binding for binding in (*RUN_KEYS, *PANEL_KEYS) if isinstance(binding, Binding)]
    keys = list(chain.from_iterable(binding.key.split(",") for binding in bindings if binding.id != "run.again"))
    panel = [key for kind in PANELS for key in panel_keys(kind)]
    assert all(keys.count(key) == 1 for key in panel)


@pytest.mark.parametrize("kind", [kind for kind in PANELS if kind.NAME not in FOREIGN])
@pytest.mark.parametrize("length", [0, 3])
async def test_a_panel_is_shown_alone_by_each_of_its_keys(kind: type[AnyPanel], length: int) -> None:
    events = [started(CONFIG), *steps(CONFIG, [3.0] * length)] if length else []
    app = Showing(ScriptedRun(events, config=CONFIG, live=True))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await following(pilot, length) if length else app.screen
        for key in panel_keys(kind):
            await pilot.press(key)
            await until(pilot, lambda: shown(screen) == {kind.NAME})  # pyright: ignore[reportArgumentType]
            await pilot.press(key)
            await until(pilot, lambda: shown(screen) != {kind.NAME})  # pyright: ignore[reportArgumentType]


def test_a_settings_file_of_an_earlier_version_still_hides_its_panels(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('hidden_panels = ["rate", "sample", "no such panel"]\n')
    assert known_panels(load_settings(path).hidden_panels) == {"lr", "sample"}
