"""A complete log of few rows gets the verdict that a careful person would give, and a healthy one gets none."""

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.diagnostics.report import Finding, Reporter, report_of
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.diagnostics.run_statistics import RunFacts
from tinygpt_tui.tui.cli.diagnose import diagnose_log

few = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**32)
EPOCHS = RunFacts(rows_are_epochs=True)


def alarms(rows: Sequence[Row], facts: RunFacts | None = None) -> list[Finding]:
    return [finding for finding in report_of(rows, facts).findings if finding.severity != "info"]


def kinds(rows: Sequence[Row], facts: RunFacts | None = None) -> list[str]:
    return [finding.kind for finding in alarms(rows, facts)]


def printed_kinds(log: Path) -> list[str]:
    (run,) = diagnose_log(str(log), log.parent, {}).runs.values()
    return [found.kind for found in run.report.findings if found.severity != "info"]


def epochs(**columns: Sequence[float]) -> list[Row]:
    names = list(columns)
    return [
        Row(epoch, dict(zip(names, values, strict=True)))
        for epoch, values in enumerate(zip(*columns.values(), strict=True), start=1)
    ]


TUTORIAL: Mapping[str, tuple[str, list[str]]] = {
    "problem 1": ("Step 1:   Loss: 5.4727\nStep 2:   Loss: 5.5123\nStep 3:   Loss: NaN\n", ["nan"]),
    "problem 2": (
        "Step 1:    Loss: 5.4727\nStep 100:  Loss: 5.4689\nStep 200:  Loss: 5.4701\nStep 300:  Loss: 5.4673\n",
        ["stall"],
    ),
    "problem 3": (
        "Training Loss:   2.5 (still decreasing)\nValidation Loss: 3.8 (increasing!)\n",
        ["overfitting"],
    ),
    "problem 4": (
        "Step 100: Loss: 4.2\nStep 101: Loss: 3.8\nStep 102: Loss: 4.5\nStep 103: Loss: 3.9\nStep 104: Loss: 4.3\n",
        ["oscillation"],
    ),
    "exercise 1": (
        "Step 1:   Loss: 5.472\nStep 50:  Loss: 5.801\nStep 100: Loss: 5.234\nStep 200: Loss: 4.567\n"
        "Step 300: Loss: 4.123\nStep 400: Loss: 3.889\nStep 500: Loss: 3.756\nStep 600: Loss: 3.689\n"
        "Step 700: Loss: 3.645\nStep 800: Loss: 3.621\nStep 900: Loss: 3.609\n",
        [],
    ),
}


@pytest.mark.parametrize("name", TUTORIAL)
def test_the_tutorials_own_snippets_are_recognised(name: str, tmp_path: Path) -> None:
    text, expected = TUTORIAL[name]
    (tmp_path / "log.txt").write_text(text)

    (run,) = diagnose_log(str(tmp_path / "log.txt"), tmp_path, {}).runs.values()

    assert [finding.kind for finding in run.report.findings if finding.severity != "info"] == expected


@few
@given(seeds, st.integers(4, 30), st.sampled_from([0.3, 1.0, 2.0, 100.0]))
def test_epochs_that_go_well_have_no_alarm(seed: int, rows: int, unit: float) -> None:
    chance = random.Random(seed)
    curve = [unit * (0.3 + 2.0 * (epoch + 1) ** -1.2) * (1 + chance.gauss(0, 0.01)) for epoch in range(rows)]
    val = [loss * 1.1 * (1 + chance.gauss(0, 0.01)) for loss in curve]

    assert kinds(epochs(loss=curve, val_loss=val), EPOCHS) == []


@few
@given(seeds, st.integers(5, 30), st.sampled_from([2, 10, 100, 1000]))
def test_epochs_at_the_level_of_guessing_are_a_stall(seed: int, rows: int, classes: int) -> None:
    chance = random.Random(seed)
    losses = [math.log(classes) * (1 + chance.gauss(0, 0.002)) for _ in range(rows)]

    assert kinds(epochs(loss=losses, accuracy=[1 / classes] * rows), EPOCHS) == ["stall"]


