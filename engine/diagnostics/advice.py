"""Why a finding happens and what to try, most likely first, for the settings that the run has now."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from ..config import LiveSettings, RunConfig
from ..events import Fix
from ..schedule import batch_scale
from .symptom import Kind

USUAL_LR = {"adam": 1e-3, "adamw": 1e-3, "momentum": 0.1, "sgd": 0.1}
"""Kingma and Ba 2014 for Adam; He et al. 2015 and Goyal et al. 2017 for SGD."""
USUAL_CLIP = 1.0
"""Pascanu et al. 2013 clip; 1.0 is what language models settled on (Brown et al. 2020)."""
USUAL_INIT = 1.0
FAR = 5.0
"""Times above or below the usual rate from which the rate itself is the first suspect."""
HIGHEST_LR = 1e6


@dataclass(frozen=True, kw_only=True)
class Advice:
    causes: list[str]
    fixes: list[Fix]


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What the run is set to at the moment, live changes included."""

    config: RunConfig
    settings: LiveSettings

    @classmethod
    def of(cls, config: RunConfig) -> Self:
        """Of a run in which nothing has been changed yet."""
        return cls(config=config, settings=LiveSettings.from_config(config))

    @property
    def lr(self) -> float:
        """The highest rate of the schedule as it takes effect."""
        return self.settings.schedule.lr * self._lr_factor

    @property
    def usual_lr(self) -> float:
        return USUAL_LR[self.config.optimizer.kind]

    @property
    def lr_too_high(self) -> bool:
        return self.lr > FAR * self.usual_lr

    @property
    def lr_too_low(self) -> bool:
        return self.lr * FAR < self.usual_lr

    @property
    def unclipped(self) -> bool:
        return self.settings.clip > 10 * USUAL_CLIP

    @property
    def _lr_factor(self) -> float:
        settings = self.settings
        return settings.lr_scale * batch_scale(settings.schedule, settings.batch * settings.accumulation)

    def describe_lr(self) -> str:
        lr, usual = self.lr, self.usual_lr
        if self.lr_too_high:
            how = f"{lr / usual:,.0f} times the usual {usual:g}"
        elif self.lr_too_low:
            how = f"{usual / lr:,.0f} times below the usual {usual:g}" if lr else "nothing is learned"
        else:
            how = f"not far from the usual {usual:g}"
        return f"{lr:g} is {how} for {self.config.optimizer.kind}" if lr else f"0: {how}"

    def with_lr(self, lr: float, title: str) -> Fix:
        """The schedule moved to a highest effective rate of `lr`, its floor kept below it."""
        peak = min(lr / (self._lr_factor or 1.0), HIGHEST_LR)
        changes: dict[str, Any] = {"schedule.lr": _rounded(peak)}
        if self.settings.schedule.min_lr > changes["schedule.lr"]:
            changes["schedule.min_lr"] = _rounded(peak / 10)
        return Fix(title=f"{title} {_rounded(lr):g}", changes=changes)


def advise(kind: Kind, now: Circumstances) -> Advice:
    return _ADVICE[kind](now)


def _rounded(value: float) -> float:
    """Three digits, as a person would type it."""
    return float(f"{value:.3g}")


def _lower_lr(now: Circumstances) -> list[Fix]:
    if now.lr_too_high:
        return [now.with_lr(now.usual_lr, "lower the learning rate to the usual")]
    return [now.with_lr(now.lr / 2, "halve the learning rate to")] if now.lr > 0 else []


def _raise_lr(now: Circumstances) -> list[Fix]:
    if now.lr_too_low:
        return [now.with_lr(now.usual_lr, "raise the learning rate to the usual")]
    return []


def _clip(now: Circumstances) -> list[Fix]:
    clip = USUAL_CLIP if now.settings.clip > USUAL_CLIP else now.settings.clip / 2
    return [Fix(title=f"clip gradients at {clip:g}", changes={"optimizer.clip": clip})]


