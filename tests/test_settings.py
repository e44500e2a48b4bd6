"""What a person chose holds next time, and a file with a fault stays as it is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import composite

from tinygpt_tui.tui.settings import Preferences, Settings, SettingsError, load_settings, save_settings

NAMES = st.text(min_size=1, max_size=20)


@composite
def settings(draw: st.DrawFn) -> Settings:
    return Settings(
        theme=draw(NAMES),
        ascii=draw(st.booleans()),
        smoothing=draw(st.floats(0, 0.99)),
        hidden_panels=tuple(draw(st.lists(NAMES, max_size=4))),
        bell=draw(st.sampled_from(["off", "bell", "notice"])),
        redraws_per_s=draw(st.floats(0.2, 30)),
    )


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.toml") == Settings()


@given(chosen=settings())
def test_what_is_saved_is_loaded(chosen: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("settings") / "folder" / "settings.toml"
    save_settings(chosen, path)
    assert load_settings(path) == chosen
    assert [file.name for file in path.parent.iterdir()] == ["settings.toml"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"theme = ", "Invalid value"),
        (b"theme = 3", "theme = 3 should be text"),
        (b"thema = 'dusk'", "there is no key 'thema'"),
        (b"bell = 'loud'", "'off' or 'bell' or 'notice'"),
        (b"smoothing = 2", "must lie between 0 and 0.9999"),
        (b"redraws_per_s = nan", "should be a number"),
        (b"hidden_panels = 'loss'", "must be a list"),
        (b"hidden_panels = [1]", "hidden_panels[1] = 1 should be text"),
        (b"theme = '\xff'", "not UTF-8"),
        (b"theme = ''", "must name a theme"),
        (b"x = " + b"[" * 100_000, "mend the file or delete it"),
    ],
)
def test_a_fault_is_one_line_that_names_the_file(tmp_path: Path, text: bytes, fault: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(text)
    with pytest.raises(SettingsError) as raised:
        load_settings(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert fault in message
    assert "\n" not in message


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load_settings(tmp_path)


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"settings\.toml: cannot be written"):
        save_settings(Settings(), tmp_path / "file" / "settings.toml")
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be written"):
        save_settings(Settings(), tmp_path / "settings.toml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "settings.toml"]


def test_a_choice_is_remembered_at_once(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    Preferences(path).remember({"theme": "dawn"})
    Preferences(path).remember({"hidden_panels": ("layers",)})
    assert load_settings(path) == Settings(theme="dawn", hidden_panels=("layers",))


def test_a_file_with_a_fault_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("theme = 'dawn'\nbell = 3\n")
    preferences = Preferences(path)
    preferences.remember({"ascii": True})
    assert preferences.settings.ascii
    assert "bell = 3" in preferences.trouble
    assert path.read_text() == "theme = 'dawn'\nbell = 3\n"


def test_a_choice_holds_for_now_even_if_it_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    preferences = Preferences(tmp_path / "file" / "settings.toml")
    assert "cannot be read" in preferences.trouble
    preferences.remember({"theme": "dawn"})
    assert preferences.settings.theme == "dawn"
