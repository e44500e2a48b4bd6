"""A run as it was at an earlier step."""

from dataclasses import replace

from ...engine.config import LiveSettings
from .run_view import RunView


def as_of(view: RunView, step: float) -> RunView:
    """What was known when a step had been trained; the run as it is where that is the latest."""
    if step >= view.step:
        return view
    past = view.up_to(round(step))
    settings = past.changes[-1].settings if past.changes else LiveSettings.from_config(view.config)
    return replace(past, settings=settings, state="training", state_detail="", end=None, pause=None)
