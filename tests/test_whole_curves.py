"""What only a whole curve shows: a level of guessing, a model that does not move, a game that one side has won."""

import math
import random
from collections.abc import Mapping, Sequence

import pytest

from tinygpt_tui.engine.diagnostics.report import report_of
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.diagnostics.run_statistics import RunFacts

EPOCHS = RunFacts(rows_are_epochs=True)
GAME = RunFacts(is_adversarial=True, is_of_discriminator=True)
CRITIC = RunFacts(is_adversarial=True)


def kinds(facts: RunFacts | None = None, *, stride: int = 1, **columns: Sequence[float]) -> list[str]:
    """The alarms of a log with these columns; a NaN is a value that a row lacks."""
    rows = [
        Row(stride * place, {name: value for name, value in zip(columns, values, strict=True) if value == value})
        for place, values in enumerate(zip(*columns.values(), strict=True), start=1)
    ]
    return [finding.kind for finding in report_of(rows, facts).findings if finding.severity != "info"]


def noisy(levels: Sequence[float], noise: float, seed: int = 0) -> list[float]:
    generator = random.Random(seed)
    return [level + generator.gauss(0, noise) for level in levels]


FELL = [2.3, 2.25, 2.1, 1.9, 1.5, 1.1]
LOST = noisy([2.15] * 40, 0.02)


def test_a_loss_that_rests_far_above_its_best_has_diverged_however_high_it_was_in_between() -> None:
    assert kinds(EPOCHS, loss=[*FELL, 5.3, 4.5, 2.2, 2.0, 3.3, 4.6, 5.1, *LOST]) == ["divergence"]
    coming_back = [2.15 - 0.02 * place for place in range(40)]
    assert "divergence" not in kinds(EPOCHS, loss=[*FELL, 5.3, 4.5, 2.2, 2.0, 3.3, 4.6, 5.1, *coming_back])


def test_a_spike_that_counts_as_over_hides_no_loss_that_stays_lost() -> None:
    fell = noisy([2 * 0.96**row + 0.2 for row in range(60)], 0.02)
    assert kinds(loss=[*fell, 12.0, 11.0, *noisy([1.9] * 60, 0.15)], stride=8)[-1] == "divergence"
    assert kinds(loss=[*fell, 12.0, 11.0, *noisy([0.4] * 60, 0.02)], stride=8) == ["spike"]


@pytest.mark.parametrize(
    ("accuracy", "val_loss", "found"),
    [(0.1, 2.4, ["stall"]), (0.3, 2.4, []), (0.1, 1.9, [])],
)
def test_an_accuracy_of_guessing_beside_a_loss_of_guessing_or_more_is_a_stall(
    accuracy: float, val_loss: float, found: Sequence[str]
) -> None:
    losses = [8.3, 2.41, 2.45, 2.45, 2.38, 2.42, 2.38, 2.39, 2.45, 2.4]
    assert kinds(EPOCHS, loss=losses, accuracy=[accuracy] * 10, val_loss=noisy([val_loss] * 10, 0.03)) == found


FULL_BATCH = [
    1.44, 1.51, 4.09, 6.56, 5.23, 3.86, 2.97, 2.41, 2.04, 1.80, 1.65, 1.56, 1.66, 1.76, 2.55, 2.37, 2.72, 2.25,
    1.95, 1.75, 1.63, 1.54, 1.49, 1.44, 1.38, 1.31, 1.38, 2.02, 4.18, 3.18, 2.55, 2.14, 1.87, 1.70, 1.59, 1.52,
    1.46, 1.41, 1.38, 1.31, 1.42, 1.77, 2.40, 2.09, 1.84, 1.85, 2.52, 2.14, 1.87, 1.71, 1.60, 1.64, 1.78, 2.62,
    2.24, 1.95, 1.71, 1.53, 1.47, 1.78, 3.64, 3.36, 2.63, 2.14, 1.76, 1.92, 2.59, 2.20, 1.91, 1.72, 1.60, 1.51,
    1.43, 1.43, 2.16, 4.35, 4.03, 3.08, 2.48, 2.08, 1.82, 1.63, 1.46, 1.41,
]  # fmt: skip
"""Gradient descent on 300 samples at once with a rate somewhat above 2 over the curvature."""


