"""Conditions of lessons: what they say, when they first hold, and how a mistake in one is told."""

import numpy as np
import pytest

from tinygpt_tui.engine.conditions import parse_condition
from tinygpt_tui.engine.measured import MeasuredRun, first_step
from tinygpt_tui.engine.toml_tables import ConfigError

STEPS = np.arange(1.0, 101.0)
RECORD = MeasuredRun(
    columns={"step": STEPS, "loss": 5.0 - STEPS / 50, "lr": np.minimum(STEPS, 100 - STEPS) / 1000},
    findings={"spike": 40},
)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("loss < 4", 51),
        ("mean loss < 4", 60),
        ("lr < 0.91 peak", 55),
        ("loss at end = 3 +- 0.01", 100),
        ("loss at 10 < 4", None),
        ("finding spike", 40),
        ("finding nan", None),
        ("step >= 70 and loss < 4", 70),
        ("min loss <= 0.9 start", 26),
        ("val_loss < 9", None),
        ("scatter loss at 40 = 0.02 +- 1e-6", 40),
    ],
)
def test_a_condition_holds_from_a_step_on(text: str, step: int | None) -> None:
    assert first_step(parse_condition(text), RECORD) == step


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("loss is low", "mean loss < 2.6"),
        ("los < 3", "there is no metric 'los'"),
        ("finding boredom", "there is no finding 'boredom'"),
        ("loss = 3", "needs a tolerance"),
        ("loss < 1e", "is no number"),
    ],
)
def test_a_mistake_in_a_condition_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_condition(text)
