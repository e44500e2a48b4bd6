"""A preset before it is started: what will happen, its learning-rate curve, how big it is, how long it takes."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from .. import formatting
from ..content import curve_block, fact
from ..text import visible
from . import estimates
from .entries import LearnEntry, MeasuredSpeed, PresetEntry

if TYPE_CHECKING:
    from ...engine.config import RunConfig

_TALLEST_CURVE = 9
_MORE = " …"


class PresetPreview(Widget):
    """`speed` is None until a run of this shape has been measured."""

    preset: reactive[PresetEntry | LearnEntry | None] = reactive(None)
    speed: reactive[MeasuredSpeed | None] = reactive(None)

    def __init__(self, *, ascii: bool = False) -> None:
        super().__init__()
        self._ascii = ascii

    def watch_preset(self, preset: PresetEntry | LearnEntry | None) -> None:
        match preset:
            case PresetEntry(config=config):
                self.border_title = Content(visible(config.title))
            case LearnEntry(title=title):
                self.border_title = Content(title)
            case None:
                self.border_title = ""

    def render(self) -> Content:
        match self.preset:
            case PresetEntry(config=config):
                return Content("\n").join(preset_lines(config, self.speed, self.content_size, ascii=self._ascii))
            case LearnEntry(about=about):
                return Content("\n".join(textwrap.wrap(about, max(self.content_size.width, 1))))
            case None:
                return Content("")


def preset_lines(config: RunConfig, speed: MeasuredSpeed | None, size: Size, *, ascii: bool) -> list[Content]:
    """The text of the preview; the curve takes the lines that the words leave."""
    facts = [line for name, text in _facts(config, speed) for line in fact(name, text, size.width)]
    heading = _heading(config, size.width)
    room = size.height - len(facts) - len(heading) - 2  # and two empty lines
    about = [Content(line) for line in _about(config.lesson.why, size.width, max(room - 5, 2))]
    curve = _lr_curve(config, size.width, min(room - len(about) - 1, _TALLEST_CURVE), ascii=ascii)
    empty = Content("")
    return [*about, empty, *([*heading, *curve, empty] if curve else []), *facts]


def _about(text: str, width: int, height: int) -> list[str]:
    """As many whole sentences as there is room for; of a first one that is too long what fits, and an ellipsis."""
    sentences = re.split(r"(?<=[.?!]) (?=[A-Z])", visible(" ".join(text.split())))
    width = max(width, len(_MORE))
    for count in range(len(sentences), 0, -1):
        lines = textwrap.wrap(" ".join(sentences[:count]), width)
        if len(lines) <= height:
            return lines
    return textwrap.wrap(sentences[0], width, max_lines=height, placeholder=_MORE)


def _heading(config: RunConfig, width: int) -> list[Content]:
    """The schedule on the line of its name, or below it where there is no room."""
    name, schedule = Content.styled("Learning rate", "bold $foreground"), _schedule(config)
    line = Content.assemble(name, (f"  {schedule}", "$curve-plan"))
    if line.cell_length <= width:
        return [line]
    return [name, *(Content.styled(part, "$curve-plan") for part in textwrap.wrap(schedule, max(width, 1)))]


def _lr_curve(config: RunConfig, width: int, height: int, *, ascii: bool) -> list[Content]:
    from ...engine.config import LiveSettings
    from ...engine.schedule import planned_curve

    values = planned_curve(LiveSettings.from_config(config), config.training.steps, 4 * width)
    return curve_block(values, (1, config.training.steps), width, height, colour="curve-lr", ascii=ascii)


def _schedule(config: RunConfig) -> str:
    schedule = config.schedule
    warmup = f", warm-up {schedule.warmup_steps}" if schedule.warmup_steps else ""
    return f"{schedule.kind}, up to {formatting.setting(schedule.lr)}{warmup}"


def _facts(config: RunConfig, speed: MeasuredSpeed | None) -> list[tuple[str, str]]:
    model, training = config.model, config.training
    batch = f"{training.batch} x {model.context} tokens"
    return [
        (
            "Model",
            f"{formatting.count(estimates.parameters(model))} parameters, {formatting.counted(model.layers, 'layer')}",
        ),
        ("", f"width {model.width}, {formatting.counted(model.heads, 'head')}"),
        ("Training", f"{training.steps:,} steps, {config.optimizer.kind}"),
        ("Batch", batch if training.accumulation == 1 else f"{training.accumulation} times {batch}"),
        ("Text", "Python's standard library" if config.data.path == "stdlib" else visible(config.data.path)),
        *_time(config, speed),
    ]


def _time(config: RunConfig, speed: MeasuredSpeed | None) -> list[tuple[str, str]]:
    if speed is None:
        usual = config.lesson.seconds
        return [
            ("Time", f"about {formatting.duration(usual)} on two cores" if usual else "unknown until measured here")
        ]
    expected = formatting.duration(estimates.seconds(config, speed.tokens_per_s))
    return [
        ("Time", f"about {expected}, at {formatting.count(speed.tokens_per_s)} tok/s"),
        ("", f"as measured in {visible(speed.run)}"),
    ]
