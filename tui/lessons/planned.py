"""A schedule as a curve, before anything is trained."""

from ...engine.config import LiveSettings, RunConfig
from ...engine.schedule import planned_lr


def planned_curve(config: RunConfig, points: int) -> list[float]:
    """The rate at so many steps, evenly from the first to the last; at every step where there are fewer."""
    settings, steps = LiveSettings.from_config(config), config.training.steps
    points = min(max(points, 1), steps)
    return [planned_lr(settings, 1 + x * (steps - 1) // max(points - 1, 1), steps) for x in range(points)]
