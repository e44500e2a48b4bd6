"""Logs as they are met in the wild become the same rows, whatever wrote them."""

import io
import json
import math
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tinygpt_tui.engine.readers.log import Log, open_log
from tinygpt_tui.engine.readers.source import SMALL, ReadError


def opened(text: str | bytes, given: Mapping[str, str] | None = None) -> Log:
    return open_log("the.log", io.BytesIO(text.encode() if isinstance(text, str) else text), given)


def rows(log: Log, run: str = "") -> list[tuple[int, dict[str, float]]]:
    return [(row.step, dict(row.values)) for name, row in log.rows() if name == run]


def series(log: Log, name: str, run: str = "") -> list[tuple[int, float]]:
    return [(step, values[name]) for step, values in rows(log, run) if name in values]


def lines(*parts: str, end: str = "\n") -> str:
    return "".join(part + end for part in parts)


LOSSES = [(100, 5.25), (200, 4.5), (300, 4.0)]
MEGATRON = (
    " iteration {step:8}/   1530 | consumed samples:  1024 | elapsed time per iteration (ms): 144.6 |"
    " learning rate: 1.875E-05 | lm loss: {loss:.6E} | loss scale: 12.0 | grad norm: 67.593 | nan iterations:   0 |"
)
DIALECTS = {
    "Step 100: Loss": ["Step {step}: Loss: {loss}, LR: 0.001"],
    "iter 100: loss": ["iter {step}: loss {loss:.4f}, time 35.78ms, mfu 10.41%"],
    "step:100/1530": ["step:{step}/1530 train_loss:{loss} train_time:249ms step_avg:nanms"],
    "megatron": [MEGATRON, "time (ms) | forward-compute: 28117.27 | forward-recv: 1503.24"],
    "megatron on a rank": ["[default7]: iteration    {step}/  1530 | lm loss: {loss:.6E} | grad norm: 0.242 |"],
    "key=value": ["INFO:root:step={step} loss={loss} lr=1e-3 tokens/s=12,345"],
    "titan": ["[rank0]:step: {step}  loss: {loss}  grad_norm: 4.1  memory: 1.2GiB(3%)  tps: 1,234"],
    "llm.c": ["step {step:4}/1530 | loss {loss:.6f} (+nanz)| norm 15.3 (+nanz)| lr 8.57e-07 | 1 ms"],
    "detectron": ["[09/01 10:00:00 d2.utils]:  eta: 1:00:00  iter: {step}  total_loss: {loss}  loss_cls: 9.5"],
    "python dict": ["{{'loss': {loss}, 'learning_rate': 1e-05, 'step': {step}}}"],
    "thousands": ["Global step {step:,} of 1,530 - training loss = {loss}"],
    "two lines an entry": ["=== step {step}/1530 ===", "    loss: {loss}"],
}
TEXTS = {
    name: [line.format(step=step, loss=loss) for step, loss in LOSSES for line in entry]
    for name, entry in DIALECTS.items()
}


