"""Frames of a terminal, as Textual exports them, joined to one SVG that moves; it has no script and loads nothing.

A frame is taken apart into its pieces, a coloured rectangle or a run of text each. A piece is written once and is
visible in those frames that have it, by a CSS animation; what never changes costs nothing a frame.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from xml.etree import ElementTree

_SVG = "{http://www.w3.org/2000/svg}"
_RULE = re.compile(r"\.(\S+-r\d+) \{ (.*?);? \}")
_FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
_MARGIN, _LINE = 12, 24.4
"""In the units of the export, in which a character is 12.2 wide and 24.4 high."""
_STYLE = f"""
text{{font:20px {_FONTS};white-space:pre}}
.m{{visibility:hidden;animation-timing-function:step-end;animation-iteration-count:infinite}}
.last{{visibility:visible}}
@media (prefers-reduced-motion:reduce){{.m{{animation-name:none!important}}}}
"""
"""Without animation, the last frame is what is seen."""

Interval = tuple[int, int]
"""Frames from the first to before the second."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    svg: str
    """What `App.export_screenshot` returns."""
    seconds: float
    caption: str = ""


@dataclass(frozen=True, order=True)
class Piece:
    is_text: bool
    """Text is painted over rectangles."""
    markup: str


def animated(frames: Sequence[Frame], *, background: str) -> str:
    """One SVG that shows the frames in turn, each for its seconds, and begins again; ValueError without frames."""
    if not frames:
        raise ValueError("an animation needs a frame")
    width, height = _size(frames[0].svg)
    groups = sorted(_groups(frames).items(), key=lambda group: (group[0][0], group[0][1]))
    times = [0.0]
    for frame in frames:
        times.append(times[-1] + frame.seconds)
    rules, body = [], []
    for number, ((_, shown), pieces) in enumerate(groups):
        markup = "".join(pieces)
        if shown == ((0, len(frames)),):
            body.append(markup)
        else:
            rules.append(f"@keyframes k{number}{{{''.join(_keyframes(shown, times))}}}\n")
            last = " last" if shown[-1][1] == len(frames) else ""
            body.append(f'<g class="m{last}" style="animation-name:k{number}">{markup}</g>\n')
    total_width, total_height = width + 2 * _MARGIN, height + 3 * _MARGIN + _LINE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total_width:g} {total_height:g}">\n'
        f"<style>{_STYLE}.m{{animation-duration:{times[-1]:g}s}}\n{''.join(rules)}</style>\n"
        f'<rect width="{total_width:g}" height="{total_height:g}" rx="10" fill="{background}"/>\n'
        f'<g transform="translate({_MARGIN},{_MARGIN})">\n{"".join(body)}</g>\n</svg>\n'
    )


def _size(svg: str) -> tuple[float, float]:
    """Of the terminal's area."""
    area = ElementTree.fromstring(svg).find(f".//{_SVG}clipPath/{_SVG}rect")
    if area is None:
        raise ValueError("this is not a terminal's screenshot")
    return float(area.attrib["width"]), float(area.attrib["height"])


def _groups(frames: Sequence[Frame]) -> dict[tuple[bool, tuple[Interval, ...]], list[str]]:
    """The markup of all pieces that are visible in the same frames."""
    seen: dict[Piece, list[int]] = defaultdict(list)
    for number, frame in enumerate(frames):
        for piece in dict.fromkeys(_pieces(frame)):
            seen[piece].append(number)
    groups: dict[tuple[bool, tuple[Interval, ...]], list[str]] = defaultdict(list)
    for piece, numbers in seen.items():
        groups[piece.is_text, tuple(_intervals(numbers))].append(piece.markup)
    return groups


def _intervals(numbers: Sequence[int]) -> Iterator[Interval]:
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        yield run[0], run[-1] + 1


def _keyframes(shown: Sequence[Interval], times: Sequence[float]) -> Iterator[str]:
    if shown[0][0] > 0:
        yield "0%{visibility:hidden}"
    for first, end in shown:
        yield f"{100 * times[first] / times[-1]:.3f}%{{visibility:visible}}"
        if end < len(times) - 1:
            yield f"{100 * times[end] / times[-1]:.3f}%{{visibility:hidden}}"


def _pieces(frame: Frame) -> Iterator[Piece]:
    root = ElementTree.fromstring(frame.svg)
    styles = dict(_RULE.findall(root.findtext(f"{_SVG}style") or ""))
    for rect in root.iter(f"{_SVG}rect"):
        if "shape-rendering" in rect.attrib:
            yield Piece(False, _rectangle(rect.attrib))
    for text in root.iter(f"{_SVG}text"):
        if "textLength" in text.attrib and (text.text or "").strip():
            yield Piece(True, _text(text.attrib, styles[text.attrib["class"]], text.text or ""))
    if frame.caption:
        y = _size(frame.svg)[1] + 2 * _MARGIN + 0.6 * _LINE
        yield Piece(True, f'<text x="12.2" y="{y:g}" style="fill:#e7d27c">{escape(frame.caption)}</text>')


def _rectangle(given: dict[str, str]) -> str:
    return f'<rect {_attributes(given, "fill", "x", "y", "width", "height")} shape-rendering="crispEdges"/>'


def _text(given: dict[str, str], style: str, words: str) -> str:
    return (
        f'<text {_attributes(given, "x", "y", "textLength")} style="{style.replace(": ", ":")}">{escape(words)}</text>'
    )


def _attributes(given: dict[str, str], *names: str) -> str:
    return " ".join(f'{name}="{given[name]}"' for name in names)