@few
@given(seeds, st.integers(3, 80))
def test_a_loss_of_exactly_0_from_the_first_row_on_is_a_stall_by_masked_labels(seed: int, rows: int) -> None:
    (finding,) = alarms(epochs(loss=[0.0] * rows))

    assert finding.kind == "stall"
    assert "masked" in finding.causes[0]
    assert not any("learning rate" in cause for cause in finding.causes[:2])


@few
@given(st.floats(1.2, 3.0), st.integers(5, 12), st.sampled_from([0.01, 1.0, 50.0]))
def test_a_loss_that_rises_in_every_epoch_has_diverged(growth: float, rows: int, unit: float) -> None:
    assert kinds(epochs(loss=[unit * growth**epoch for epoch in range(rows)]), EPOCHS) == ["divergence"]


@few
@given(seeds, st.integers(3, 8))
def test_a_validation_loss_that_rises_in_every_epoch_is_overfitting(seed: int, rising: int) -> None:
    train = [0.8**epoch for epoch in range(4 + rising)]
    val = [0.9, 0.8, 0.7, 0.65, *(0.65 + 0.1 * (epoch + 1) for epoch in range(rising))]

    assert kinds(epochs(loss=train, val_loss=val), EPOCHS) == ["overfitting"]


def test_a_gap_in_the_only_row_is_overfitting_where_nothing_else_explains_it() -> None:
    counted = RunFacts(rows_are_counted=True)
    assert kinds([Row(1, {"loss": 0.4, "val_loss": 0.7})], counted) == ["overfitting"]
    assert kinds([Row(1, {"loss": 0.4, "val_loss": 4.0, "lr": 1e-4})], counted) == []
    assert kinds([Row(2, {"loss": 0.4, "val_loss": 4.0})]) == []
    assert kinds([Row(2, {"loss": 0.4, "val_loss": 70.0})]) == ["overfitting"]
    assert kinds([Row(1, {"loss": 0.4, "val_loss": 70.0, "epoch": 1.0})]) == []


def test_a_loss_near_the_end_of_single_precision_has_diverged_whatever_went_before() -> None:
    assert kinds(epochs(loss=[1.7e37, 1.7e37, 1.6e37, 1.5e37])) == ["divergence"]


def test_a_validation_that_guesses_in_every_epoch_is_a_stall_though_the_training_loss_came_down_to_it() -> None:
    rows = epochs(
        loss=[2.47, 2.37, 2.33, 2.32, 2.314, 2.31],
        val_loss=[2.3032, 2.3031, 2.3018, 2.3018, 2.3014, 2.3017],
        val_accuracy=[0.1064] * 6,
    )
    assert kinds(rows, EPOCHS) == ["stall"]
    assert kinds([Row(row.step, dict(row.values, val_accuracy=0.7)) for row in rows], EPOCHS) == []


def test_a_first_loss_of_exactly_0_is_a_mean_over_nothing() -> None:
    assert kinds(epochs(loss=[0.0, 0.33, 0.45, 0.47, 0.43, 0.35, 0.2, 0.1, 0.05])) == []


def test_one_row_that_leaps_in_a_short_log_is_found() -> None:
    assert kinds(epochs(loss=[2.9, 2.8, 2.7, 2.65, 2.6, 7.9]), EPOCHS) == ["divergence"]
    assert kinds(epochs(loss=[2.9, 2.8, 2.7, 2.65, 2.6, 7.9, 2.6, 2.5]), EPOCHS) == ["spike"]


def test_a_loss_that_is_a_multiple_of_the_first_after_four_rows_has_diverged() -> None:
    assert kinds(epochs(loss=[0.02, 0.05, 0.1, 0.2])) == ["divergence"]
    assert kinds(epochs(loss=[0.02, 0.03, 0.04, 0.05])) == []
    assert kinds(epochs(loss=[0.2, 0.02, 0.05, 0.1, 0.19])) == []


@few
@given(seeds, st.sampled_from([1e-2, 1.0, 100.0]))
def test_rows_a_hundred_times_the_usual_ones_are_spikes_and_a_loss_that_falls_from_there_has_none(
    seed: int, unit: float
) -> None:
    chance = random.Random(seed)
    usual = [unit * (1.5 - 0.02 * row + chance.gauss(0, 0.02)) for row in range(16)]
    blown = [loss if row not in (3, 4, 9) else loss * 10 ** chance.uniform(3, 12) for row, loss in enumerate(usual)]

    assert kinds(epochs(loss=blown)) == ["spike"]
    assert kinds(epochs(loss=[1e6 * unit, 1e5 * unit, *usual])) == []