def test_a_loss_that_climbs_back_to_its_beginning_again_and_again_oscillates() -> None:
    assert kinds(EPOCHS, loss=FULL_BATCH) == ["oscillation"]
    lower = [value * 0.99**place for place, value in enumerate(FULL_BATCH)]
    assert "oscillation" not in kinds(EPOCHS, loss=lower)


def test_evaluations_that_do_not_differ_are_those_of_one_model() -> None:
    losses = noisy([1.75] * 24, 0.06)
    gap = math.nan
    frozen = [1.7533 if place % 6 == 5 else gap for place in range(24)]
    moving = [1.7533 - 0.002 * place if place % 6 == 5 else gap for place in range(24)]
    assert kinds(loss=losses, val_loss=frozen, lr=[1e-3] * 24, stride=10) == ["stall"]
    assert kinds(loss=losses, val_loss=moving, lr=[1e-3] * 24, stride=10) == []
    falling = [2.5 - 0.05 * place for place in range(24)]
    repeated = [gap if place < 8 else 1.7533 for place in range(24)]
    assert kinds(loss=falling, val_loss=repeated, stride=10) == []


@pytest.mark.parametrize(("level", "found"), [(1.0, ["stall"]), (1.1, []), (0.9, [])])
def test_a_loss_of_1_throughout_is_the_variance_of_its_target(level: float, found: Sequence[str]) -> None:
    assert kinds(loss=noisy([level] * 60, 0.02), stride=20) == found
    assert kinds(loss=noisy([level * 0.99**row for row in range(60)], 0.02), stride=20) == []


@pytest.mark.parametrize(
    ("facts", "losses", "found"),
    [
        (GAME, [0.6, 0.1] + [0.001] * 38, ["stall"]),
        (GAME, [1.4, 1.2] + [0.6, 1.1] * 19, []),
        (GAME, [0.01, -0.3] * 20, []),
        (CRITIC, [0.6, 0.1] + [0.001] * 38, []),
    ],
)
def test_a_discriminator_that_tells_all_apart_has_ended_the_game(
    facts: RunFacts, losses: Sequence[float], found: Sequence[str]
) -> None:
    assert kinds(facts, loss=losses, stride=20) == found


def test_a_gan_that_is_lost_and_values_that_ran_away_have_causes_and_titles_of_their_own() -> None:
    (won,) = report_of([Row(20 * row, {"loss": 0.001}) for row in range(40)], GAME).findings
    assert won.title == "The discriminator has won"
    assert won.causes[0].startswith("the discriminator learns faster")
    losses, rewards, _ = AGENTS["values run away"]
    rows = [Row(place, {"loss": x, "reward": y}) for place, (x, y) in enumerate(zip(losses, rewards, strict=True))]
    assert report_of(rows).findings[0].causes[0].startswith("values learned from their own estimates ran away")


@pytest.mark.parametrize(
    ("entropies", "rewards", "found"),
    [
        ([0.693] * 24, noisy([22.0] * 24, 2.0), ["stall"]),
        ([0.693] * 24, noisy([22.0 + 4 * row for row in range(24)], 2.0), []),
        ([0.693 - 0.01 * row for row in range(24)], noisy([22.0] * 24, 2.0), []),
        ([0.0] * 24, noisy([9.7] * 24, 0.1), []),
    ],
)
def test_a_policy_as_random_as_at_the_start_that_earns_no_more_has_not_learned(
    entropies: Sequence[float], rewards: Sequence[float], found: Sequence[str]
) -> None:
    assert kinds(loss=noisy([30.0] * 24, 5.0), reward=rewards, entropy=entropies, stride=512) == found


AGENTS: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[str]]] = {
    "values run away": ([1.0, 3.0, 200.0, 9e6, 7e8, 4e8, 2e7, 1e7], [20.0, 18, 16, 12, 10, 10, 20, 30], ["divergence"]),
    "rewards rise": ([0.3, 0.9, 2.0, 5.0, 9.0, 20.0, 30.0, 30.0], [10.0, 20, 30, 50, 80, 120, 160, 200], []),
    "rewards are sparse": ([1e-7, 1e-6, 1e-3, 0.1, 0.5, 0.3, 0.2, 0.2], [0.0, 0, 0, 0.1, 0.4, 0.7, 0.9, 1], []),
    "rewards are large": (
        [1e5, 4e5, 9e5, 5e5, 2e5, 1e5, 9e4, 9e4],
        [-1500.0, -1400, -1200, -900, -600, -300, -200, -150],
        [],
    ),
}


