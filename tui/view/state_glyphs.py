"""How the state of a run looks: a glyph, a word and a colour, so that colour is never the only sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

if TYPE_CHECKING:  # the first frame does not need it
    from .run_view import RunView


@dataclass(frozen=True)
class StateGlyph:
    glyph: str
    plain_glyph: str
    """For terminals that have ASCII only."""
    words: str
    colour: str
    """A variable of the theme."""


STATE_GLYPHS: dict[str, StateGlyph] = {
    "starting": StateGlyph("◌", ".", "starting", "state-running"),
    "running": StateGlyph("▶", ">", "running", "state-running"),
    "training": StateGlyph("▶", ">", "training", "state-running"),
    "followed": StateGlyph("▶", ">", "following", "state-running"),
    "over": StateGlyph("■", "#", "ended", "state-ended"),
    "paused": StateGlyph("‖", "=", "paused", "state-paused"),
    "blocked": StateGlyph("▲", "!", "waiting for disk space", "state-failed"),
    "finished": StateGlyph("✓", "+", "finished", "state-ended"),
    "stopped": StateGlyph("■", "#", "stopped", "state-ended"),
    "interrupted": StateGlyph("◐", "~", "interrupted", "state-paused"),
    "nan": StateGlyph("✖", "x", "ended on NaN", "state-failed"),
    "failed": StateGlyph("✖", "x", "failed", "state-failed"),
    "died": StateGlyph("◐", "~", "interrupted", "state-paused"),
    "damaged": StateGlyph("?", "?", "damaged", "state-failed"),
}
"""By `RunView.state`, `RunSummary.state` and `RunEnded.reason`."""


def state_glyph(state: str, *, is_failing: bool) -> StateGlyph:
    """A run that came to its last step with an open failure looks like one that failed."""
    look = STATE_GLYPHS[state]
    if not is_failing or state not in ("finished", "stopped"):
        return look
    failed = STATE_GLYPHS["failed"]
    return StateGlyph(failed.glyph, failed.plain_glyph, f"{look.words}, failing", failed.colour)


def state_words(view: RunView) -> Content:
    """The state of a run that is shown, and of its end, whose reason is more exact."""
    reason = view.end.reason if view.end is not None else view.state
    state = state_glyph(reason, is_failing=any(episode.is_open_failure for episode in view.findings))
    return Content.styled(f"{state.glyph} {state.words}", f"bold ${state.colour}")
