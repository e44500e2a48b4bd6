"""Runs with one fault built in, by the kind that it was built in as."""

from collections.abc import Mapping
from typing import Any

from tinygpt_tui.engine.events import ChangeSettings

from .case import GRADIENTS_HIDDEN, MOMENTUM, ONLY_LOSS, SGD, Collection, Kinds


def faulty(c: Collection) -> None:
    for add in (
        _lr_too_high, _rattling, _oscillating, _climbing, _stalled, _slow, _overfitting, _spikes, _not_a_number,
        _gradients,
    ):  # fmt: skip
        add(c)


ANY_OF_TOO_HIGH: Kinds = frozenset({"divergence", "oscillation", "stall", "spike", "exploding_gradients", "nan"})
"""Which of these an lr that is too high leads to depends on the seed; each is right."""


def _lr_too_high(c: Collection) -> None:
    """The loss leaves for good, or is thrown far off."""

    def add(name: str, settings: Mapping[str, Any], **how: Any) -> None:
        may: Kinds = frozenset({"vanishing_gradients"})
        c.faulty(name, "divergence", settings, must=ANY_OF_TOO_HIGH, may=may, **how)

    add("lr-1", {"schedule.lr": 1.0})
    add("lr-1-every-10", {"schedule.lr": 1.0, "training.steps": 1000}, every=10)
    add("lr-1-only-loss", {"schedule.lr": 1.0, "schedule.kind": "cosine"}, hidden=ONLY_LOSS)
    no_clipping = {"optimizer.clip": float("inf"), "training.steps": 200}
    add("lr-5-momentum", {**no_clipping, "optimizer.kind": "momentum", "schedule.lr": 5.0})
    for lr in (4.0, 6.0, 30.0):
        add(f"lr-{lr:g}-sgd", {**no_clipping, "optimizer.kind": "sgd", "schedule.lr": lr})
    for step in (150, 400):
        for times in (100.0, 1000.0):
            jump = {"fault.lr_jump_from": step, "fault.lr_jump": times}
            add(f"lr-jump-{step}-by-{times:g}", jump, onset=step)
    add("lr-jump-live", {}, changes={300: ChangeSettings(lr_times=300.0)}, onset=301)


def _rattling(c: Collection) -> None:
    """The lr is so high that only the frequency of each byte is learned."""

    def add(name: str, settings: Mapping[str, Any], **how: Any) -> None:
        may: Kinds = frozenset({"slow", "vanishing_gradients"})
        c.faulty(name, "stall", settings, must=ANY_OF_TOO_HIGH, may=may, **how)

    add("lr-0.1", {"schedule.lr": 0.1})
    add("lr-0.3", {"schedule.lr": 0.3})
    add("lr-0.1-constant", {"schedule.lr": 0.1, "schedule.kind": "constant"})
    add("lr-0.3-cosine", {"schedule.lr": 0.3, "schedule.kind": "cosine"})
    add("lr-0.3-adam", {"schedule.lr": 0.3, "optimizer.kind": "adam"})
    add("lr-0.1-only-loss", {"schedule.lr": 0.1}, hidden=ONLY_LOSS)
    add("lr-0.1-every-10", {"schedule.lr": 0.1, "training.steps": 1000}, every=10)
    add("lr-0.1-deep", {"schedule.lr": 0.1, "model.layers": 4, "schedule.warmup_steps": 0})
    add("lr-0.05-batch-1", {"schedule.lr": 0.05, "training.batch": 1, "schedule.kind": "constant"})


def _oscillating(c: Collection) -> None:
    """Clipped steps that are still too long: the loss is thrown up again and again, and never off for good."""

    def add(name: str, settings: Mapping[str, Any], **how: Any) -> None:
        hot = {"schedule.kind": "constant", "optimizer.kind": "sgd", "training.batch": 16, "training.steps": 300}
        c.faulty(name, "oscillation", {**hot, **settings}, must=ANY_OF_TOO_HIGH, **how)

    add("swings-sgd-3", {"schedule.lr": 3.0})
    add("swings-sgd-6", {"schedule.lr": 6.0, "training.batch": 4, "training.steps": 600})
    add("swings-sgd-3-only-loss", {"schedule.lr": 3.0, "training.batch": 4}, hidden=ONLY_LOSS)
    add("swings-sgd-4-every-10", {"schedule.lr": 4.0, "training.batch": 8, "training.steps": 600}, every=10)


