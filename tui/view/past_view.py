"""A run as it was at an earlier step."""

from dataclasses import replace

from ...engine.config import LiveSettings
from .run_view import RunView


def as_of(view: RunView, step: float) -> RunView:
    """What was known when a step had been trained; the run as it is where that is the latest."""
    if step >= view.step:
        return view
    past = view.up_to(round(step))
    changed = (change.settings for change in reversed(past.changes) if change.settings is not None)
    settings = next(changed, LiveSettings.from_config(view.config))
    return replace(past, settings=settings, state="training", state_detail="", end=None, pause=None)
