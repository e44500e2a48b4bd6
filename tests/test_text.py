"""No text from outside reaches the terminal as anything but text."""

import math
import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import tinygpt_tui.tui.text
from tinygpt_tui.tui.formatting import UNKNOWN, duration, megabytes
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


def test_durations_are_read_like_a_clock() -> None:
    seconds = (7, 61.9, 3661, 76 * 3600, -3, math.inf, None)
    assert [duration(each) for each in seconds] == ["0:07", "1:01", "1:01:01", "3d 4h", UNKNOWN, UNKNOWN, UNKNOWN]


def test_bytes_are_read_as_megabytes() -> None:
    assert [megabytes(size) for size in (100_000, 2_000_000, 512_400_000, None)] == [
        "0.1 MB",
        "2 MB",
        "512 MB",
        UNKNOWN,
    ]


COMMON_BLOCKS = (
    (0x20, 0xFF),  # Latin-1
    (0x2010, 0x203A),  # punctuation
    (0x2190, 0x2193),  # arrows
    (0x221E, 0x2248),  # mathematics
    (0x2400, 0x2421),  # control pictures
    (0x2500, 0x25FF),  # boxes, blocks, geometric shapes
    (0x2605, 0x2605),
    (0x2713, 0x2716),
    (0x2800, 0x28FF),  # braille
    (0xFFFD, 0xFFFD),
)


def test_the_screens_have_signs_that_common_fonts_have() -> None:
    source = Path(tinygpt_tui.tui.text.__file__).parent
    used = {sign for file in source.rglob("*.py") for sign in file.read_text("utf-8")} - {"\n"}
    assert {sign for sign in used if not any(low <= ord(sign) <= high for low, high in COMMON_BLOCKS)} == set()
