"""Pieces of logs as people paste them into questions: quoted, cut, translated, with a sentence or an error around."""

import io
import math
from collections.abc import Sequence

import pytest

from tinygpt_tui.engine.diagnostics.report import Finding, report_of
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.diagnostics.run_statistics import RunFacts
from tinygpt_tui.engine.readers.languages import in_english
from tinygpt_tui.engine.readers.log import Log, open_log
from tinygpt_tui.engine.readers.pasted import unpasted
from tinygpt_tui.engine.readers.source import ReadError

EPOCHS = RunFacts(rows_are_epochs=True)


def opened(*lines: str) -> Log:
    return open_log("stdin", io.BytesIO("".join(f"{line}\n" for line in lines).encode()))


def losses(*lines: str) -> list[float]:
    return [row.values["loss"] for _, row in opened(*lines).rows() if "loss" in row.values]


def alarms(rows: Sequence[Row], facts: RunFacts | None = None) -> list[Finding]:
    return [finding for finding in report_of(rows, facts).findings if finding.severity != "info"]


def alarms_of(*lines: str) -> list[Finding]:
    log = opened(*lines)
    return alarms([row for _, row in log.rows()], log.facts)


def kinds(values: Sequence[float], name: str = "loss", facts: RunFacts = EPOCHS, start: int = 1) -> list[str]:
    rows = [Row(step, {"loss": 2.0 / step, name: value}) for step, value in enumerate(values, start)]
    return [finding.kind for finding in alarms(rows, facts)]


@pytest.mark.parametrize(
    ("pasted", "printed"),
    [
        ("> > step 5: loss 2.0", "step 5: loss 2.0"),
        ("{'loss': **2.25**, 'epoch': 1}", "{'loss': 2.25, 'epoch': 1}"),
        ("2024-03-01T10:00:00.1234567Z step 5: loss 2.0", "step 5: loss 2.0"),
        ("[R0] | it[ 4/ 9] | [Loss] nan | [step]  7", "[R0] | it[ 4/ 9] | Loss: nan | step:  7"),
        ("('Epoch:', 8, 'Action', array([1]), 'Loss', 0.5)", "(Epoch: 8, 'Action', array([1]), Loss: 0.5)"),
        ("100%|████| 7/7 [00:01<00:00]", "100%|████| 7/7 [00:01<00:00]"),
    ],
)
def test_what_pasting_adds_to_a_line_is_taken_away(pasted: str, printed: str) -> None:
    assert unpasted(pasted) == printed


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ("Loss：2.0，lr：0.1", "Loss:2.0,lr:0.1"),
        ("验证损失：2.0", " val loss :2.0"),
        ("Iteración 3: 2.0", " iteration  3: 2.0"),
        ("100%|████| 7/7 [00:01<00:00]", "100%|████| 7/7 [00:01<00:00]"),
    ],
)
def test_words_and_signs_of_other_languages_are_read_in_english(printed: str, read: str) -> None:
    assert in_english(printed) == read