def test_a_validation_loss_that_comes_back_to_its_best_is_no_overfitting_any_more() -> None:
    falls = [0.8**row for row in range(8)]
    rises, comes_back = [0.02 * row for row in range(1, 8)], [0.14 * 0.7**row for row in range(1, 14)]
    rows = epochs(
        loss=[0.9 - 0.01 * row for row in range(28)],
        val_loss=[0.5 + above for above in (*falls, *(falls[-1] + above for above in (*rises, *comes_back)))],
    )

    assert kinds(rows[:15], EPOCHS) == ["overfitting"]
    assert kinds(rows, EPOCHS) == []


def test_a_schedule_that_ended_early_is_a_stall() -> None:
    chance = random.Random(1)
    rows = [
        Row(step, {"loss": 1.8 + 0.5 * 0.9 ** min(step, 60) + chance.gauss(0, 0.05), "lr": 1e-3 * 0.9**step})
        for step in range(1, 400)
    ]

    assert "stall" in kinds(rows)


def test_a_longer_sequence_is_a_jump_by_design() -> None:
    rows = [Row(step, {"loss": (30 if step < 100 else 60) - step / 50, "seq_len": 8 + 8 * (step >= 100)})
            for step in range(1, 200)]  # fmt: skip

    assert kinds(rows) == []
    assert kinds([Row(row.step, {"loss": row.values["loss"]}) for row in rows]) != []


def test_the_first_skipped_steps_of_mixed_precision_are_no_finding_and_steps_that_are_all_skipped_are_one() -> None:
    def rows(skipped: int) -> list[Row]:
        return [
            Row(step, {"loss": 4 - min(max(step - skipped, 0), 40) / 20, "grad_norm": math.inf, "skipped": 1.0}
                if step <= skipped else {"loss": 4 - min(step - skipped, 40) / 20, "grad_norm": 1.0, "skipped": 0.0})
            for step in range(1, 100)
        ]  # fmt: skip

    assert kinds(rows(16)) == []
    assert kinds(rows(99)) == ["nan"]


def test_a_validation_loss_that_is_nan_is_a_finding_and_the_lr_is_no_cause_of_it() -> None:
    (finding,) = alarms(epochs(loss=[2.0, 1.5, 1.2, 1.0], val_loss=[2.1, 1.6, math.nan, math.nan]), EPOCHS)

    assert finding.kind == "nan"
    assert not any("learning rate" in cause for cause in finding.causes)


def test_a_loss_beside_a_reward_or_of_an_adversary_need_not_fall() -> None:
    chance = random.Random(3)
    losses = [abs(chance.gauss(0, 1)) * (30 if step % 40 < 3 else 1) for step in range(400)]

    assert kinds(epochs(loss=losses)) != []
    assert kinds(epochs(loss=losses, reward=[step / 10 for step in range(400)])) == []
    assert kinds(epochs(loss=losses), RunFacts(is_adversarial=True)) == []


def test_a_policy_that_loses_its_reward_has_collapsed() -> None:
    rewards = [*range(100), *range(100, 0, -4), *([2] * 60)]

    assert kinds(epochs(loss=[0.1] * len(rewards), reward=rewards)) == ["divergence"]


def test_fixes_of_a_foreign_log_set_no_key_of_ours() -> None:
    found = [
        *alarms(epochs(loss=[3.0, 2.5, 2.2, math.nan])),
        *alarms(epochs(loss=[2.9, 2.8, 2.7, 2.65, 2.6, 7.9])),
    ]

    assert found
    assert all(not fix.changes for finding in found for fix in finding.fixes)


def test_a_log_that_goes_on_is_not_judged_by_its_whole_curve() -> None:
    reporter = Reporter(RunFacts(rows_are_epochs=True))
    for epoch in range(1, 9):
        reporter.observe(Row(epoch, {"loss": math.log(10), "val_loss": math.log(10)}))

    assert {finding.severity for finding in reporter.found_so_far} <= {"info"}
    assert [finding.kind for finding in reporter.report().findings if finding.severity != "info"] == ["stall"]


