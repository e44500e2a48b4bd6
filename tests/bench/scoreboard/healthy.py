"""Runs with nothing wrong: every warning or failure is a false alarm."""

from tinygpt_tui.engine.events import ChangeSettings

from .case import GRADIENTS_HIDDEN, MOMENTUM, ONLY_LOSS, SGD, Collection


def healthy(c: Collection) -> None:
    _schedules(c)
    _optimizers(c)
    _sizes(c)
    _logs(c)
    _changes(c)


def _schedules(c: Collection) -> None:
    c.healthy("three-phase")
    c.healthy("constant", {"schedule.kind": "constant"})
    c.healthy("cosine", {"schedule.kind": "cosine", "training.steps": 800})
    c.healthy("linear", {"schedule.kind": "linear"})
    c.healthy("step", {"schedule.kind": "step", "schedule.period": 150})
    hot = {"schedule.lr": 3e-3, "training.steps": 800}
    c.healthy("triangular", {"schedule.kind": "triangular", "schedule.period": 150, **hot})
    c.healthy("restarts", {"schedule.kind": "restarts", "schedule.period": 100, **hot})
    c.healthy("no-warmup", {"schedule.warmup_steps": 0})
    c.healthy("long-warmup", {"schedule.warmup_steps": 200, "schedule.min_lr": 1e-6})
    c.healthy("lr-2e-3", {"schedule.lr": 2e-3})
    c.healthy("lr-5e-4", {"schedule.lr": 5e-4})
    c.healthy("lr-3e-4", {"schedule.lr": 3e-4, "training.steps": 700})


def _optimizers(c: Collection) -> None:
    c.healthy("adam", {"optimizer.kind": "adam"})
    c.healthy("momentum", MOMENTUM)
    c.healthy("momentum-cosine", {**MOMENTUM, "schedule.kind": "cosine"})
    c.healthy("sgd", SGD)
    c.healthy("sgd-constant", {**SGD, "schedule.kind": "constant"})
    c.healthy("adam-linear", {"optimizer.kind": "adam", "schedule.kind": "linear"})
    c.healthy("weight-decay", {"optimizer.weight_decay": 0.3})
    c.healthy("no-clipping", {"optimizer.clip": float("inf")})
    c.healthy("clipped-hard", {"optimizer.clip": 0.1})
    c.healthy("beta2-0.95", {"optimizer.beta2": 0.95})
    c.healthy("no-bias-correction", {"optimizer.bias_correction": False})


def _sizes(c: Collection) -> None:
    c.healthy("batch-1", {"training.batch": 1, "training.steps": 700})
    c.healthy("batch-2", {"training.batch": 2, "training.steps": 700})
    c.healthy("batch-16", {"training.batch": 16, "training.steps": 300})
    c.healthy("accumulation", {"training.batch": 2, "training.accumulation": 4, "training.steps": 400})
    c.healthy("deep", {"model.layers": 4})
    c.healthy("wide", {"model.width": 128, "training.steps": 300})
    c.healthy("preset-size", {"model.width": 64, "model.context": 64})
    c.healthy("tiny", {"model.width": 16, "model.layers": 1})
    c.healthy("dropout", {"model.dropout": 0.2, "training.steps": 800})
    c.healthy("modern", {"model.norm": "rmsnorm", "model.positions": "rotary", "model.activation": "swiglu"})
    c.healthy("untied", {"model.embeddings": "untied"})
    c.healthy("short-context", {"model.context": 16, "training.batch": 8})
    c.healthy("long-context", {"model.context": 128, "training.batch": 2, "training.steps": 400})
    c.healthy("two-megabytes", {"data.max_bytes": 2_000_000})
    c.healthy("60-steps", {"training.steps": 60})
    c.healthy("150-steps", {"training.steps": 150})
    c.healthy("2500-steps", {"training.steps": 2500, "model.layers": 1})


def _logs(c: Collection) -> None:
    c.healthy("every-10", {"training.steps": 1000}, every=10)
    c.healthy("every-50", {"training.steps": 3000, "model.layers": 1}, every=50)
    c.healthy("every-25-plain", {"training.steps": 1200}, every=25, hidden=frozenset({"lr", "grad_norm"}))
    c.healthy("no-val-loss", hidden=frozenset({"val_loss"}))
    c.healthy("no-lr", hidden=frozenset({"lr"}))
    c.healthy("no-grad-norm", hidden=GRADIENTS_HIDDEN)
    c.healthy("only-loss", hidden=ONLY_LOSS)
    c.healthy("cosine-only-loss", {"schedule.kind": "cosine"}, hidden=ONLY_LOSS)
    c.healthy("evaluated-often", {"instruments.evaluate_every": 5, "instruments.evaluate_sequences": 4})
    c.healthy("evaluated-seldom", {"instruments.evaluate_every": 200, "training.steps": 1000})
    c.healthy("resumed", resumed=(300, 250))
    c.healthy("resumed-every-10", {"training.steps": 1000}, resumed=(470, 400), every=10)
    c.healthy("tail", logged_from=200)
    c.healthy("thousandths", unit=1e-3)


def _changes(c: Collection) -> None:
    c.healthy("lr-halved", changes={250: ChangeSettings(lr_times=0.5)})
    c.healthy("lr-doubled", changes={250: ChangeSettings(lr_times=2.0)})
    c.healthy("batch-to-1", changes={300: ChangeSettings(batch=1)})
    c.healthy("batch-to-16", changes={300: ChangeSettings(batch=16)})
    c.healthy("dropout-on", changes={300: ChangeSettings(dropout=0.2)})
    c.healthy("weight-decay-on", changes={300: ChangeSettings(weight_decay=0.3)})
    c.healthy("clipped-later", changes={200: ChangeSettings(clip=0.3)})
    c.healthy("to-cosine", changes={200: ChangeSettings(schedule={"kind": "cosine"})})