@pytest.mark.parametrize(
    "lines",
    [
        ("第一轮", "训练次数：100，损失：3.5", "训练次数：200，损失：2.5"),
        ("Epoch: [4][0]  Time 0.9 (1.1)  Loss 3.5 (3.6)", "Epoch: [4][50]  Time 0.9 (1.1)  Loss 2.5 (3.6)"),
        ("[10:00:00.1] Epoch: [1]  [10/90]  closs: 3.5 (3.6)", "[10:00:00.2] Epoch: [1]  [20/90]  closs: 2.5 (3.6)"),
        ("[Iteration 7] Train 64 in 4s. Loss is 3.5. lr is 0.1", "[Iteration 8] Train 64 in 4s. Loss is 2.5."),
        ("[epoch]: 9, [batch]: 100, [loss]: 3.5", "[epoch]: 9, [batch]: 200, [loss]: 2.5"),
        ("Loss [1, 100](epoch, minibatch):  3.5", "Loss [1, 200](epoch, minibatch):  2.5"),
        ("ITER:       LOSS      NORM OF ALL", "18:\t3.5\t1.25", "19:\t2.5\t1.5"),
        ("My loss goes from 99.5 up to 120 in run 2", "step 1: loss 3.5", "step 2: loss 2.5"),
        ("Epoch 0:  50% 9/18 [00:10<00:09, loss=3.5]", "Epoch 0:  56% 10/18 [00:11<00:08, loss=2.5]"),
        ("2024-03-01T10:00:00.1Z   3/9   2.1G   1.5   1.25   0.75   8   640:  50%|##  | 5/9",
         "2024-03-01T10:00:00.2Z   3/9   2.1G   1.0   1.0    0.5    8   640:  60%|### | 6/9"),
        ("| train |      | validate |      |", "| ----- | ---- | -------- | ---- |", "| epoch | Loss | epoch | Loss |",
         "| 1     | 3.5  | 1        | 3.9  |", "| 2     | 2.5  | 2        | 3.0  |"),
    ],
)  # fmt: skip
def test_the_loss_of_a_pasted_piece_is_found(lines: Sequence[str]) -> None:
    assert losses(*lines) == [3.5, 2.5]


def test_lines_with_commas_are_not_taken_for_a_table_without_a_loss() -> None:
    lines = ("clients: [0, 16, 32]", "Training: Loss nan Acc 0.1", "clients: [1, 12, 22]", "Training: Loss nan Acc 0.1")

    assert [found.kind for found in alarms_of(*lines)] == ["nan"]


def test_a_progress_bar_that_stands_still_is_no_stall() -> None:
    bars = [f"Epoch 0:  9{step % 9}% {1650 + step}/1702 [13:00<00:24,  2.1it/s, loss=0.158]" for step in range(10)]

    assert not alarms_of(*bars)


@pytest.mark.parametrize(
    "message",
    [
        "FloatingPointError: Loss became infinite or NaN at iteration=30!",
        "InvalidArgumentError: LossTensor is inf or nan. : Tensor had NaN values",
        "FloatingPointError: Minimum loss scale reached (0.0001). Your loss is probably exploding.",
        "Exception: Current loss scale already at minimum - cannot decrease scale anymore. Exiting run.",
        "Loss is nan, stopping training",
    ],
)
def test_an_error_message_that_the_loss_is_lost_is_a_finding(message: str) -> None:
    log = ("step 10: train_loss 2.5, lr 0.1", "step 20: train_loss 2.0, lr 0.1")

    for lines in ((*log, "Traceback (most recent call last):", message), (f"I get `{message}`:", *log)):
        (found,) = alarms_of(*lines)
        assert (found.kind, found.severity) == ("nan", "failure")
        assert "the last finite loss was 2" in found.evidence


def test_a_mean_that_is_nan_beside_a_finite_loss_is_a_finding() -> None:
    log = opened(*(f"epoch {epoch}: loss=3.{epoch}\nMean training loss: nan" for epoch in range(1, 5)))

    assert log.columns["loss"] == "loss"
    assert log.losses == ("Mean training loss",)


def test_nan_in_the_mean_over_the_first_epoch_may_be_the_learning_rates_doing() -> None:
    (found,) = alarms_of(
        *(f"Epoch {epoch}/9\n9/9 [====] - 1s - loss: nan - acc: 0.1 - val_loss: nan - val_acc: 0.1" for epoch in (1, 2))
    )

    assert "data" in found.causes[0]
    assert any("learning rate" in cause for cause in found.causes)
    assert any("clipnorm in Keras" in fix.title for fix in found.fixes)


def test_a_setting_that_a_trainer_does_not_have_is_no_remedy() -> None:
    lines = [f"[{step}]\ttraining's l2: {1 + step / 20}\tvalid_1's l2: {1 + step / 20}" for step in range(1, 9)]
    (found,) = alarms_of(*lines)

    assert found.kind == "divergence"
    assert [fix.title for fix in found.fixes] == ["halve the learning rate (learning_rate in LightGBM)"]


