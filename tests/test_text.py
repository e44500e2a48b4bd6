"""No text from outside reaches the terminal as anything but text."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.tui.text import visible


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Cs", "Ll"])))
def test_no_control_character_is_left(text: str) -> None:
    shown = visible(text)
    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in shown)
    assert not any(
        unicodedata.bidirectional(letter) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "PDI") for letter in shown
    )


def test_control_characters_are_shown_as_symbols() -> None:
    assert visible("\x1b[31m\x07\n\x7f\x9b\u202e\udc80") == "␛[31m␇␊␡\\x9b\\u202e\\x80"


def test_lines_and_tabs_can_be_kept() -> None:
    assert visible("a\n\tb\r", keep_lines=True) == "a\n\tb␍"


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert visible(text) == text