def _climbing(c: Collection) -> None:
    def add(step: int, suffix: str = "", **how: Any) -> None:
        settings = {"fault.flipped_from": step, "training.steps": max(2 * step, 600)}
        must: Kinds = frozenset({"divergence", "nan"})
        overfitting: Kinds = frozenset({"overfitting"})
        c.faulty(
            f"flipped-{step}{suffix}",
            "divergence",
            settings,
            must=must,
            may=ANY_OF_TOO_HIGH | overfitting,
            onset=step,
            **how,
        )

    add(1)
    add(300)
    add(300, "-only-loss", hidden=ONLY_LOSS)
    add(600, "-every-10", every=10)


def _stalled(c: Collection) -> None:
    must: Kinds = frozenset({"stall", "slow", "vanishing_gradients"})

    def add(name: str, settings: Mapping[str, Any], onset: int = 1, **how: Any) -> None:
        c.faulty(name, "stall", settings, must=must, onset=onset, **how)

    add("frozen-1", {"fault.frozen_from": 1})
    add("frozen-30", {"fault.frozen_from": 30, "training.steps": 700}, 30)
    add("frozen-60", {"fault.frozen_from": 60}, 60)
    add("frozen-1-no-val-loss", {"fault.frozen_from": 1}, hidden=frozenset({"val_loss"}))
    add("frozen-1-only-loss", {"fault.frozen_from": 1}, hidden=ONLY_LOSS)
    add("frozen-60-no-grad-norm", {"fault.frozen_from": 60}, 60, hidden=GRADIENTS_HIDDEN)
    add("frozen-1-every-10", {"fault.frozen_from": 1, "training.steps": 1000}, every=10)
    add("lr-0", {"schedule.lr": 0.0, "schedule.min_lr": 0.0})
    add("lr-1e-8", {"schedule.lr": 1e-8, "schedule.min_lr": 1e-9})
    add("lr-1e-7", {"schedule.lr": 1e-7, "schedule.min_lr": 1e-8, "training.steps": 800})
    add("random-targets", {"fault.random_targets": 1.0})
    add("random-targets-only-loss", {"fault.random_targets": 1.0}, hidden=ONLY_LOSS)
    add("shuffled-targets", {"fault.shuffled_targets": True}, 60)


def _slow(c: Collection) -> None:
    def add(name: str, settings: Mapping[str, Any], **how: Any) -> None:
        low = {"schedule.min_lr": settings["schedule.lr"] / 10, "training.steps": 800}
        c.faulty(name, "slow", low | dict(settings), must=frozenset({"slow", "stall"}), **how)

    for lr in (1e-6, 3e-6, 1e-5):
        add(f"slow-{lr:g}", {"schedule.lr": lr})
    add("slow-constant", {"schedule.lr": 3e-6, "schedule.kind": "constant"})
    add("slow-sgd", {"optimizer.kind": "sgd", "schedule.lr": 2e-3})
    add("slow-every-10", {"schedule.lr": 1e-6, "training.steps": 1500}, every=10)
    add("slow-only-loss", {"schedule.lr": 3e-6}, hidden=ONLY_LOSS)


def _overfitting(c: Collection) -> None:
    def add(name: str, kilobytes: int, settings: Mapping[str, Any], **how: Any) -> None:
        small = {"data.max_bytes": kilobytes * 1000, "data.validation_share": 0.3, "model.width": 64}
        fast = {"schedule.lr": 3e-3, "training.batch": 8}
        c.faulty(name, "overfitting", {**small, **fast, **settings}, onset="lowest val_loss", **how)

    add("overfit-2k", 2, {})
    add("overfit-4k", 4, {"training.steps": 700})
    free = {"optimizer.kind": "adam", "optimizer.weight_decay": 0.0, "schedule.kind": "cosine"}
    add("overfit-2k-adam-cosine", 2, free)
    add("overfit-3k-every-20", 3, {"training.steps": 800, "instruments.evaluate_every": 40}, every=20)
    add("overfit-3k-no-lr", 3, {}, hidden=frozenset({"lr", "grad_norm"}))