def test_a_loss_that_is_left_out_while_the_norm_is_nan_was_lost() -> None:
    row = "iteration {} | lm loss: {} | loss scale: 1.0 | grad norm: {} |"
    lost = "iteration {} | loss scale: 1.0 | grad norm: nan |"
    lines = [row.format(1, 2.5, 0.5), row.format(2, 2.25, 0.5), lost.format(3), lost.format(4)]

    assert [found.kind for found in alarms_of(*lines)] == ["nan"]


@pytest.mark.parametrize(("bad", "found"), [((0, 1), []), ((0, 6), ["nan"])], ids=["at the start", "later too"])
def test_norms_that_overflow_again_and_again_are_a_finding(bad: Sequence[int], found: list[str]) -> None:
    norms = [math.inf if step in bad else 0.5 for step in range(10)]

    assert kinds(norms, "grad_norm", RunFacts()) == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([14.5, 14.5, 14.5, 14.5], ["stall"]),
        ([0.029, 0.0266, 0.0266, 0.0266, 0.0266], ["stall"]),
        ([2.5, 1.2, 0.9, 0.8, 0.8, 0.8, 0.8], []),
        ([0.71, 0.73, 0.75, 0.77, 0.79, 0.81, 0.83], ["divergence"]),
        ([0.71, 0.70, 0.72, 0.71, 0.72, 0.73, 0.74], []),
        ([1.4, 1.2, 1.35, 1.36, 1.44, 1.2, 1.8, 2.2, 2.4], ["divergence"]),
        ([1.4, 1.2, 1.35, 1.36, 1.44, 1.2, 1.5, 1.6, 1.7], []),
    ],
    ids=[
        "constant",
        "constant after one epoch",
        "converged",
        "rises from the first row",
        "noise",
        "rises last",
        "drifts",
    ],
)
def test_few_rows_show_that_nothing_moves_or_all_goes_up(values: Sequence[float], found: list[str]) -> None:
    assert kinds(values) == found


def test_epochs_with_the_same_loss_are_a_stall_wherever_the_piece_was_cut_out() -> None:
    assert kinds([14.5] * 4, start=278) == ["stall"]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([3.3, 0.9, 1.4, 0.6, 2.3, 0.2, 1.5, 0.15, 2.8], ["oscillation"]),
        ([3.3, 0.9, 1.4, 0.6, 0.5, 0.9, 0.4, 0.35, 0.3], []),
        ([3.3, 0.9, 0.2, 0.7, 0.2, 0.1, 0.4, 0.1, 0.09], []),
    ],
    ids=["to where it began", "by half", "ever lower"],
)
def test_a_val_loss_that_leaps_to_and_fro_swings(values: Sequence[float], found: list[str]) -> None:
    assert kinds(values, "val_loss") == found