def test_a_denoising_loss_that_scatters_from_the_first_row_on_has_hardly_ever_a_spike() -> None:
    def noisy(seed: int) -> list[Row]:
        chance = random.Random(seed)
        return [Row(step, {"loss": abs(chance.gauss(0.12, 0.08)) + 0.01, "lr": 1e-5}) for step in range(1, 61)]

    assert sum("spike" in kinds(noisy(seed)) for seed in range(100)) <= 5


@pytest.mark.parametrize("rows", [6, 15, 31])
def test_a_loss_that_is_exactly_0_all_at_once_is_a_stall_by_masked_labels_or_half_precision(rows: int) -> None:
    (finding,) = alarms(epochs(loss=[1.81, 1.9, *[0.0] * (rows - 2)]))

    assert (finding.kind, finding.onset) == ("stall", 3)
    assert "half precision" in finding.causes[1]


def test_a_loss_that_falls_to_0_because_all_is_known_by_heart_is_none() -> None:
    assert kinds(epochs(loss=[2.0, 0.8, 0.2, 0.03, 0.001, 0.0, 0.0, 0.0])) == []


def test_a_spike_that_never_comes_back_is_the_beginning_of_a_divergence_and_no_second_finding() -> None:
    learned = [4.0 - 2.5 * step / 48 for step in range(48)]

    assert kinds(epochs(loss=[*learned, *[6.0] * 12])) == ["divergence"]


def test_a_warm_restart_of_the_lr_makes_no_spike() -> None:
    cycle = [0.5e-3 * (1 + math.cos(math.pi * step / 100)) for step in range(100)]
    rows = [
        Row(step, {"loss": 2.0 / (1 + step / 30) + 300 * lr, "lr": lr}) for step, lr in enumerate(3 * cycle, start=1)
    ]

    assert kinds(rows) == []


@pytest.mark.parametrize("rows", [5, 6, 9, 24])
def test_rows_that_swing_evenly_oscillate_and_uneven_ones_are_noise(rows: int) -> None:
    turns = [4.0 + (0.5 if row % 2 else -0.5) for row in range(rows)]
    uneven = [turn + (1.5 if row == 2 else 0.0) * (1 if row % 2 else -1) for row, turn in enumerate(turns)]

    assert kinds(epochs(loss=turns)) == ["oscillation"]
    assert kinds(epochs(loss=uneven)) == []


def test_a_loss_scale_below_1_is_a_stall_because_every_step_is_skipped() -> None:
    chance = random.Random(1)
    scales = [2.0 ** max(16 - step, -24) for step in range(60)]
    rows = [
        Row(step, {"loss": 2.31 + chance.gauss(0, 0.02), "loss_scale": scale, "skipped": 1.0})
        for step, scale in enumerate(scales, start=1)
    ]

    (finding,) = alarms(rows)
    assert finding.kind == "stall" and "all steps are skipped" in finding.evidence


def test_a_running_mean_in_a_late_epoch_is_no_stall_of_the_run() -> None:
    assert kinds([Row(step, {"loss": 16.8, "epoch": 476.0}) for step in range(1, 40)]) == []


def noisy_fall(seed: int, gain: float, *, bends: bool, rows: int = 400, **more: float) -> list[Row]:
    """A loss of 5 with 6% of noise, that falls by this share: in a line, or as a power law."""
    draw = random.Random(seed)
    curve = [(1 + 30 * row / rows) ** -0.7 if bends else 1 - row / rows for row in range(rows)]
    losses = [5 * (1 - gain + gain * level) * (1 + draw.gauss(0, 0.06)) for level in curve]
    return [Row(row, {"loss": loss, **more}) for row, loss in enumerate(losses, start=1)]


def test_a_noisy_loss_that_bends_is_hardly_ever_slow_and_neither_is_a_trained_model_that_goes_on() -> None:
    bent = [kinds(noisy_fall(seed, 0.1 + seed / 1000, bends=True)) for seed in range(30)]
    assert sum(map(bool, bent)) <= 1
    assert not any(kinds(noisy_fall(seed, 0.02, bends=False, lr=1e-4)) for seed in range(30))


@pytest.mark.parametrize("lr", [{}, {"lr": 1e-6}])
def test_most_noisy_losses_that_fall_in_a_straight_line_are_slow(lr: Mapping[str, float]) -> None:
    found = [kinds(noisy_fall(seed, 0.12, bends=False, rows=1000, **lr)) for seed in range(20)]
    assert found.count(["slow"]) >= 16 and all(kind in ([], ["slow"]) for kind in found)


