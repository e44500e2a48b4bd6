"""The README's moving picture: frames of a terminal joined to one SVG."""

import re
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console
from rich.text import Text

from .bench.animation import Frame, animated

ROOT = Path(__file__).parents[1]


def frame(*lines: str, seconds: float = 1.0, caption: str = "") -> Frame:
    console = Console(
        width=20, height=len(lines), record=True, file=StringIO(), force_terminal=True, color_system="truecolor"
    )
    for line in lines:
        console.print(Text(line, style="bold #112233 on #445566"))
    return Frame(svg=console.export_svg(title="t"), seconds=seconds, caption=caption)


def visible_at(svg: str, seconds: float) -> set[str]:
    """The texts that a browser would show then."""
    root = ElementTree.fromstring(svg)
    name = "{http://www.w3.org/2000/svg}"
    style = root.findtext(f"{name}style") or ""
    duration = re.search(r"animation-duration:([\d.]+)s", style)
    assert duration
    texts: set[str] = set()
    for group in [root, *root.iter(f"{name}g")]:
        if group.attrib.get("class", "").startswith("m"):
            rule = re.search(rf"@keyframes {group.attrib['style'].removeprefix('animation-name:')}{{(.*)}}\n", style)
            assert rule
            states = re.findall(r"([\d.]+)%\{visibility:(\w+)\}", rule[1])
            share = 100 * seconds / float(duration[1])
            if [state for at, state in states if float(at) <= share][-1] == "hidden":
                continue
        texts |= {(text.text or "").replace("\xa0", " ").strip() for text in group.findall(f"{name}text")}
    return texts


FRAMES = (
    frame("the title", "one", caption="first"),
    frame("the title", "two", seconds=2.5, caption="second"),
    frame("the title", "one", seconds=0.5, caption="third"),
)


def test_every_frame_is_visible_in_its_time_and_no_other_is() -> None:
    picture = animated(FRAMES, background="#000000")
    assert visible_at(picture, 0.5) == {"the title", "one", "first"}
    assert visible_at(picture, 1.1) == visible_at(picture, 3.4) == {"the title", "two", "second"}
    assert visible_at(picture, 3.6) == visible_at(picture, 3.9) == {"the title", "one", "third"}


def test_the_times_of_the_frames_add_up() -> None:
    assert "animation-duration:4s" in animated(FRAMES, background="#000000")


def test_what_does_not_change_is_written_once() -> None:
    picture = animated(FRAMES, background="#000000")
    assert picture.count("the\xa0title") == picture.count(">one<") == 1


def test_text_of_a_frame_is_never_markup() -> None:
    picture = animated([frame("<script>&"), frame("b", caption="<g>")], background="#000000")
    assert visible_at(picture, 0.5) == {"<script>&"}
    assert visible_at(picture, 1.5) == {"b", "<g>"}


def test_there_is_no_animation_without_frames() -> None:
    with pytest.raises(ValueError, match="needs a frame"):
        animated([], background="#000000")


@pytest.mark.parametrize("picture", [animated(FRAMES, background="#000000"), (ROOT / "demo.svg").read_text()])
def test_a_picture_runs_no_script_and_loads_nothing(picture: str) -> None:
    words = picture.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//|<script|href|url\(|@import|@font-face|\son\w+=", words)
    assert len(picture.encode()) < 1_500_000
