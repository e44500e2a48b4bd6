"""Rows as lines that people see in a terminal: one line, or a few, for each row."""

import math
from datetime import datetime, timedelta
from random import Random

from .dialects import parted, renamed
from .trained_run import LogRow, TrainedRun

_BEGIN = datetime(2024, 3, 11, 9, 0, 0)


def _time(number: int) -> datetime:
    return _BEGIN + timedelta(seconds=3 * number)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.5g}"


def trainer_lines(run: TrainedRun, draw: Random) -> str:
    """What the Hugging Face Trainer prints: a dict for each logging and each evaluation, no step."""
    last, lines = run.last["step"], []
    with_bars = draw.random() < 0.4
    for row in run.rows:
        epoch = round(row.get("epoch", row["step"] / last), 2)
        if with_bars:
            lines.append(
                f"{row['step'] / last:4.0%}|{'█' * int(9 * row['step'] / last):<10}| {row['step']}/{last} [00:07<00:11]"
            )
        for part in parted(row):
            if part:
                values = {
                    name: round(v, 4) if "loss" in name else v for name, v in renamed(part, "hugging_face").items()
                }
                lines.append(str({**values, "epoch": epoch}))
    return "\n".join(lines) + "\n"


def key_values(run: TrainedRun, draw: Random) -> str:
    """Lines of Python's logging: a time, a module, and key=value."""
    dialect, lines = draw.choice(("plain", "test")), []
    for number, row in enumerate(run.rows):
        place = {"epoch": row["epoch"]} if run.by_epoch else {"step": row["step"]}
        for part in parted(row):
            if part:
                pairs = renamed({**place, **part}, dialect).items()
                text = " ".join(f"{name}={_number(value)}" for name, value in pairs)
                lines.append(f"{_time(number):%Y-%m-%d %H:%M:%S},{number % 1000:03d} INFO train.py:131] {text}")
    return "\n".join(lines) + "\n"


def megatron(run: TrainedRun, draw: Random) -> str:
    """Megatron-LM's lines, and its own for a validation."""
    last, lines = run.last["step"], ["training ..."]
    for number, row in enumerate(run.rows):
        loss = f" lm loss: {row['loss']:.6E} |" if math.isfinite(row["loss"]) else ""
        lines.append(
            f" [{_time(number):%Y-%m-%d %H:%M:%S}] iteration {row['step']:8d}/{last:8d} |"
            f" consumed samples: {16 * row['step']:12d} |"
            f" elapsed time per iteration (ms): {300 + draw.random():.1f} | learning rate: {row.get('lr', 1e-4):.6E} |"
            f" global batch size:    16 |{loss} loss scale: {row.get('loss_scale', 1.0):.1f} |"
            f" grad norm: {row.get('grad_norm', 1.0):.3f} | number of skipped iterations: {row.get('skipped', 0):3d} |"
            f" number of nan iterations: {int(not loss):3d} |"
        )
        if "val_loss" in row:
            value = row["val_loss"]
            text = f" validation loss at iteration {row['step']} | lm loss value: {value:.6E} |"
            text += f" lm loss PPL: {_perplexity(value)} | "
            lines += ["-" * len(text), text, "-" * len(text)]
    return "\n".join(lines) + "\n"


def _perplexity(loss: float) -> str:
    return f"{math.exp(min(loss, 100)):.6E}"


def keras(run: TrainedRun, draw: Random) -> str:
    """The bars of Keras, in the older or the newer drawing."""
    older, lines = draw.random() < 0.5, []
    bar = "[==============================]" if older else "━━━━━━━━━━━━━━━━━━━━"
    for row in run.rows:
        values = {name: value for part in parted(row) for name, value in renamed(part, "keras").items()}
        lines.append(f"Epoch {row['epoch']}/{run.last['epoch']}")
        text = " - ".join(f"{name}: {_keras_number(value)}" for name, value in values.items())
        lines.append(f"125/125 {bar} {'- ' if older else ''}1s 3ms/step - {text}")
    return "\n".join(lines) + "\n"


def _keras_number(value: float) -> str:
    return f"{value:.4f}" if 1e-3 < abs(value) < 1e4 or not value else f"{value:.4e}"


