"""Step to learning rate: pure functions, so that the curve can be drawn before the run."""

import math

from .config import LiveSettings, RunConfig, ScheduleConfig


def planned_lr(settings: LiveSettings, step: int, steps: int) -> float:
    """The learning rate of optimizer step `step` (the first is 1) of a run of `steps`, live changes included."""
    batch = settings.batch * settings.accumulation
    return settings.lr_scale * batch_scale(settings.schedule, batch) * scheduled_lr(settings.schedule, step, steps)


def batch_scale(schedule: ScheduleConfig, batch: int) -> float:
    """The linear scaling rule: k times the batch, k times the rate (Goyal et al. 2017, section 2.1)."""
    return batch / schedule.base_batch if schedule.batch_scaling == "linear" else 1.0


def scheduled_lr(schedule: ScheduleConfig, step: int, steps: int) -> float:
    low, high = schedule.min_lr, schedule.lr
    warmup = schedule.warmup_steps
    if step <= warmup:
        return low + (high - low) * (step - 1) / warmup
    done = step - 1 - warmup
    """Steps since the end of the warm-up; 0 at its peak."""
    span = max(steps - 1 - warmup, 1)
    match schedule.kind:
        case "constant":
            return high
        case "three-phase":
            start = max(schedule.decay_start * steps, warmup)
            return _cosine(high, low, (step - start) / ((steps - start) or 1))
        case "cosine":
            return _cosine(high, low, done / span)
        case "linear":
            return low + (high - low) * (1 - min(done / span, 1.0))
        case "step":
            return max(high * schedule.factor ** (done // schedule.period), low)
        case "triangular":
            return _triangle(low, high, done / schedule.period)
        case "restarts":
            return _cosine(high, low, _restart_progress(done, schedule.period, schedule.growth))


def _cosine(high: float, low: float, progress: float) -> float:
    """Half a cosine from high to low (Loshchilov and Hutter 2016), flat before 0 and after 1."""
    progress = min(max(progress, 0.0), 1.0)
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * progress))


def _triangle(low: float, high: float, cycles: float) -> float:
    """Down and up again in every cycle, at its peak when one begins (Smith 2015, the triangular policy)."""
    return low + (high - low) * abs(1 - 2 * (cycles % 1.0))


def _restart_progress(done: int, period: int, growth: float) -> float:
    """How far into its own period a step is, when every period is `growth` times the last (SGDR)."""
    if growth == 1.0:
        return (done % period) / period
    # a hair more, so that a restart that rounding puts just after this step is not missed
    index = int(math.log(done * (growth - 1) / period + 1, growth) + 1e-9)
    start = period * (growth**index - 1) / (growth - 1)
    return (done - start) / (period * growth**index)


def planned_curve(config: RunConfig, points: int) -> list[float]:
    """The rate at so many steps, evenly from the first to the last; at every step where there are fewer."""
    settings, steps = LiveSettings.from_config(config), config.training.steps
    points = min(max(points, 1), steps)
    return [planned_lr(settings, 1 + x * (steps - 1) // max(points - 1, 1), steps) for x in range(points)]