@pytest.mark.parametrize("dialect", TEXTS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_that_training_loops_print_are_read_in_every_dialect(dialect: str, end: str) -> None:
    log = opened(lines("Loading the data set", *TEXTS[dialect], "saving checkpoint to out", end=end))
    assert log.format == "text"
    assert series(log, "loss") == LOSSES
    assert log.steps == (1530 if any("/" in line and "1530" in line for line in TEXTS[dialect]) else None)


@pytest.mark.parametrize("between", [" ", "\t"])
def test_names_that_stand_beside_their_numbers_in_every_line_are_no_table(between: str) -> None:
    said = [between.join(("step", str(step), "loss", str(loss))) for step, loss in LOSSES * 5]
    log = opened(lines(*said[:3]))
    assert (log.format, series(log, "loss")) == ("text", LOSSES)
    assert opened(lines(*said, "saving checkpoint to out")).format == "text"
    table = opened(lines(between.join(("step", "run", "loss")), *(f"{s}{between}mine{between}{x}" for s, x in LOSSES)))
    assert table.format in ("TSV", "table with spaces")
    assert series(table, "loss") == LOSSES


DOCUMENTS = {
    "log_history": {"max_steps": 900, "log_history": [{"step": s, "loss": x, "epoch": s / 900} for s, x in LOSSES]},
    "a list": [{"iteration": step, "train": {"loss": loss}} for step, loss in LOSSES],
    "columns": {"step": [step for step, _ in LOSSES], "loss": [loss for _, loss in LOSSES]},
    "golden values": {
        "lm loss": {"start_step": 100, "step_interval": 100, "values": {str(step): loss for step, loss in LOSSES}}
    },
    "golden list": {"lm loss": {"start_step": 100, "step_interval": 100, "values": [loss for _, loss in LOSSES]}},
    "pairs": {"train/loss": [[step, loss] for step, loss in LOSSES]},
    "by key": {f"step_{step}": {"loss": loss, "lr": 0.1} for step, loss in LOSSES},
    "scalars": [[1.7e9 + step, step, loss] for step, loss in LOSSES],
}


@pytest.mark.parametrize("shape", DOCUMENTS)
@pytest.mark.parametrize("indent", [None, 2])
def test_one_json_document_is_read_in_every_shape(shape: str, indent: int | None) -> None:
    log = opened(json.dumps(DOCUMENTS[shape], indent=indent))
    assert log.format == "JSON document"
    assert series(log, "loss") == LOSSES
    assert log.steps == (900 if shape == "log_history" else None)


def test_a_keras_history_is_read_by_epoch_and_series_of_other_lengths_are_stretched_over_it() -> None:
    log = opened(json.dumps({"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [3.5, 1.5]}))
    assert series(log, "loss") == [(0, 4.0), (1, 3.0), (2, 2.0), (3, 1.0)]
    assert series(log, "val_loss") == [(1, 3.5), (3, 1.5)]


def test_a_document_that_was_cut_gives_the_entries_that_are_whole() -> None:
    whole = json.dumps({"log_history": [{"step": step, "loss": loss} for step, loss in LOSSES]})
    assert series(opened(whole[:-10]), "loss") == LOSSES[:-1]


def test_json_lines_are_read_with_null_and_nan_and_a_cut_last_line() -> None:
    text = lines(
        '{"current_steps": 10, "total_steps": 40, "loss": 3.5, "reward": null, "learning_rate": 1e-05}',
        "a line of something else",
        '{"current_steps": 20, "total_steps": 40, "loss": NaN, "reward": null, "learning_rate": 1e-05}',
        '{"current_steps": 30, "total_steps": 40, "loss": "nan", "eval": {"loss": 2.5}}',
    )
    log = opened("\ufeff" + text + '{"current_steps": 40, "lo')
    assert log.format == "JSON lines" and log.steps == 40
    losses = series(log, "loss")
    assert losses[0] == (10, 3.5) and [step for step, _ in losses] == [10, 20, 30]
    assert all(math.isnan(loss) for _, loss in losses[1:])
    assert series(log, "val_loss") == [(30, 2.5)]
    assert "reward" not in log.ignored
    assert log.skipped == ("2 lines without an object",)


def test_sparse_rows_padded_headers_and_every_line_end_are_met_in_tables() -> None:
    table = ["  epoch,  step,  train_loss , val_loss", "0, 49, 2.5,", "0, 49, , 2.0", "1, 99, 1.5,", "1, 99,, 1.0"]
    for end in ("\n", "\r\n"):
        for mark in ("", "\ufeff"):
            log = opened(mark + end.join(table))
            assert log.columns == {"loss": "train_loss", "val_loss": "val_loss", "epoch": "epoch"}
            assert (series(log, "loss"), series(log, "val_loss")) == ([(49, 2.5), (99, 1.5)], [(49, 2.0), (99, 1.0)])


def test_a_header_that_names_step_and_loss_makes_a_table_though_a_third_of_its_rows_is_torn() -> None:
    rows_of_three = [f"{step},{5 - step / 10:.1f},{step / 7:.3f}" for step in range(12)]
    torn = [row.rpartition(",")[0] if place % 3 == 1 else row for place, row in enumerate(rows_of_three)]
    assert series(opened(lines("step,loss,extra", *torn)), "loss") == [(step, 5 - step / 10) for step in range(12)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "  "])
def test_a_table_may_have_any_delimiter(delimiter: str) -> None:
    log = opened(lines(*(delimiter.join(row) for row in [("step", "loss"), *((str(s), str(x)) for s, x in LOSSES)])))
    assert series(log, "loss") == LOSSES


def test_a_table_of_quoted_numbers_and_one_of_plain_numbers_give_the_same() -> None:
    plain = lines("Step,loss,lr", *(f"{step},{loss},0.1" for step, loss in LOSSES))
    quoted = lines('"Step","loss","lr"', *(f'"{step}","{loss}","0.1"' for step, loss in LOSSES))
    assert rows(opened(plain)) == rows(opened(quoted))


def test_a_long_table_is_read_in_pieces_without_losing_a_row() -> None:
    count = 60_000
    text = "step,loss,val_loss,note\n" + "".join(
        f"{step},{1 / step},{'0.5' if step % 100 == 0 else ''},{'kept' if step == 40_000 else ''}\n"
        for step in range(1, count + 1)
    )
    log = opened(text)
    assert series(log, "loss") == [(step, 1 / step) for step in range(1, count + 1)]
    assert [step for step, _ in series(log, "val_loss")] == [*range(100, count + 1, 100)]


def test_a_table_without_header_has_columns_that_can_be_named() -> None:
    text = lines("1,2.5,0.1", "2,2.4,0.1")
    with pytest.raises(ReadError, match=r"--map loss=NAME from column 1, column 2, column 3"):
        opened(text)
    log = opened(text, {"loss": "column 2", "step": "column 1"})
    assert series(log, "loss") == [(1, 2.5), (2, 2.4)]


def test_in_a_table_without_header_the_loss_is_the_column_that_falls_beside_a_counter() -> None:
    epochs = opened(lines("0 0.5 0.75 -1.0", "1 0.25 0.875 -0.5", "2 0.125 0.9 0.5"))
    assert series(epochs, "loss") == [(1, 0.5), (2, 0.25), (3, 0.125)]
    assert "column 2 was taken for the loss" in epochs.notes[0]
    hundreds = opened(lines("99 2.5", "199 1.25", "299 0.75"))
    assert series(hundreds, "loss") == [(99, 2.5), (199, 1.25), (299, 0.75)]
    for which_is_it in (["1,2.5,3.5", "2,2.4,3.4", "3,2.3,3.3"], ["1,0.5,7.5", "2,0.6,7.6", "3,0.7,7.7"]):
        with pytest.raises(ReadError, match="no column is called like a loss"):
            opened(lines(*which_is_it))


def test_a_counter_without_a_name_may_begin_anew() -> None:
    counted = [*range(1, 9), *range(1, 9)]
    log = opened(lines(*(f"{epoch},{9 - place / 4}" for place, epoch in enumerate(counted))))
    assert series(log, "loss") == [(row, 9 - (row - 1) / 4) for row in range(1, 17)]


def test_a_column_of_losses_alone_is_enough() -> None:
    assert series(opened(lines("2.5", "2.25", "nan")), "loss")[:2] == [(1, 2.5), (2, 2.25)]
    exported = opened(lines("Wall time,Step,Value", "1.5e9,10,2.5", "1.6e9,20,2.25"))
    assert series(exported, "loss") == [(10, 2.5), (20, 2.25)]


def test_a_header_that_comes_again_may_have_other_columns() -> None:
    log = opened(lines("step,loss", *(f"{step},{3.0 - step}" for step in range(9)), "lr,step,loss", "0.1,9,2.0"))
    assert series(log, "loss") == [*((step, 3.0 - step) for step in range(9)), (9, 2.0)]


def columns(*names: str, given: Mapping[str, str] | None = None) -> Mapping[str, str]:
    values = [",".join(str(1.5 + row) for _ in names) for row in range(3)]
    return opened(lines("row," + ",".join(names), *(f"{i},{row}" for i, row in enumerate(values))), given).columns


NAMES = [
    (["train/loss", "val/loss", "lr-AdamW/pg1"], {"loss": "train/loss", "val_loss": "val/loss", "lr": "lr-AdamW/pg1"}),
    (["TrainLoss", "ValLoss", "LR"], {"loss": "TrainLoss", "val_loss": "ValLoss", "lr": "LR"}),
    (["loss/train", "loss/valid"], {"loss": "loss/train", "val_loss": "loss/valid"}),
    (["train_loss", "loss", "eval_loss"], {"loss": "loss", "val_loss": "eval_loss"}),
    (["loss_cls", "loss_box", "loss"], {"loss": "loss"}),
    (["loss", "loss_cls", "total_loss"], {"loss": "total_loss"}),
    (["train_loss_epoch", "train_loss_step"], {"loss": "train_loss_step"}),
    (["test_loss", "val_loss", "train_loss"], {"loss": "train_loss", "val_loss": "val_loss"}),
    (["eval_a_loss", "eval_b_loss", "loss"], {"loss": "loss", "val_loss": "eval_a_loss"}),
    (["lm loss", "loss scale", "grad norm"], {"loss": "lm loss", "loss_scale": "loss scale", "grad_norm": "grad norm"}),
    (["best_val_loss", "loss", "max_grad_norm"], {"loss": "loss"}),
    (["train/box_loss", "train/cls_loss", "val/box_loss", "val/cls_loss"],
     {"loss": "train/box_loss + train/cls_loss", "val_loss": "val/box_loss + val/cls_loss"}),
    (["d_loss", "g_loss"], {"loss": "d_loss"}),
    (["elie - lm_loss", "elie - lm_loss__MIN", "elie - lm_loss__MAX"], {"loss": "elie - lm_loss"}),
    (["loss", "grad_norm/layers.0.weight", "train/grad_norm"], {"loss": "loss", "grad_norm": "train/grad_norm"}),
    (["loss", "params norm", "update_ratio", "tokens_per_second", "acc", "val_acc"],
     {"loss": "loss", "param_norm": "params norm", "update_ratio": "update_ratio",
      "tokens_per_s": "tokens_per_second", "accuracy": "acc", "val_accuracy": "val_acc"}),
    (["mse", "val_mse"], {"loss": "mse", "val_loss": "val_mse"}),
    (["loss", "nll", "error_rate"], {"loss": "loss"}),
]  # fmt: skip


@pytest.mark.parametrize(("names", "expected"), NAMES, ids=lambda value: ",".join(value))
def test_columns_are_recognised_by_the_habits_of_the_field(names: Sequence[str], expected: Mapping[str, str]) -> None:
    assert columns(*names) == expected


def test_a_column_can_be_named_and_one_can_be_left_out() -> None:
    assert columns("loss", "Mine", "val_loss", given={"loss": "mine", "val_loss": ""}) == {"loss": "Mine"}
    with pytest.raises(ReadError, match=r"the\.log: --map loss=yours: there is no such column; there are row, mine"):
        columns("mine", given={"loss": "yours"})


def test_parts_of_a_loss_are_added_up() -> None:
    log = opened(lines("epoch, train/box_loss, train/cls_loss, val/box_loss, val/cls_loss", "1,1,2,3,4", "2,.5,1,2,2"))
    assert rows(log) == [(1, {"loss": 3, "val_loss": 7, "epoch": 1}), (2, {"loss": 1.5, "val_loss": 4, "epoch": 2})]


def test_a_table_of_many_parts_and_padded_names_is_added_up() -> None:
    names = [f"{split}/{part}_loss" for split in ("train", "val") for part in ("box", "cls", "dfl")]
    header = ",".join(f"{name:>24}" for name in ["epoch", *names, "metrics/mAP50(B)", "lr/pg0"])
    log = opened(
        lines(header, *(",".join(f"{cell:>24}" for cell in (e, 1, 2, 3, 4, 5, 6, 0.5, 0.1)) for e in (0, 1, 2)))
    )
    assert rows(log) == [(e, {"loss": 6, "val_loss": 15, "lr": 0.1, "epoch": e}) for e in (0, 1, 2)]


def test_a_mode_says_which_entries_are_evaluations_and_their_places_are_no_steps_of_training() -> None:
    entries = [{"mode": "train", "epoch": e, "iter": i, "lr": 0.1, "loss": 3 / e} for e in (1, 2) for i in (50, 100)]
    entries.insert(2, {"mode": "val", "epoch": 1, "iter": 5000, "lr": 0.1, "bbox_mAP": 0.3})
    log = opened(lines(*(json.dumps(entry) for entry in entries)))
    assert series(log, "loss") == [(50, 3.0), (100, 3.0), (150, 1.5), (200, 1.5)]


def test_a_bare_val_is_a_loss_only_beside_a_loss_that_is_called_so() -> None:
    accuracy = opened(lines(*(f"Epoch: {e:03}, Loss: {3 / e}, Train: 0.5, Val: 0.4, Test: 0.3" for e in (1, 2, 3))))
    assert "val_loss" not in accuracy.columns
    both = opened(lines(*(f"iter {e} | loss train: {3 / e}, val: {4 / e} | iter time: 300 ms" for e in (1, 2))))
    assert rows(both) == [
        (1, {"loss": 3, "val_loss": 4, "step_time": 300}),
        (2, {"loss": 1.5, "val_loss": 2, "step_time": 300}),
    ]
    alone = opened(lines("epoch,train,val", "1,3,4", "2,1.5,2"))
    assert rows(alone) == [(e, {"loss": 3 / e, "val_loss": 4 / e, "epoch": e}) for e in (1, 2)]


def test_a_time_of_day_is_no_step_time_also_where_the_clock_was_set_back() -> None:
    clock = opened(lines("step,loss,time", *(f"{step},3.0,{1.7e9 - step}" for step in range(20))))
    assert "step_time" not in clock.columns
    took = opened(lines("step,loss,time", *(f"{step},3.0,{0.3 - step / 1000}" for step in range(20))))
    assert took.columns["step_time"] == "time"


def test_nan_is_a_gap_in_a_column_that_is_mostly_nan_and_goes_on() -> None:
    text = lines("step,loss,val_loss", *(f"{s},{3 - s / 100},{2.5 if s % 10 == 0 else 'nan'}" for s in range(1, 101)))
    log = opened(text)
    assert series(log, "val_loss") == [(step, 2.5) for step in range(10, 101, 10)]
    assert len(series(log, "loss")) == 100


def test_nan_is_a_gap_in_the_loss_where_rows_hold_an_evaluation_alone() -> None:
    text = lines("step,loss,val_loss", *(f"{s},nan,2.5" if s % 10 == 0 else f"{s},2.0,nan" for s in range(1, 101)))
    log = opened(text)
    assert len(series(log, "loss")) == 90 and all(loss == 2.0 for _, loss in series(log, "loss"))
    assert len(series(log, "val_loss")) == 10


@pytest.mark.parametrize("last", [1, 2, 50, 97, 100])
def test_nan_that_stays_is_the_fault_and_is_kept(last: int) -> None:
    spellings = ["nan", "NaN", "-nan", "NAN"]
    cells = [3.0] * (100 - last) + [spellings[place % 4] for place in range(last)]
    log = opened(lines("step,loss,lr", *(f"{step},{cell},0.1" for step, cell in enumerate(cells))))
    assert sum(math.isnan(loss) for _, loss in series(log, "loss")) == last


def test_infinity_is_kept_in_every_spelling() -> None:
    log = opened(lines("step,loss", "1,2.0", "2,inf", "3,Infinity", "4,1e999", "5,1.#INF"))
    assert [loss for _, loss in series(log, "loss")] == [2.0, *[math.inf] * 4]


def test_steps_that_were_never_run_are_not_nan() -> None:
    values = {str(step): (10 - step / 100 if step <= 300 else "nan") for step in range(0, 1000, 10)}
    log = opened(json.dumps({"lm loss": {"start_step": 0, "end_step": 990, "step_interval": 10, "values": values}}))
    assert [step for step, _ in series(log, "loss")] == [*range(0, 301, 10)]


def test_a_gradient_norm_that_is_always_0_while_the_loss_moves_was_not_measured() -> None:
    moving = opened(lines("step,loss,grad_norm", *(f"{step},{9 - step / 2},0.000" for step in range(10))))
    frozen = opened(lines("step,loss,grad_norm", *(f"{step},{5.5 + step % 2 / 50},0.0" for step in range(10))))
    assert "grad_norm" not in moving.columns and moving.unmeasured == ("grad_norm",)
    assert frozen.columns["grad_norm"] == "grad_norm"


def falling(first: float, count: int) -> list[float]:
    return [first / (1 + step) + 1 for step in range(count)]


def test_runs_one_after_the_other_are_told_apart_by_step_and_loss() -> None:
    one_run = [f"step:{10 * place}/100 val_loss:{loss:.4f}" for place, loss in enumerate(falling(9, 11))]
    log = opened(lines(*one_run * 3))
    assert {run: len(rows(log, run)) for run in ("", "2", "3")} == {"": 11, "2": 11, "3": 11}
    assert rows(log, "3") == rows(log, "")


def test_a_resumed_run_is_one_run_with_steps_that_come_again() -> None:
    steps = [*range(140_749, 140_800), *range(140_780, 140_850)]
    log = opened(lines("step,loss", *(f"{step},{150_000 / step:.6f}" for step in steps)))
    assert [step for step, _ in rows(log)] == steps


@pytest.mark.parametrize("has_epoch", [True, False])
def test_a_counter_that_starts_again_in_every_epoch_is_counted_on(has_epoch: bool) -> None:
    losses = falling(9, 60)
    epochs = [f"epoch={place // 20} " if has_epoch else "" for place in range(60)]
    log = opened(lines(*(f"{epochs[place]}step={place % 20} loss={loss}" for place, loss in enumerate(losses))))
    assert series(log, "loss") == [*enumerate(losses)]


def test_runs_side_by_side_are_told_apart_by_the_names_of_their_columns() -> None:
    log = opened(lines('"Step","a - loss","b - loss","b - loss__MIN"', '"1","2.5","3.5",""', '"2","2.25","",""'))
    assert series(log, "loss", "a") == [(1, 2.5), (2, 2.25)]
    assert series(log, "loss", "b") == [(1, 3.5)]


def test_a_column_may_say_which_run_a_row_is_of() -> None:
    log = opened(lines("run,step,loss", "a,1,2.5", "b,1,3.5", "a,2,2.25", "b,2,3.25"))
    assert series(log, "loss", "a") == [(1, 2.5), (2, 2.25)]
    assert series(log, "loss", "b") == [(1, 3.5), (2, 3.25)]


def test_a_column_may_say_what_a_row_was_measured_on() -> None:
    log = opened(lines("step,split,loss", "1,train,2.5", "1,val,2.75", "2,train,2.25", "2,val,2.5"))
    assert series(log, "loss") == [(1, 2.5), (2, 2.25)]
    assert series(log, "val_loss") == [(1, 2.75), (2, 2.5)]


def test_a_table_may_have_a_metric_a_line() -> None:
    log = opened(lines("step,metric,value", "1,train/loss,2.5", "1,val/loss,2.75", "2,train/loss,2.25", "2,lr,0.1"))
    assert series(log, "loss") == [(1, 2.5), (2, 2.25)]
    assert series(log, "val_loss") == [(1, 2.75)] and series(log, "lr") == [(2, 0.1)]


def test_epochs_are_steps_where_there_is_nothing_else() -> None:
    losses = [*enumerate([3.0, 2.0, 1.0], 1)]
    log = opened(lines(*(f"Epoch {epoch}/10 - loss: {loss} - val_loss: {loss + 1}" for epoch, loss in losses)))
    assert rows(log) == [(epoch, {"loss": loss, "val_loss": loss + 1, "epoch": epoch}) for epoch, loss in losses]
    assert log.steps == 10


def test_fractions_of_epochs_are_counted_and_do_not_become_the_same_step() -> None:
    text = [f"{{'loss': {3 - i / 10:.2f}, 'learning_rate': 1e-05, 'epoch': {i / 10}}}" for i in range(1, 21)]
    log = opened(lines(*text, "{'train_runtime': 100.5, 'train_loss': 2.5, 'epoch': 2.0}"))
    assert [step for step, _ in series(log, "loss")] == [*range(1, 21)]


def test_whole_epochs_with_many_rows_each_are_counted() -> None:
    log = opened(lines("epoch,loss", *(f"{row // 10},{3 - row / 50}" for row in range(50))))
    assert [step for step, _ in rows(log)] == [*range(1, 51)]


def test_what_a_test_set_says_is_not_the_training_loss() -> None:
    epoch = [
        "Train Epoch: {0} [0/60000 (0%)]\tLoss: {1}",
        "Train Epoch: {0} [30000/60000 (50%)]\tLoss: {2}",
        "",
        "Test set: Average loss: {3}, Accuracy: 9849/10000 (98%)",
    ]
    log = opened(lines(*(line.format(e, 4 / e, 3 / e, 2 / e) for e in (1, 2, 3) for line in epoch)))
    assert [loss for _, loss in series(log, "loss")] == [4.0, 3.0, 2.0, 1.5, 4 / 3, 1.0]
    assert [loss for _, loss in series(log, "val_loss")] == [2.0, 1.0, 2 / 3]
    assert [step for step, _ in series(log, "loss")] == sorted({step for step, _ in series(log, "loss")})


def test_a_bar_counts_once_it_is_full() -> None:
    bar = "\r 1/20 [>...] - ETA: 5:00 - loss: 9.9\r20/20 [====] - 3s 2ms/step - loss: {0} - val_loss: {1}\n"
    log = opened("".join(f"Epoch {epoch}/3\n" + bar.format(3 / epoch, 4 / epoch) for epoch in (1, 2, 3)))
    assert series(log, "loss") == [(1, 3.0), (2, 1.5), (3, 1.0)] and log.steps == 3
    assert series(log, "val_loss") == [(1, 4.0), (2, 2.0), (3, 4 / 3)]


def test_a_line_may_hold_several_entries() -> None:
    text = " | ".join(f"iteration {step}/1530 | lm loss: {loss} | grad norm: 0.5" for step, loss in LOSSES)
    assert series(opened(text + "\n"), "loss") == LOSSES


def test_a_program_and_lost_blocks_before_the_first_line_are_passed_over() -> None:
    program = lines(
        "val_loss = 0.0", "    lr: float = 0.1", "for step in range(100):", "    loss = model(x, y)", "step = 0"
    )
    log = opened(b"\x00" * 5000 + (program + lines(*TEXTS["step:100/1530"])).encode())
    assert series(log, "loss") == LOSSES and rows(log)[0][0] == 100


def test_a_validation_loss_that_is_very_rare_is_found() -> None:
    entries = [json.dumps({"step": step, "loss": 2.5, "padding": "x" * 100}) for step in range(60_000)]
    entries[31_234] = json.dumps({"step": 31_234, "val_loss": 2.25})
    text = lines(*entries)
    assert len(text) > SMALL
    assert series(opened(text), "val_loss") == [(31_234, 2.25)]


REFUSED = [
    (b"", r"the\.log: is empty"),
    (b"\x00" * 100, r"the\.log: is empty"),
    ("step,loss\n1,2\n".encode("utf-16"), r"is UTF-16; `iconv -f UTF-16 -t UTF-8 the\.log"),
    ("step,loss\n1,2\n".encode("utf-16-le"), r"is UTF-16"),
    (b"\x1f\x8b\x08\x00abcdef", r"is compressed; `gunzip -c the\.log"),
    (bytes(range(256)) * 20, r"is binary, not text"),
    (b"PK\x03\x04......", r"is a zip archive or a checkpoint"),
    (b"step,speed,mood\n1,2,3\n2,3,4\n", r"no column is called like a loss; .* --map loss=NAME from step, speed, mood"),
    (b"Dear diary, today I trained a model.\n", r"nothing in it was recognised as a training log"),
    (b"{}", r"nothing in it was recognised"),
    (b'[{"a": 1}]', r"--map loss=NAME from a"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "why"), REFUSED, ids=lambda value: value[:12] if isinstance(value, bytes) else "")
def test_what_cannot_be_read_is_refused_in_one_line_with_a_remedy(data: bytes, why: str) -> None:
    with pytest.raises(ReadError, match=why) as refused:
        list(opened(data).rows())
    assert "\n" not in str(refused.value)


def test_paths_that_are_no_logs_are_refused(tmp_path: Path) -> None:
    for path, why in [
        (tmp_path, "is a folder but no run's"),
        (tmp_path / "none.csv", "cannot be opened: No such file"),
        (Path(os.devnull), "is a device or a socket"),
    ]:
        with pytest.raises(ReadError, match=why):
            open_log(str(path), path)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=lambda: pipe.write_text(lines(*TEXTS["Step 100: Loss"])))
    writing.start()
    log = open_log("pipe", pipe)
    writing.join()
    assert series(log, "loss") == LOSSES


@pytest.mark.parametrize("rows", [3, 20])
def test_json_lines_longer_than_what_is_looked_at_first_are_lines(rows: int, tmp_path: Path) -> None:
    lines = (json.dumps({"step": step, "loss": 3 - step / 10, "text": "x" * 300_000}) for step in range(rows))
    path = tmp_path / "long.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    log = open_log("long.jsonl", path)
    assert (log.format, sum(1 for _ in log.rows())) == ("JSON lines", rows)


@pytest.mark.parametrize("lead", [0, 3])
def test_two_programs_that_write_into_one_log_are_told(lead: int) -> None:
    """Each has its own loss; one may be some steps ahead."""
    pairs = ((f"{step + lead},{3 - 0.01 * step}", f"{step},{2 - 0.01 * step}") for step in range(40))
    log = opened(lines("step,loss", *(row for pair in pairs for row in pair)))
    assert "several programs" in log.notes[0]


@pytest.mark.parametrize(
    "rows",
    [
        [*range(40), *range(30, 70)],
        [*range(40), *range(40), *range(40)],
        [step // 2 for step in range(80)],
    ],
    ids=["resumed", "begun again", "a value that is written twice"],
)
def test_a_step_that_comes_again_is_no_second_program_where_it_is_one_of_many_or_says_the_same(rows: list[int]) -> None:
    is_same = rows[0] == rows[1]
    text = lines("step,loss", *(f"{step},{3 - 0.01 * (step if is_same else place)}" for place, step in enumerate(rows)))
    assert opened(text).notes == ()


@pytest.mark.parametrize("written", ["[{}]", "{}", "{},\n", "({})\n"])
def test_a_file_that_is_one_list_of_numbers_is_a_series(written: str) -> None:
    losses = [2 * 0.9**row for row in range(40)]
    log = opened(written.format(", ".join(f"{loss:.6f}" for loss in losses)))
    assert [loss for _, loss in series(log, "loss")] == [pytest.approx(loss, abs=1e-6) for loss in losses]


@pytest.mark.parametrize(
    "other", ["[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]", "0.5, 0.25, 0.125", "1.5, two" + ", 3" * 20]
)
def test_a_list_of_counts_or_of_a_few_numbers_is_no_log(other: str) -> None:
    with pytest.raises(ReadError):
        opened(other)