@pytest.mark.parametrize("name", AGENTS)
def test_an_agents_loss_that_no_difference_of_its_rewards_explains_has_diverged(name: str) -> None:
    losses, rewards, found = AGENTS[name]
    assert kinds(loss=losses, reward=rewards, stride=1000) == found


def test_a_val_loss_that_rises_in_its_noise_overfits_where_its_last_stretch_lies_above_its_lowest() -> None:
    falling = [0.18 * 0.975**epoch for epoch in range(30)]
    noise = noisy([0.0] * 30, 0.012, seed=3)
    rising = [0.2 - 0.03 * min(epoch / 6, 1) + 0.0022 * max(epoch - 6, 0) for epoch in range(30)]
    val = [level + each for level, each in zip(rising, noise, strict=True)]
    val[8] = 0.13  # by luck
    assert kinds(EPOCHS, loss=falling, val_loss=val) == ["overfitting"]
    assert kinds(EPOCHS, loss=[0.18] * 3 + noisy([0.15] * 27, 0.002), val_loss=val) == []
    flat = [0.17 + each for each in noise]
    assert kinds(EPOCHS, loss=falling, val_loss=flat) == []


def test_both_losses_far_above_the_best_evaluation_have_strayed_however_high_the_first_loss_was() -> None:
    loss = [0.83, 0.16, 0.12, 0.2, 0.3, 0.32, 0.3, 0.3, 0.28, 0.27, 0.18, 0.18]
    val = [math.nan, math.nan, 0.22, math.nan, 0.42, math.nan, 0.42, math.nan, 0.41, math.nan, 0.44, 0.40]
    assert kinds(stride=125, loss=loss, val_loss=val) == ["divergence"]
    assert kinds(stride=125, loss=loss, val_loss=[*val[:-1], 0.25]) == []
    assert kinds(stride=125, loss=[*loss[:3], *[0.11] * 9], val_loss=val) != ["divergence"]


def test_a_model_whose_val_accuracy_never_changes_gives_one_answer() -> None:
    loss = noisy([0.64, 0.6, *[0.57] * 18], 0.004)
    val = noisy([0.5, 0.48, *[0.45] * 18], 0.003)
    training = noisy([0.45] * 20, 0.006)
    assert kinds(loss=loss, val_loss=val, accuracy=training, val_accuracy=[0.72414] * 20) == ["stall"]
    assert kinds(loss=loss, val_loss=val, accuracy=training, val_accuracy=[0.72414] * 19 + [0.73]) == []
    assert kinds(loss=loss, val_loss=val, accuracy=[0.95] * 20, val_accuracy=[0.72414] * 20) == []


def test_a_rise_no_higher_than_the_climbs_before_the_best_evaluation_is_noise() -> None:
    loss = [0.2 + 1.5 * 0.9**epoch for epoch in range(16)]
    val = [1.5, 1.2, 1.0, 1.1, 0.8, 0.9, 0.63, 0.78, 0.6, 0.74, 0.78, 0.53, 0.57, 0.6, 0.62, 0.66]
    assert kinds(EPOCHS, loss=loss, val_loss=val) == []
    assert kinds(EPOCHS, loss=loss, val_loss=[*val[:-1], 0.75]) == ["overfitting"]


def test_a_loss_that_was_never_below_its_first_epoch_and_still_rises_does_not_learn() -> None:
    loss = [10.38, 10.47, 10.63, 10.58, 10.62, 10.68, 10.75, 10.82, 10.89, 10.94]
    assert kinds(EPOCHS, loss=loss) == ["stall"]
    assert kinds(EPOCHS, loss=[*loss[:2], 10.3, *loss[3:]]) == []
    assert kinds(EPOCHS, loss=[*loss[:-1], 10.88]) == []
    assert kinds(loss=loss, stride=100) == []