def _warmup(now: Circumstances) -> list[Fix]:
    schedule, steps = now.settings.schedule, now.config.training.steps
    longer = min(max(4 * schedule.warmup_steps, 20), max(steps // 5, 1))
    if longer <= schedule.warmup_steps:
        return []
    return [Fix(title=f"warm up over {longer} steps", changes={"schedule.warmup_steps": longer})]


def _init(now: Circumstances) -> list[Fix]:
    if now.config.model.init_scale == USUAL_INIT:
        return []
    return [Fix(title="initialise with the usual scale", changes={"model.init_scale": USUAL_INIT})]


def _less_noise(now: Circumstances) -> Fix:
    more = min(2 * now.settings.accumulation, 65_536)
    return Fix(title=f"accumulate gradients over {more} batches", changes={"training.accumulation": more})


def _unstable(now: Circumstances) -> Advice:
    rate = (
        f"learning rate too high: {now.describe_lr()}" if now.lr_too_high else "learning rate too high for this point"
    )
    clipping = "gradients are not clipped" if now.unclipped else "one batch with an unusually large gradient"
    causes = [rate, clipping, "warm-up too short"]
    if now.unclipped and not now.lr_too_high:
        causes[:2] = clipping, rate
    if now.config.model.init_scale > 2 * USUAL_INIT:
        causes.insert(1, f"initial weights {now.config.model.init_scale:g} times the usual")
    return Advice(causes=causes, fixes=[*_lower_lr(now), *_clip(now), *_warmup(now), *_init(now)])


def _oscillating(now: Circumstances) -> Advice:
    causes = [f"learning rate too high: {now.describe_lr()}", "batch too small", "noisy gradients"]
    if not now.lr_too_high and now.settings.batch * now.settings.accumulation < 4:
        causes[:2] = "batch too small", "learning rate too high"
    return Advice(causes=causes, fixes=[*_lower_lr(now), _less_noise(now)])


def _stalled(now: Circumstances) -> Advice:
    if now.lr_too_high:
        causes = [f"learning rate too high, so that the loss only rattles: {now.describe_lr()}"]
        fixes = _lower_lr(now)
    elif now.lr_too_low:
        causes, fixes = [f"learning rate too low: {now.describe_lr()}"], _raise_lr(now)
    else:
        causes, fixes = [], [*_lower_lr(now), now.with_lr(2 * now.lr, "double the learning rate to")]
    causes += ["no gradient reaches the weights", "targets that cannot be predicted", "model too small for the task"]
    return Advice(causes=causes, fixes=[*fixes, *_init(now)])


def _crawling(now: Circumstances) -> Advice:
    causes = [f"learning rate too low: {now.describe_lr()}", "warm-up too long", "gradients clipped too hard"]
    fixes = _raise_lr(now) or [now.with_lr(3 * now.lr, "triple the learning rate to")]
    if now.settings.clip < USUAL_CLIP:
        fixes.append(Fix(title=f"clip gradients at {USUAL_CLIP:g}", changes={"optimizer.clip": USUAL_CLIP}))
    return Advice(causes=causes, fixes=fixes)


def _overfitted(now: Circumstances) -> Advice:
    causes = ["too little text for this model: it learns it by heart"]
    fixes: list[Fix] = []
    if now.settings.dropout < 0.2:
        causes.append("no dropout" if now.settings.dropout == 0 else "little dropout")
        fixes.append(Fix(title="drop out 20 %", changes={"model.dropout": 0.2}))
    if now.settings.weight_decay < 0.1:
        fixes.append(Fix(title="decay weights by 0.1", changes={"optimizer.weight_decay": 0.1}))
    layers = now.config.model.layers
    if layers > 1:
        fixes.append(Fix(title=f"use {layers // 2} of {layers} layers", changes={"model.layers": layers // 2}))
    return Advice(causes=[*causes, "trained for too long: the best checkpoint is the earlier one"], fixes=fixes)


def _vanished(now: Circumstances) -> Advice:
    causes = ["part of the model is cut off from the loss", "activations saturate"]
    scale = now.config.model.init_scale
    if scale < 0.5 * USUAL_INIT:
        causes.insert(0, f"initial weights {scale:g} times the usual")
    if now.lr_too_high:
        causes.insert(0, f"an earlier update was too large and left dead units: {now.describe_lr()}")
    fixes = _lower_lr(now) if now.lr_too_high else []
    return Advice(causes=causes, fixes=[*fixes, *_init(now)])


_ADVICE: dict[Kind, Callable[[Circumstances], Advice]] = {
    "nan": _unstable,
    "divergence": _unstable,
    "spike": _unstable,
    "exploding_gradients": _unstable,
    "oscillation": _oscillating,
    "stall": _stalled,
    "slow": _crawling,
    "overfitting": _overfitted,
    "vanishing_gradients": _vanished,
}