def epoch_prints(run: TrainedRun, draw: Random) -> str:
    """What people print themselves at the end of an epoch."""
    write = draw.choice((_brackets, _slash, _bars))
    return "\n".join(write(row, run.last["epoch"]) for row in run.rows) + "\n"


def _brackets(row: LogRow, last: float) -> str:
    words = {"loss": "Train Loss", "acc": "Train Acc", "val_loss": "Val Loss", "val_acc": "Val Acc"}
    return f"Epoch [{row['epoch']}/{last}] " + ", ".join(_parts(row, words, ": "))


def _slash(row: LogRow, last: float) -> str:
    words = {"loss": "train loss", "val_loss": "val loss"}
    score = row.get("val_acc", row.get("acc"))
    text = ", ".join(_parts(row, words, " "))
    return f"Epoch {row['epoch']}/{last}: {text}" + (f", acc {score:.1%}" if score is not None else "")


def _bars(row: LogRow, last: float) -> str:
    words = {
        "loss": "Train Loss",
        "acc": "Train Accuracy",
        "val_loss": "Valid Loss",
        "val_acc": "Valid Accuracy",
        "lr": "LR",
    }
    return f"Epoch {row['epoch']:03d} | " + " | ".join(_parts(row, words, ": "))


def _parts(row: LogRow, words: dict[str, str], between: str) -> list[str]:
    return [f"{word}{between}{_keras_number(row[name])}" for name, word in words.items() if name in row]


def step_prints(run: TrainedRun, draw: Random) -> str:
    """What people print themselves every few steps."""
    last, lines = run.last["step"], []
    write = draw.choice(("iter {step}: loss {loss}", "Step {step}/{last}, Loss: {loss}", "step {step} | loss {loss}"))
    for row in run.rows:
        text = write.format(step=row["step"], last=last, loss=_keras_number(row["loss"]))
        text += f", lr {row['lr']:.3e}" if "lr" in row else ""
        text += f", grad_norm {row['grad_norm']:.3f}" if "grad_norm" in row else ""
        text += f", val loss {_keras_number(row['val_loss'])}" if "val_loss" in row else ""
        lines.append(text)
    return "\n".join(lines) + "\n"


def fairseq(run: TrainedRun, draw: Random) -> str:
    """fairseq's lines: train_inner within an epoch, valid at its end."""
    lines = []
    for number, row in enumerate(run.rows):
        epoch, (training, validation) = int(row.get("epoch", 1)) or 1, parted(row)
        stamp = f"{_time(number):%Y-%m-%d %H:%M:%S} | INFO |"
        pairs = {**training, "lr": row.get("lr", 1e-4), "num_updates": row["step"]}
        names = {"grad_norm": "gnorm"}
        if run.by_epoch:
            text = " | ".join(f"{names.get(name, name)} {_number(value)}" for name, value in pairs.items())
            lines.append(f"{stamp} train | epoch {epoch:03d} | {text}")
        else:
            text = ", ".join(f"{names.get(name, name)}={_number(value)}" for name, value in pairs.items())
            lines.append(f"{stamp} train_inner | epoch {epoch:03d}: {row['step']:6d} / {run.last['step']} {text}")
        if validation:
            text = " | ".join(f"{name.removeprefix('val_')} {_number(value)}" for name, value in validation.items())
            lines.append(
                f"{stamp} valid | epoch {epoch:03d} | valid on 'valid' subset | {text} | num_updates {row['step']}"
            )
    return "\n".join(lines) + "\n"


def espnet(run: TrainedRun, draw: Random) -> str:
    """ESPnet's summary of an epoch: [train] and [valid] in one line."""
    lines = []
    for number, row in enumerate(run.rows):
        training, validation = parted(row)
        text = ", ".join(f"{name}={_number(value)}" for name, value in {**training, "total_count": row["step"]}.items())
        stamp = f"[host] {_time(number):%Y-%m-%d %H:%M:%S},120 (trainer:338) INFO:"
        line = f"{stamp} {row['epoch']}epoch results: [train] {text}"
        if validation:
            text = ", ".join(f"{name.removeprefix('val_')}={_number(value)}" for name, value in validation.items())
            line += f", time=41.2 seconds, [valid] {text}, time=2.1 seconds"
        lines.append(line)
    return "\n".join(lines) + "\n"