def test_one_lucky_episode_is_no_policy_that_collapsed() -> None:
    rewards = [10, 9, 10, 8, 9, 10, 13, 9, 9, 11, 10, 51, 16, 12, 21]

    assert not alarms_of(
        *(f"| Reward: {reward:02} | Episode {place} | Qmax: 1.9" for place, reward in enumerate(rewards))
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("train, round, loss, acc ===> 01, 0.9, 0.4,", "train, round, loss, acc ===> 02, 0.7, 0.5,"), [0.9, 0.7]),
        (("epoch 1 (acc, loss) = (0.4, 0.9)", "epoch 2 (acc, loss) = (0.5, 0.7)"), [0.9, 0.7]),
        (("Epoch 1 Train/Val loss: 0.9/1.1", "Epoch 2 Train/Val loss: 0.7/1.0"), [0.9, 0.7]),
        (("Losses {'ner': 41.5, 'tagger': 3.0}", "Losses {'ner': 20.5, 'tagger': 2.0}"), [44.5, 22.5]),
        (("ex: {u'ner': 41.5}", "    {u'ner': 9.6e-09}"), [41.5, 9.6e-09]),
        (("train/loss      : 7.5", "train/learning_rate: 0.1"), [7.5]),
        (("ctc-loss.cc:182) After 20 sequences: Obj(log[Pzx]) = -30.5 TokenAcc = 60%",), [30.5]),
        (("train.py:102] global average objf: -0.5 over 6400 frames, epoch 0",), [0.5]),
        (("0:      learn 0.63passed: 17 sec", "1:      learn 0.58passed: 17 sec"), [0.63, 0.58]),
        (("[  0]     520 || B: 3.0 | C: 2.0 | M: 4.0 | T: 9.0 || ETA: 2:31:22 || timer: 1.3",), [9.0]),
        (("Testing ...", "Losses: 9.5 9.25 8.0 7.75", "It falls!"), [9.5, 9.25, 8.0, 7.75]),
        (
            ("the loss of each epoch:", "tensor(9.5, device='cuda:0')", "tensor(9.0)", "(0.4, 0.5)", "8.5"),
            [9.5, 9.0, 8.5],
        ),
        (
            ("D_loss   acc   G_loss", "0.25 | 100 | 6.5 | 2 days, 12:04:16", "0.5 | 100 | 5.5 | 2 days, 12:04:35"),
            [0.25, 0.5],
        ),
        (("Sub:At iteration 20/30/40, Mean rms=1%, delta=3%, char train=10.5%, word train=52%",), [10.5]),
        (("My loss goes wrong:", "0: 5.5 0.5", "10: 4.5 0.75", "20: 4.25 1.0", "Why?"), [5.5, 4.5, 4.25]),
        (("the training goes on and on", "iter 14: 0.5", "iter 15: 0.125", "iter 16: 0.25"), [0.5, 0.125, 0.25]),
        (("The train loss of epoch7-batch-0:0.25", "The train loss of epoch7-batch-50:0.5"), [0.25, 0.5]),
        (("app_fit: losses_centralized [(0, 722.5), (1, 2.5), (2, 1.5)]",), [722.5, 2.5, 1.5]),
        (("loss=0.5 (nan) lr=0.01: : 86% 86/100 [00:00<00:00]",), [0.5]),
    ],
)
def test_a_loss_is_found_however_its_name_and_its_value_are_set(
    lines: Sequence[str], expected: Sequence[float]
) -> None:
    assert losses(*lines) == pytest.approx(expected)


@pytest.mark.parametrize(
    "lines",
    [
        ("Hello, these", "are, I think, some numbers", "of mine,", "1.5", "2.5", "3.5"),
        ("Epochs of history,", "in years,", "are these,", "1066", "1492", "1789"),
        ("see loss.py:182", "and 12:03"),
    ],
)
def test_numbers_without_a_name_are_a_loss_only_where_the_text_is_of_training(lines: Sequence[str]) -> None:
    with pytest.raises(ReadError):
        opened(*lines)


def test_how_an_evaluation_compares_with_the_best_one_is_no_second_series() -> None:
    lines = [
        f"Epoch [{n}/9] train_mae: {2 - n / 10}, val_mae: 2.5\nVal loss decrease from 2.6 to 2.5" for n in range(5)
    ]
    assert opened(*lines).columns["val_loss"] == "val_mae"


def test_evaluations_of_texts_of_several_lengths_are_series_of_their_own() -> None:
    lines = [
        f"global step {n}00 learning rate 0.5 perplexity 1.01\n  eval: bucket 0 perplexity {90 - n}\n"
        f"  eval: bucket 1 perplexity {900 - n}"
        for n in range(1, 4)
    ]
    log = opened(*lines)
    curve = [row.values["val_loss"] for _, row in log.rows() if "val_loss" in row.values]
    assert curve in ([89, 88, 87], [899, 898, 897])