@pytest.mark.parametrize("pattern", [(0, 1), (0, 0.5, 1), (0, 0, 0, 1), (0, 1, 2, 1)])
@pytest.mark.parametrize("rows", [40, 60, 500])
def test_a_pattern_that_comes_again_every_few_rows_oscillates(pattern: Sequence[float], rows: int) -> None:
    draw = random.Random(1)
    losses = [2 + pattern[row % len(pattern)] + draw.gauss(0, 0.05) for row in range(rows)]
    (found,) = alarms(epochs(loss=losses))
    assert found.kind == "oscillation" and f"a pattern of {len(pattern)} rows" in found.evidence


@few
@given(seeds, st.sampled_from([60, 300, 1000]))
def test_data_that_come_in_turn_are_no_oscillation_of_a_run_that_learns(seed: int, rows: int) -> None:
    draw = random.Random(seed)
    losses = [1 + 3 * math.exp(-4 * row / rows) + 0.5 * (row % 2) + draw.gauss(0, 0.05) for row in range(rows)]
    assert kinds(epochs(loss=losses)) == []


def test_a_pattern_that_begins_in_the_middle_of_a_run_is_found_there_and_closes_when_it_is_over() -> None:
    draw = random.Random(1)
    losses = [1 + 3 * math.exp(-row / 60) + 0.8 * (row % 2) * (300 <= row < 500) for row in range(800)]
    spike, found = alarms(epochs(loss=[loss + draw.gauss(0, 0.02) for loss in losses]))
    assert (spike.kind, found.kind) == ("spike", "oscillation") and 288 <= found.onset <= 330 and found.detected <= 360
    assert found.closed is not None and 500 < found.closed < 600


def test_a_run_that_comes_to_rest_at_the_loss_of_guessing_after_wild_steps_is_a_stall() -> None:
    wild = [0.68, 2.5, 5.3, 1.0, 10.7, 2.0, 3.6, 0.69]
    rows = [Row(step, {"loss": loss}) for step, loss in enumerate([*wild, *[0.6931] * 12])]
    assert kinds(rows) == ["stall"]
    assert kinds([Row(row.step, {"loss": row.values["loss"] - 0.1}) for row in rows]) == []


def test_a_fine_tuned_model_that_stays_at_more_than_twice_its_beginning_has_diverged() -> None:
    curve = [1.6, 1.4, 3.3, 6.4, 5.5, 4.9, 4.9, 4.6]
    rows = [Row(25 * step, {"loss": loss}) for step, loss in enumerate(curve, start=1)]
    assert kinds(rows) == ["divergence"]
    assert kinds([*rows[:5], *(Row(25 * step, {"loss": loss}) for step, loss in ((6, 2.9), (7, 1.7), (8, 1.5)))]) == []


@pytest.mark.parametrize(("before", "kind"), [([21.4], "divergence"), ([3.3, 3.1], "divergence"), ([87.3365], "stall")])
def test_a_target_without_a_probability_is_found_from_its_loss_alone(before: Sequence[float], kind: str) -> None:
    assert kinds([Row(step, {"loss": loss}) for step, loss in enumerate([*before, 87.3366])]) == [kind]


@pytest.mark.parametrize(("last", "found"), [((0.001, 0.09), ["overfitting"]), ((0.03, 0.09), []), ((0.001, 0.04), [])])
def test_the_first_and_the_last_epoch_show_overfitting_if_the_losses_moved_far_apart(
    last: tuple[float, float], found: Sequence[str]
) -> None:
    rows = [Row(1, {"loss": 0.05, "val_loss": 0.038}), Row(29, {"loss": last[0], "val_loss": last[1]})]
    assert kinds(rows, EPOCHS) == found