def _spikes(c: Collection) -> None:
    may: Kinds = frozenset({"exploding_gradients"})

    def add(name: str, settings: Mapping[str, Any], step: int, **how: Any) -> None:
        c.faulty(name, "spike", settings, may=may, onset=step, **how)

    def leap(step: int) -> dict[int, ChangeSettings]:
        """One step at a much higher lr throws the weights off; the next has the usual lr again."""
        return {step: ChangeSettings(lr_times=300.0), step + 1: ChangeSettings(lr_times=1 / 300.0)}

    add("leap-300", {}, 301, changes=leap(300))
    add("leap-300-only-loss", {}, 301, changes=leap(300), hidden=ONLY_LOSS)
    add("leaps-200-450", {"training.steps": 700}, 201, changes=leap(200) | leap(450))
    bad = {"fault.bad_batch_step": 300, "fault.bad_batch_weight": 20.0, "optimizer.clip": float("inf")}
    add("bad-batch-adamw", {**bad, "fault.bad_batch_weight": 1000.0, "optimizer.beta2": 0.95, "schedule.lr": 2e-3}, 300)
    add("bad-batch-momentum", {**MOMENTUM, **bad}, 300)
    add(
        "bad-batch-momentum-cosine", {**MOMENTUM, **bad, "schedule.kind": "cosine"}, 300, hidden=frozenset({"val_loss"})
    )
    add("bad-batch-momentum-only-loss", {**MOMENTUM, **bad}, 300, hidden=ONLY_LOSS)
    add("bad-batch-momentum-every-10", {**MOMENTUM, **bad}, 300, every=10)
    add("bad-batch-sgd", {**SGD, **bad, "fault.bad_batch": "targets", "fault.bad_batch_weight": 40.0}, 300)


def _not_a_number(c: Collection) -> None:
    may: Kinds = frozenset({"divergence", "spike", "exploding_gradients"})

    def add(step: int, suffix: str = "", **how: Any) -> None:
        c.faulty(f"nan-{step}{suffix}", "nan", {"fault.nan_step": step}, may=may, onset=step, **how)

    add(5)
    add(90)
    add(220)
    add(220, "-only-loss", hidden=ONLY_LOSS)
    add(300, "-every-10", every=10)
    overflow = {"fault.unstable_softmax": True, "model.init_scale": 200.0}
    c.faulty("softmax-overflow", "nan", overflow, may=may, onset=1)


def _gradients(c: Collection) -> None:
    vanished: Kinds = frozenset({"stall", "slow"})
    tiny = {"fault.gradients_scaled_from": 1, "fault.gradients_scale": 1e-8}
    momentum = {"optimizer.kind": "momentum", "schedule.lr": 0.1, "schedule.min_lr": 0.01}
    c.faulty("vanished-sgd", "vanishing_gradients", {**SGD, **tiny}, may=vanished, onset=1)
    c.faulty("vanished-deep", "vanishing_gradients", {**momentum, **tiny, "model.layers": 4}, may=vanished, onset=1)
    c.faulty("vanished-every-10", "vanishing_gradients", {**SGD, **tiny}, may=vanished, onset=1, every=10)
    later = {**SGD, **tiny, "fault.gradients_scaled_from": 100}
    must: Kinds = frozenset({"vanishing_gradients", "stall"})
    c.faulty("vanished-100", "vanishing_gradients", later, must=must, may=vanished, onset=100)
    lost = ANY_OF_TOO_HIGH - {"stall"}
    hot = {"optimizer.clip": float("inf"), "schedule.warmup_steps": 30}
    sgd = {**hot, "optimizer.kind": "sgd", "schedule.lr": 3.0, "training.steps": 60}
    c.faulty("exploding-sgd", "exploding_gradients", sgd, may=lost)
    fast = {**hot, "optimizer.kind": "momentum", "schedule.lr": 1.0, "schedule.min_lr": 0.02, "training.steps": 80}
    c.faulty("exploding-momentum", "exploding_gradients", fast, may=lost)
    scaled = {**SGD, "optimizer.clip": float("inf"), "fault.gradients_scaled_from": 200, "fault.gradients_scale": 1e3}
    c.faulty("exploding-200", "exploding_gradients", scaled, may=lost, onset=200)