def test_of_columns_without_a_name_one_that_is_lost_is_the_loss() -> None:
    log = opened("Hello,", "I got all nan for loss:", "0: inf  nan", "10: nan nan", "20: nan nan", "Any tips?")
    assert [finding.kind for finding in alarms([row for _, row in log.rows()], log.facts)] == ["nan"]


def test_how_many_batches_an_epoch_has_is_no_loss() -> None:
    assert opened("--- epoch 4 ---", "[train]: 0%| | 0/5 [00:00<?]", "loss  : 7.5").columns["loss"] == "loss"


def test_a_list_below_a_sentence_about_a_loss_is_its_series() -> None:
    values = [2.0 + 0.1 * place for place in range(70)]
    text = ["The loss of my controller keeps rising.", "Epoch 1", ", ".join(f"{value:.6f}" for value in values), "Why?"]
    assert losses(*text) == pytest.approx(values)
    assert losses("losses by batch", "[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, nan]")[:9] == pytest.approx(
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    )
    for several in ([*text, text[2]], ["weights of a layer", text[2]]):
        with pytest.raises(ReadError):
            opened(*several)


def test_a_table_whose_line_breaks_were_lost_is_read_by_rows() -> None:
    rows = "1 0.31 0.28 0.08 (00:21) 2 0.24 0.25 0.07 (00:20) 3 0.20 0.26 0.07 (00:20)"
    text = f"learn.fit(3, 1e-4) Total time: 01:01 epoch train_loss valid_loss error_rate {rows} You see 2 things here."
    log = opened(text)
    assert [(row.step, row.values["loss"], row.values["val_loss"]) for _, row in log.rows()] == [
        (1, 0.31, 0.28),
        (2, 0.24, 0.25),
        (3, 0.20, 0.26),
    ]


def test_a_time_without_a_name_behind_a_row_moves_no_column() -> None:
    header = "epoch  train_loss  valid_loss  error_rate"
    assert losses(header, "1  0.31  0.28  0.08  (00:21)", "2  0.24  0.25  0.07  (00:20)") == [0.31, 0.24]
    assert losses("epoch  train_loss  mark", "0  1  0.31  ok", "1  2  0.24  ok") == [0.31, 0.24]


def test_an_l_beside_a_data_set_is_a_loss() -> None:
    log = opened("Epoch 1: train_l 0.9 test_l 0.8", "Epoch 2: train_l 0.7 test_l 0.7")
    assert (log.columns["loss"], log.columns["val_loss"]) == ("train_l", "test_l")
    bars = [f"Epoch {n}:g_trn_l={60 - n}.5,d_trn_l=-8.{n}: 100%|##| 25/25 [17:29<00:00, 2.3" for n in range(4)]
    assert opened(*bars).columns["loss"] == "g_trn_l" and opened(*bars).adversarial


def test_accumulated_iterations_are_steps_and_no_accuracy() -> None:
    lines = [f"Train: 1/3 [ {n}/323 ( 9%)]  Loss: {9 - n / 50} (9.)  Acc_iter {n + 323}" for n in (0, 50, 100)]
    log = opened(*lines)
    assert ([row.step for _, row in log.rows()], "accuracy" in log.columns) == ([323, 373, 423], False)


def test_a_cost_that_stands_once_is_no_rival_of_three_perplexities() -> None:
    lines = [f"Epoch[0] Batch [{n}] 186.9 samples/sec  perplexity={90 - n}.5" for n in (10, 20, 30)]
    assert losses(*lines, "Checkpoint [3]  Updates=30 Time  -cost=698.4") == [80.5, 70.5, 60.5]


def test_what_an_error_message_shows_below_is_of_its_step() -> None:
    found = alarms_of(
        "FloatingPointError: Loss became infinite or NaN at iteration=2137!",
        "loss_dict = {'loss_cls': tensor(nan, device='cuda:0'), 'loss_box_reg': tensor(0.25, device='cuda:0')}",
    )
    assert [(finding.kind, finding.onset) for finding in found] == [("nan", 2137)]