def test_evaluations_that_rise_overfit_also_where_they_dip_once_or_rise_without_a_break_by_little() -> None:
    falling = [0.42, 0.35, 0.33, 0.30, 0.28]
    assert kinds(epochs(loss=falling, val_loss=[0.420, 0.437, 0.424, 0.466, 0.478]), EPOCHS) == ["overfitting"]
    assert kinds(epochs(loss=falling, val_loss=[0.420, 0.478, 0.424, 0.466, 0.468]), EPOCHS) == []
    train = [2.37, 2.39, 2.32, 2.42, 2.32, 2.29, 2.32, 2.30]
    val = [3.318, 3.364, 3.383, 3.404, 3.431, 3.453, 3.468, 3.475]
    assert kinds(epochs(loss=train, val_loss=val), EPOCHS) == ["overfitting"]
    assert kinds(epochs(loss=train[::-1], val_loss=val), EPOCHS) == []
    assert kinds(epochs(loss=train, val_loss=[*val[:4], 3.39, *val[5:]]), EPOCHS) == []


def test_a_validation_that_only_rises_overfits_where_it_is_all_there_is() -> None:
    rows = epochs(val_loss=[0.691, 0.694, 0.702, 0.705, 0.706, 0.707, 0.715, 0.718, 0.721])
    assert [found.kind for found in report_of(rows, signals=["val_loss"]).findings if found.severity != "info"] == [
        "overfitting"
    ]
    assert not [found for found in report_of(rows[::-1], signals=["val_loss"]).findings if found.severity != "info"]


def test_rounds_of_boosting_at_the_loss_of_guessing_are_a_stall(tmp_path: Path) -> None:
    def printed(loss_of_row: Sequence[float]) -> list[str]:
        (tmp_path / "the.log").write_text(
            "".join(f"[{row}]\tvalidation_0-logloss:{loss:.6f}\n" for row, loss in enumerate(loss_of_row))
        )
        return printed_kinds(tmp_path / "the.log")

    assert printed([0.693084 - 0.00002 * row for row in range(14)]) == ["stall"]
    assert printed([0.693084 - 0.00002 * row for row in range(6)]) == []
    assert printed([0.693084 * 0.95**row for row in range(14)]) == []


def test_an_opponent_whose_loss_is_exactly_0_has_lost_or_won_for_good(tmp_path: Path) -> None:
    def printed(names: str, values: Sequence[float]) -> list[str]:
        rows = [f"Epoch: [{row}] {names.format(66 + 9 * (row % 3), value)}\n" for row, value in enumerate(values)]
        (tmp_path / "the.log").write_text("".join(rows))
        return printed_kinds(tmp_path / "the.log")

    assert printed("d_loss: {}, g_loss: {}", [0.0] * 9) == ["stall"]
    assert printed("d_loss: {}, g_loss: {}", [0.7, 0.6] * 5) == []
    assert printed("d_loss: {}, g_loss: {}", [0.7, 0.6, math.nan]) == ["nan"]
    assert printed("Mel Loss: {}, Gen Loss: 0.0, Disc Loss: {}", [0.0] * 9) == []


def test_one_wild_row_after_which_a_negative_loss_is_nearly_back_is_a_spike() -> None:
    curve = [-4.07, -4.49, -4.45, -4.32, 4191.7, -2.41, -2.91]
    assert kinds([Row(20 * step, {"loss": loss}) for step, loss in enumerate(curve, start=3900)]) == ["spike"]


def test_many_noisy_evaluations_whose_second_half_lies_above_the_first_overfit() -> None:
    train = [0.0415, 0.0226, 0.0211, 0.0205, 0.0194, 0.0188, 0.0197, 0.0186, 0.0189, 0.0181, 0.0178]
    val = [0.0496, 0.0534, 0.0371, 0.0422, 0.0531, 0.0529, 0.0572, 0.0710, 0.0617, 0.0566, 0.0685]
    assert kinds(epochs(loss=train, val_loss=val), EPOCHS) == ["overfitting"]
    assert kinds(epochs(loss=train, val_loss=[*val[:5], 0.0710, 0.0572, 0.0529, *val[8:]]), EPOCHS) == []
    assert kinds(epochs(loss=[*train[:3], *[0.0212] * 8], val_loss=val), EPOCHS) == []


@pytest.mark.parametrize("last", [-3.2e34, 3.2e34])
def test_a_loss_at_the_edge_of_single_precision_has_diverged_to_either_side(last: float) -> None:
    rows = [Row(8900 + 100 * place, {"loss": loss}) for place, loss in enumerate([58.97, 59.6, last])]
    assert kinds(rows) == ["divergence"]
