"""Rows as the tables that notebooks and agents print."""

from random import Random

from .trained_run import TrainedRun


def fastai(run: TrainedRun, draw: Random) -> str:
    """The table of a fastai Learner, columns aligned by spaces."""
    words = {"loss": "train_loss", "val_loss": "valid_loss", "val_acc": "accuracy"}
    words = {name: word for name, word in words.items() if name in run.rows[0]}
    lines = ["epoch     " + "".join(f"{word:<12}" for word in words.values()) + "time"]
    for row in run.rows:
        cells = "".join(f"{row[name]:<12.6f}" for name in words)
        lines.append(f"{int(row['epoch']) - 1:<10}{cells}00:{draw.randint(10, 14)}")
    return "\n".join(lines) + "\n"


def notebook_table(run: TrainedRun, draw: Random) -> str:
    """The Trainer's table in a notebook, with tabs: by step, or by epoch; rows without an evaluation are left out where
    there are evaluations."""
    place, heading = ("epoch", "Epoch") if run.by_epoch else ("step", "Step")
    rows = [row for row in run.rows if "val_loss" in row] or run.rows
    words = {"loss": "Training Loss", "val_loss": "Validation Loss", "val_acc": "Accuracy"}
    words = {name: word for name, word in words.items() if name in rows[0]}
    lines = ["\t".join([heading, *words.values()])]
    lines += ["\t".join([str(row[place]), *(f"{row[name]:.6f}" for name in words)]) for row in rows]
    return "\n".join(lines) + "\n"


def baselines_blocks(run: TrainedRun, draw: Random) -> str:
    """The blocks of Stable-Baselines3: a section a heading, a metric a line."""
    blocks = []
    for number, row in enumerate(run.rows, start=1):
        sections = {
            "rollout/": {"ep_len_mean": row["reward"], "ep_rew_mean": row["reward"]},
            "time/": {"fps": 1200 + draw.randint(0, 50), "iterations": number, "total_timesteps": row["step"]},
            "train/": {
                "entropy_loss": -row["entropy"],
                "learning_rate": row["lr"],
                "loss": row["loss"],
                "policy_gradient_loss": row["policy_loss"],
                "value_loss": row["value_loss"],
            },
        }
        lines = []
        for heading, metrics in sections.items():
            lines.append(f"| {heading:<24}|{'':14}|")
            lines += [f"|    {name:<21}| {_cell(value):<13}|" for name, value in metrics.items()]
        rule = "-" * len(lines[0])
        blocks.append("\n".join([rule, *lines, rule]))
    return "\n".join(blocks) + "\n"


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"
