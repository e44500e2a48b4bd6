"""Logs of many trainers, tables and blocks inside other text: the loss is found, and nothing else is taken for it."""

import io
import json
import math
from collections.abc import Mapping

import pytest

from tinygpt_tui.engine.readers.log import Log, open_log
from tinygpt_tui.engine.readers.source import ReadError

LOSSES = [3.0, 2.5, 2.0, 1.75]
NO_LOSS = r"nothing in it was recognised|no column is called like a loss"


def opened(text: str, given: Mapping[str, str] | None = None) -> Log:
    return open_log("the.log", io.BytesIO(text.encode()), given)


def series(log: Log, name: str = "loss") -> list[tuple[int, float]]:
    return [(row.step, row.values[name]) for _, row in log.rows() if name in row.values]


def lines(*parts: str) -> str:
    return "".join(f"{part}\n" for part in parts)


# one line or several for an entry: step s counted by 100, epoch e from 1, loss x, val_loss v
LINES = {
    "darknet": ("{s}: {x}, 9.9 avg loss, 0.001 rate, 2.5 seconds, 64 images", "Loaded: 0.5 seconds"),
    "XGBoost": ("[{s}]\ttrain-logloss:{x}\teval-logloss:{v}",),
    "LightGBM": ("[{s}]\ttraining's binary_logloss: {x}\tvalid_1's binary_logloss: {v}",),
    "CatBoost": ("{s}:\tlearn: {x}\ttest: {v}\tbest: 1.5 ({s})\ttotal: 8ms\tremaining: 1s",),
    "Marian": (
        "[2024-12-01 10:00:00] Ep. 1 : Up. {s} : Sen. 32,000 : Cost {x} : Time 200.1s : 3000.1 words/s : L.r. 1.0e-04",
        "[2024-12-01 10:05:00] [valid] Ep. 1 : Up. {s} : cross-entropy : {v} : new best",
    ),
    "Megatron": (
        " iteration {s}/ 900 | consumed samples: 32 | learning rate: 5.0E-05 | lm loss: {x} | loss scale: 1.0 |",
        " validation loss at iteration {s} | lm loss value: {v} | lm loss PPL: 2.34E+01 | ",
    ),
    "Caffe": (
        "I0102 03:04:05.6 77 solver.cpp:239] Iteration {s} (1.02 iter/s, 19.4s/20 iters), loss = {x}",
        "I0102 03:04:05.6 77 solver.cpp:258]     Train net output #0: loss = 9.5 (* 1 = 9.5 loss)",
        "I0102 03:04:05.6 77 sgd_solver.cpp:112] Iteration {s}, lr = 0.01",
    ),
    "OpenNMT": ("[2024-01-01 10:00:00 INFO] Step {s}/5000; acc: 4.2; ppl: 49.5; xent: {x}; lr: 0.1; 3000/3100 tok/s",),
    "OpenNMT by epoch": ("Epoch  1, {s}/37527; acc:   4.4; ppl: 4914.77; xent:   {x}; 3000 src tok/s; 100 s elapsed",),
    "ESPnet": ("[host] 2024-01-01 (trainer:732) INFO: 1epoch:train:1-{s}batch: iter_time=0.1, loss_ctc=9.5, loss={x}",),
    "fairseq": ("epoch 001:  {s} / 9000 loss={x}, ppl=300, wps=1000, num_updates={s}, lr=0.1, gnorm=1.5, clip=0",),
    "pix2pix": ("(epoch: 1, iters: {s}, time: 0.3, data: 0.0) D_A: {x} G_A: 0.4 cycle_A: 1.9 idt_A: 0.8",),
    "BasicSR": ("INFO: [train..][epoch:  0, iter:  {s:,}, lr:(2.000e-04,)] [eta: 1:00:00, time: 0.2] l_pix: {x:.2e}",),
    "torchtitan": ("\x1b[31mstep: {s}  \x1b[32mloss: {x}  \x1b[33mgrad_norm: 1.25  \x1b[34mtps: 2,012\x1b[39m",),
    "LightGBM's squares": ("[{s}]\ttraining's l2: {x}\tvalid_1's l2: {v}",),
    "Deeplearning4j": ("10:12:00.1 [main] INFO o.d.o.l.ScoreIterationListener - Score at iteration {s} is {x}",),
    "Tacotron 2": ("Train loss {s} {x} Grad Norm 1.5 2.1s/it", "Validation loss {s}: {v}  "),
    "file names": ("step_{s}:\tloss_{x}",),
    "print's commas": ("epoch 1, phase train, step {s}, loss_train, {x}",),
    "XGBoost in a notebook": ("    [{s}]\tvalidation_0-logloss:{v}\ttrain-logloss:{x}",),
    "LightGBM on Kaggle": ("13129.7s | 202 | [{s}]\ttraining's binary_logloss: {x}\tvalid_0's binary_logloss: {v}",),
    "FANN": ("Epochs {s:12d}. Current error: {x}. Bit fail 4.",),
    "an estimator": ("INFO:tensorflow:loss = {x}, step = {s} (0.9 sec)",
                     "INFO:tensorflow:Saving dict for global step {s}: accuracy = 0.9, global_step = {s}, loss = {v}"),
    "icefall": ("Epoch 1, batch {s}, loss[loss={x}, over 48.00 frames.], tot_loss[loss=9.5, over 9e5 frames.], lr: 1",),
    "the total of several": ('{{"step": {s}, "ppo/loss/value": 9.5, "ppo/loss/total": {x}, "ppo/loss/policy": 0.5}}',),
    "a course": ("Cost after iteration {s}: {x}",),
    "a guide": ("Training loss (for one batch) at step {s}: {x}",),
    "a mean over some": ("step {s}: mean loss over last 100 batches = {x}",),
    "numpy": ("{{'step': {s}, 'loss': np.float64({x}), 'val_loss': np.float64({v})}}",),
    "PaddleOCR": ("epoch: [1/200], global_step: {s}, lr: 0.1, CTCLoss: 9.5, loss: {x}, avg_reader_cost: 0.0001 s",),
    "a block": ("---------", "| time/            |     |", "|    total_timesteps | {s} |",
                "| train/ | |", "|    loss  | {x} |", "|    entropy_loss | -2 |", "---------"),
    "build-nanogpt": ("{s} train {x}", "{s} val {v}", "{s} hella 0.2512"),
    "WaveGlow": ("{s}:\t{x}",),
    "Kaldi": ("LOG Average objective function for 'o' for minibatches 0-{s} is -{x} over 9 frames.",),
    "Tesseract": ("At iteration 14/{s}/102, Mean rms=5.5%, delta=20.1%, char train={x}%, word train=9%",),
    "a tutorial of PyTorch": ("0m 27s (- 6m 18s) ({s} 6%) {x}",),
    "another tutorial of PyTorch": ("{s} 5% (0m 9s) {x} Horikawa / Japanese",),
    "darknet with layers": (
        "v3 (iou loss, Normalizer: (iou: 0.07) Region 30 Avg (IOU: 0.3), count: 8, class_loss = 9.5, total_loss = 9.5",
        " {s}: {x}, 9.9 avg loss, 0.001 rate, 2.5 seconds, 64 images, 1.1 hours left",
    ),
    "a total beside a part": ("Iter [{s}/900] cls: 0.5, reg: 0.25, trans_loss: 0.75, total: {x}, grad_norm: 5.5",),
    "parts in brackets": ("INFO Losses: [0.5, -0.5, {x}], step: {s}, lr: 0.1",),
    "a perplexity": ("Batch [{s}] Speed: 31.5 samples/sec perplexity={x}", "Batch [{s}] Validation-perplexity={v}"),
    "Korean": ("스텝 {s} - 훈련 손실: {x}, 검증 손실: {v}, 정확도: 0.5",),
    "Chinese": ("第{s}步，训练损失：{x}，验证损失：{v}，学习率：0.1",),
    "words before a name": ("step {s}: saved model weights loss_A: {x}, lowest loss_A: 0.5",),
    "arrows": ("step {s} => train loss --> {x} => val loss --> {v}",),
    "a plain block": ("---------", "| steps  | {s} |", "| loss | {x} |"),
}  # fmt: skip


@pytest.mark.parametrize("trainer", LINES)
def test_lines_of_many_trainers_are_read(trainer: str) -> None:
    numbered = [(100 * place, place, loss) for place, loss in enumerate(LOSSES, 1)]
    text = [line.format(s=s, e=e, x=x, v=x + 1) for s, e, x in numbered for line in LINES[trainer]]
    log = opened(lines("Loading data (Tue May  9 08:15:02 2023)", *text, "done"))
    assert series(log) == [(s, x) for s, _, x in numbered]
    if any("{v}" in line for line in LINES[trainer]):
        assert series(log, "val_loss") == [(s, x + 1) for s, _, x in numbered]


EPOCHS = {
    "MXNet": ("INFO:root:Epoch[{e}] Batch [9] Speed: 1.5 samples/sec", "INFO:root:Epoch[{e}] Train-cross-entropy={x}"),
    "ESPnet": ("INFO: {e}epoch results: [train] iter_time=0.1, loss={x}, [valid] loss={v}",),
    "AllenNLP": ("console_logger - Epoch {e}/9", "allennlp.training.console_logger - loss   |     {x}  |     {v}"),
    "bars with the data's name": ("Epoch: {e}", "train: 100%|###| 92/92 [00:31, 2.9it/s, dice_loss - {x}, iou - 0.5]",
                                  "valid: 100%|###| 10/10 [00:11<00:00, 9.11it/s, dice_loss - {v}, iou - 0.4]"),
    "DeepSpeech": ("Epoch {e} |   Training | Elapsed Time: 0:01:23 | Steps: 120 | Loss: {x}",
                   "Epoch {e} | Validation | Elapsed Time: 0:00:08 | Steps: 15 | Loss: {v} | Dataset: dev.csv"),
    "one name for two data sets": ("Epoch {e}: train acc 10.5% loss {x}; test acc 9.5% loss {v}",),
    "a bar of epochs": ("Epochs:  10%|#  | {e}/40 [00:31<05:00,  2.93s/it, tr_loss={x}, te_loss={v}]",),
    "a bar by epochs": ("  10%|#  | {e}/40 [05:05<50:32, 58.9s/ep] TrnLoss={x} ValLoss={v}",),
    "te": ("Epoch {e} tr_loss={x} te_loss={v}",),
    "Keras": ("Epoch {e}/9", "20/20 [====] - 3s 2ms/step - loss: {x} - val_loss: {v}"),
}  # fmt: skip


def test_a_place_in_an_evaluation_is_no_place_of_the_training() -> None:
    epoch = "Epoch: [{e}][ {b}/40]\tTime 0.3 (0.4)\tLoss {x} (9.5)"
    evaluation = "Test: [ {b}/ 8]\tTime 0.1 (0.2)\tLoss {x} (9.5)"
    text = [epoch.format(e=0, b=b, x=x) for b, x in [(10, 3.0), (20, 2.5)]] + [evaluation.format(b=0, x=4.0)]
    log = opened(lines(*text, *(epoch.format(e=1, b=b, x=x) for b, x in [(10, 2.0), (20, 1.75)])))
    assert [loss for _, loss in series(log)] == LOSSES
    assert [loss for _, loss in series(log, "val_loss")] == [4.0]


def test_the_pytorch_example_of_a_gan_counts_batches_anew_in_each_epoch_of_one_run() -> None:
    example = "[{e}/5][{b}/1583]\tLoss_D: {x}\tLoss_G: 4.7\tD(x): 0.4\tD(G(z)): 0.5 / 0.01"
    places = [(0, 0), (0, 50), (1, 0), (1, 50)]
    log = opened(lines(*(example.format(e=e, b=b, x=x) for (e, b), x in zip(places, LOSSES, strict=True))))
    rows = list(log.rows())
    assert {run for run, _ in rows} == {""}
    assert [row.values["epoch"] for _, row in rows] == [0, 0, 1, 1]
    assert [loss for _, loss in series(log)] == LOSSES


@pytest.mark.parametrize(
    "text",
    [
        "train_losses = [3.0, 2.5, 2.0, 1.75]\nval_losses = [4.0, 3.5, 3.0, 2.75]",
        "{'loss': [3.0, 2.5, 2.0, 1.75], 'val_loss': [4.0, 3.5, 3.0, 2.75]}",
        "{'loss': [3.0,\n  2.5,\n  2.0,\n  1.75],\n 'val_loss': [4.0,\n  3.5,\n  3.0,\n  2.75]}",
        "loss: [np.float64(3.0), np.float64(2.5), np.float64(2.0), np.float64(1.75)]\nval_loss: [4.0, 3.5, 3.0, 2.75]",
    ],
)
def test_series_in_brackets_are_read_number_by_number(text: str) -> None:
    log = opened(text)
    assert series(log) == [*enumerate(LOSSES, 1)]
    assert series(log, "val_loss") == [(place, x + 1) for place, x in enumerate(LOSSES, 1)]


def test_an_accuracy_given_as_a_count_is_a_share() -> None:
    text = "Train Epoch: {e} Loss: 2.3\nTest set: Average loss: 2.3, Accuracy: 980/10000 (10%)"
    assert series(opened(lines(*(text.format(e=e) for e in (1, 2, 3)))), "val_accuracy") == [
        (1, 0.098),
        (2, 0.098),
        (3, 0.098),
    ]


def test_names_on_two_lines_of_a_header_belong_together() -> None:
    head = (
        "|  Epoch  |  Iteration  |  Time Elapsed  |  Mini-batch  |  Validation  |",
        "|         |             |   (hh:mm:ss)   |     Loss     |     Loss     |",
    )
    rows = [
        f"|       1 |  {100 * place} |       00:00:0{place} |  {x} |  {x + 1} |" for place, x in enumerate(LOSSES, 1)
    ]
    log = opened(lines("|====|", *head, "|====|", *rows))
    assert series(log) == [(100 * place, x) for place, x in enumerate(LOSSES, 1)]
    assert series(log, "val_loss") == [(100 * place, x + 1) for place, x in enumerate(LOSSES, 1)]


def test_a_line_under_a_header_is_no_header() -> None:
    rows = [f"      {place}        {x:.4f}        {x + 1:.4f}  0.0514" for place, x in enumerate(LOSSES, 1)]
    log = opened(
        lines("  epoch    train_loss    valid_loss     dur", "-------  ------------  ------------  ------", *rows)
    )
    assert series(log) == [*enumerate(LOSSES, 1)]


@pytest.mark.parametrize(
    "name",
    ["rollout/ep_rew_mean", "charts/episodic_return", "AverageEpRet", "episode_reward_mean", "critic/rewards/mean"],
)
def test_a_reward_is_known_by_its_name(name: str) -> None:
    text = [
        f'{{"step": {place}, "loss": {x}, "{name}": {10 * x}, "reward_std": 1.5}}' for place, x in enumerate(LOSSES)
    ]
    assert series(opened(lines(*text)), "reward") == [(place, 10 * x) for place, x in enumerate(LOSSES)]


def test_the_losses_of_an_agent_are_none_to_be_minimised_alone() -> None:
    text = [f'{{"epoch": {place}, "LossPi": 0.01, "LossV": {x}, "Entropy": 0.6}}' for place, x in enumerate(LOSSES)]
    log = opened(lines(*text))
    assert log.facts.is_adversarial and "agent" in log.notes[0]


@pytest.mark.parametrize("name", ["trained", "printed"])
def test_a_notebook_is_read_by_what_its_cells_showed(name: str) -> None:
    table = "".join(f"<tr><td>{place}</td><td>{x}</td><td>{x + 1}</td></tr>" for place, x in enumerate(LOSSES, 1))
    head = "<tr><th>Epoch</th><th>Training Loss</th><th>Validation Loss</th></tr>"
    shown = {"data": {"text/html": [f"<table>{head}", f"{table}</table>"], "text/plain": ["<HTML object>"]}}
    printed = {"text": [f"Epoch {place}: loss {x} val_loss {x + 1}\n" for place, x in enumerate(LOSSES, 1)]}
    cells = [{"cell_type": "code", "outputs": [shown if name == "trained" else printed]}, {"cell_type": "markdown"}]
    cells.append({"cell_type": "code", "outputs": [{"text": "Test loss: 9.5"}]})
    log = opened(json.dumps({"cells": cells, "nbformat": 4}))
    assert series(log) == [*enumerate(LOSSES, 1)]
    assert series(log, "val_loss") == [(place, x + 1) for place, x in enumerate(LOSSES, 1)]


@pytest.mark.parametrize("trainer", EPOCHS)
def test_epochs_of_many_trainers_are_read(trainer: str) -> None:
    text = [line.format(e=e, x=x, v=x + 1) for e, x in enumerate(LOSSES, 1) for line in EPOCHS[trainer]]
    log = opened(lines(*text))
    assert series(log) == [*enumerate(LOSSES, 1)]
    if any("{v}" in line for line in EPOCHS[trainer]):
        assert series(log, "val_loss") == [(e, x + 1) for e, x in enumerate(LOSSES, 1)]


TABLES = {
    "a share between bars": ("| epoch | loss | acc |\n|---|---|---|", "| {e} | {x} | 45% |"),
    "fastai": ("epoch     train_loss  valid_loss  accuracy  time    ", "{e}         {x}        {v}      0.7  00:20"),
    "fastai without gaps": ("epoch     train_loss  valid_loss  time", "{e}         {x}00000{v}0000000:14"),
    "DeepXDE": ("Step      Train loss        Test loss        Test metric", "{e}     [{x}, 0, 0]    [{v}, 0, 0]    []"),
    "spaCy": ("E    #       LOSS TOK2VEC  LOSS NER  SCORE ", " {e}   {e}    {x}     0.00   0.1"),
    "a notebook": ("Step\tTraining Loss\tValidation Loss", "{e}\t{x}\t{v}"),
    "a notebook without tabs": ("Step Training Loss Validation Loss", "{e} {x} {v}"),
    "a data frame": ("   epoch      loss  val_loss", "{e}  {e}   {x}  {v}"),
    "DeePMD": ('"#  step      rmse_val    rmse_trn         lr', "  {e}      {v}    {x}      1.0e-03"),
    "Vowpal Wabbit": ("average  since     example  current\nloss     last      counter  label", "{x}  9.5  {e}  -1.0"),
    "bars": ("| epoch | loss | val_loss |", "|   {e}   | {x} | {v}  |"),
    "Ultralytics": (
        "      Epoch    GPU_mem   box_loss   cls_loss  Instances       Size",
        "      {e}/100      2.5G      {x}      0.0         41        640: 100%|████| 100/100 [00:10<00:00]",
    ),
}


@pytest.mark.parametrize("shape", TABLES)
@pytest.mark.parametrize("header_again", [False, True])
def test_tables_inside_other_text_are_read(shape: str, header_again: bool) -> None:
    header, row = TABLES[shape]
    between = "Better model found at epoch 3 with valid_loss value: 0.5."
    text = ["Loading data", "lr0=0.01, momentum=0.9", header]
    for e, x in enumerate(LOSSES, 1):
        text += [*([header] if header_again else []), row.format(e=e, x=x, v=x + 1), between]
    log = opened(lines(*text, "Total time: 04:10"))
    assert series(log) == [*enumerate(LOSSES, 1)]
    if "{v}" in row:
        assert series(log, "val_loss") == [(e, x + 1) for e, x in enumerate(LOSSES, 1)]


def test_results_without_a_header_have_the_columns_that_yolo_writes() -> None:
    row = "  {e}/39  9.9G  {x}  0.5  0  9  20  640  0.5 0.5 0.1 0.1  {x} 0.25 0"
    log = opened(lines(*(row.format(e=e, x=x) for e, x in enumerate(LOSSES))))
    assert series(log) == [(e, x + 0.5) for e, x in enumerate(LOSSES)]
    assert series(log, "val_loss") == [(e, x + 0.25) for e, x in enumerate(LOSSES)]


@pytest.mark.parametrize("nan", ["nanxxx", "-nan", "NaN", "nan(ind)", "tensor(nan, device='cuda:0')"])
def test_nan_is_known_in_every_spelling(nan: str) -> None:
    log = opened(lines("step: 1, loss: 2.0, lr: 0.1", f"step: 2, loss: {nan}, lr: 0.1"))
    assert [math.isnan(loss) for _, loss in series(log)] == [False, True]


def test_bars_of_an_epoch_that_never_ended_are_entries() -> None:
    bars = [f"  {n}/102 [>....] - ETA: 5:59 - loss: {x}" for n, x in enumerate(LOSSES, 1)]
    assert series(opened(lines("Epoch 1/5", *bars))) == [*enumerate(LOSSES, 1)]
    full = [line.format(e=e, x=x, v=x) for e, x in enumerate(LOSSES, 1) for line in EPOCHS["Keras"]]
    assert series(opened(lines(*full, "Epoch 5/9", *bars))) == [*enumerate(LOSSES, 1)]
    drawn = "  1/102 [>....] - ETA: 5:59 - loss: 9.5" + "\b" * 40
    anew = lines(*(f"Epoch {e}/9\n{drawn}102/102 [====] - 9s 90ms/step - loss: {x}" for e, x in enumerate(LOSSES, 1)))
    assert series(opened(anew)) == [*enumerate(LOSSES, 1)]
    lost = opened(lines(*full, "Epoch 5/9", *bars, "  9/102 [>....] - ETA: 5:59 - loss: nan"))
    assert math.isnan(series(lost)[-1][1])


def test_rows_before_a_bar_that_is_not_full_are_no_entries_but_where_no_bar_ever_was() -> None:
    header = "      Epoch    GPU_mem   box_loss   cls_loss   Size"
    shown = ["0% ──── 0/9  8.9s", "89% ━━━╸ 8/9 3.5s/it<3.5s", "100% ━━━━ 9/9 5.5s/it 49.5s"]
    row = "      {e}/100      4.26G   {x}   4.5   640: {bar}"
    epochs = [
        row.format(e=e, x=x + more, bar=bar)
        for e, x in enumerate(LOSSES, 1)
        for more, bar in zip((2, 1, 0), shown, strict=True)
    ]
    assert series(opened(lines(header, *epochs))) == [(e, x + 4.5) for e, x in enumerate(LOSSES, 1)]
    assert len(series(opened(lines(header, *epochs[:2])))) == 2
    lost = opened(lines(header, *epochs, row.format(e=5, x="nan", bar=shown[1])))
    assert [step for step, loss in series(lost) if math.isnan(loss)] == [5]


def test_numbers_without_a_name_are_a_loss_in_a_text_that_names_none() -> None:
    placed = opened(lines(*(f"Epoch {e}: {x}" for e, x in enumerate(LOSSES, 1))))
    assert series(placed) == [*enumerate(LOSSES, 1)]
    counted = [f"{4.5 - place / 4}, {place % 8 * 100}" for place in range(16)]
    plain = opened(lines("Epoch: 0", *counted[:8], "Epoch: 1", *counted[8:]))
    assert [loss for _, loss in series(plain)] == [4.5 - place / 4 for place in range(16)]
    assert "column 1 was taken for the loss" in plain.notes[0]
    named = opened(lines("2.5, 0", "2.25, 100", "2.0, 200", *(f"step {s}: loss {x}" for s, x in enumerate(LOSSES))))
    assert [loss for _, loss in series(named)] == LOSSES


@pytest.mark.parametrize(
    ("row", "taken"),
    [
        ("Epoch {e} Lx: {x} Ly {x} speed {x} psnr 2{e}.5", "Lx"),
        ("[{e}] time {x}s lr 0.00{e} 3d_train {x} 3d_valid {v}", "3d_train"),
        ("INFO:trainer, 2022-03-10 18:50:5{e},696, epoch, 000{e}, {x}, 0.5, {v}", "column 1"),
    ],
)
def test_of_numbers_with_private_names_the_first_that_falls_is_taken_for_the_loss(row: str, taken: str) -> None:
    log = opened(lines("We train it.", *(row.format(e=e, x=x, v=x + 1) for e, x in enumerate(LOSSES, 1))))
    assert series(log) == [*enumerate(LOSSES, 1)]
    assert f"{taken} was taken for the loss; --map loss=NAME takes another" in log.notes[0]


def test_of_numbers_with_private_names_none_that_is_to_rise_is_taken_for_a_loss() -> None:
    with pytest.raises(ReadError, match=NO_LOSS):
        opened(lines(*(f"Epoch {e} psnr {x} speed {x + 9}" for e, x in enumerate(LOSSES, 1))))


def test_a_unit_is_no_part_of_the_name_behind_it() -> None:
    log = opened(lines(*(f"Step: {s}. Time Elapsed: {s}.5 s Mean Reward: {x}." for s, x in enumerate(LOSSES, 1))))
    assert series(log, "reward") == [*enumerate(LOSSES, 1)]


def test_a_table_copied_from_a_page_has_its_rule_below_the_names() -> None:
    log = opened(
        lines("epoch | train loss | val loss", "-- | -- | --", *(f"{e} | {x} | 9" for e, x in enumerate(LOSSES)))
    )
    assert series(log) == [*enumerate(LOSSES)]


def test_what_stands_behind_an_open_progress_bar_is_a_line_of_its_own() -> None:
    bars = [f" {e}%|##  | {e}/312 [02:27<1:00:48, 12.12s/it]{10 * e}, {x}" for e, x in enumerate(LOSSES, 1)]
    log = opened(lines("Num Epochs = 1 | Total steps = 312", *bars))
    assert [loss for _, loss in series(log)] == LOSSES


def test_a_pass_over_the_data_is_an_epoch() -> None:
    log = opened(lines(*(f"Pass {e}, Batch {b}, Cost {e + b}.5" for e in range(3) for b in range(4))))
    assert [step for step, _ in series(log)] == [*range(12)]


def test_a_decimal_comma_is_one_where_no_thousands_can_be() -> None:
    log = opened(lines("Epoch #1 Error:0,403222760807917", "Epoch #2 Error:0,25", "Epoch #3 Error:1,0625"))
    assert series(log) == [(1, 0.403222760807917), (2, 0.25), (3, 1.0625)]


def test_the_last_words_of_a_trainer_are_about_the_cost_that_it_printed() -> None:
    log = opened(lines("Epoch 1 Update 10 Cost 8.5", "Epoch 1 Update 20 Cost 7.5", "NaN detected"))
    assert [math.isnan(loss) for _, loss in series(log)] == [False, False, True]


def test_a_loss_that_is_nan_at_first_is_no_gap() -> None:
    log = opened(lines("Epoch 1 loss: nan", "Epoch 2 loss: nan", "Epoch 3 loss: 1.25"))
    assert [math.isnan(loss) for _, loss in series(log)] == [True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        lines(*(f"Epoch {e}: {x}" for e, x in enumerate(reversed(LOSSES)))),
        lines("Epoch 1: 2.5", "Epoch 2: 2.25", "Epoch 3: 2.0", "Epoch 4: 1.5", *["Saved the features"] * 5),
        lines("Epoch 1: 2.5", "Epoch 2: 2.25", "done"),
    ],
    ids=["they rise", "few among other lines", "too few"],
)
def test_numbers_without_a_name_that_may_be_anything_are_refused(text: str) -> None:
    with pytest.raises(ReadError, match=NO_LOSS):
        opened(text)


def test_an_error_that_was_measured_on_other_data_is_a_validation_loss() -> None:
    log = opened(lines(*(line for x in LOSSES for line in (f"Training Loss: {x}", f"Model test error: {x + 1}"))))
    assert [value for _, value in series(log, "val_loss")] == [x + 1 for x in LOSSES]


@pytest.mark.parametrize(
    "text",
    [
        lines("================ Training Loss (Tue May  9 08:15:02 2023) ================"),
        lines("hyperparameters: lr0=0.01, loss_ota=1, loss_cls=0.5"),
        lines("step,entropy_loss,lr", "1,-0.6,0.1", "2,-0.5,0.1"),
        lines("step,loss/num,loss/std,lr", "1,32,0.5,0.1", "2,4000,0.5,0.1"),
        lines("step,reader_cost,batch_cost,lr", "1,0.1,0.5,0.1", "2,0.1,0.5,0.1"),
        lines("episode,time", "1,0.5", "2,0.5", "3,0.5"),
    ],
    ids=["a date", "settings", "entropy", "counts", "costs of reading", "a count"],
)
def test_a_number_that_is_no_loss_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ReadError, match=NO_LOSS):
        opened(text)


def test_the_loss_of_an_agent_that_plays_episodes_need_not_fall() -> None:
    assert opened(lines(*(f"Episode {e}/10 | Loss: {x} | ε: 0.5" for e, x in enumerate(LOSSES)))).adversarial
    assert opened(lines("episode,reward,loss", *(f"{e},5,{x}" for e, x in enumerate(LOSSES)))).adversarial


def test_a_perplexity_is_not_compared_with_a_loss() -> None:
    line = "step {s} xent: {x} ppl: 9.5\nValidation perplexity: {v}"
    log = opened(lines(*(line.format(s=s, x=x, v=x + 1) for s, x in enumerate(LOSSES))))
    assert [loss for _, loss in series(log)] == LOSSES and "val_loss" not in log.columns
    assert not log.roles


def test_rows_may_be_counted_in_a_column_without_a_name() -> None:
    log = opened(lines(*(f"{place:<6d}, {x}" for place, x in enumerate(LOSSES))))
    assert [loss for _, loss in series(log)] == LOSSES


def test_several_losses_are_each_to_be_had_and_what_was_taken_is_stated() -> None:
    assert opened(lines("d_adv_loss,f_slf_loss,f_adv_loss", *(f"0.5,{x},{x}" for x in LOSSES))).adversarial
    log = opened(lines("step,loss_D,loss_G", *(f"{s},{x},{x + 1}" for s, x in enumerate(LOSSES))))
    assert log.adversarial and log.columns["loss"] == "loss_D" and log.losses == ("loss_G",)
    assert "play against each other" in log.notes[0] and "--map loss=NAME" in log.notes[0]
    assert [row.values["loss_G"] for _, row in log.rows(losses=True)] == [x + 1 for x in LOSSES]
    tasks = opened(
        lines("step,loss,eval_new_loss,eval_old_loss", *(f"{s},1,{x},{x + 1}" for s, x in enumerate(LOSSES)))
    )
    assert not tasks.adversarial and tasks.losses == ("eval_old_loss",)
    assert "eval_new_loss was taken" in tasks.notes[0] and "eval_old_loss" in tasks.notes[0]
    taken = opened(lines("step,loss_D,loss_G", "1,2,3", "2,3,4"), {"loss": "loss_G"})
    assert series(taken) == [(1, 3.0), (2, 4.0)]


def test_a_loss_that_is_left_out_when_it_is_nan_is_seen_by_the_norm() -> None:
    line = " iteration {}/ 900 | consumed samples: 32 | learning rate: 5.0E-05 | grad norm: nan | nan iterations: 0 |"
    log = opened(lines(*(line.format(step) for step in range(1, 9))))
    assert [step for step, norm in series(log, "grad_norm") if math.isnan(norm)] == [*range(1, 9)]
    assert "a loss that is NaN is left out by some trainers" in log.notes[0]
    with pytest.raises(ReadError, match=NO_LOSS):
        opened(lines(*(line.format(step).replace("nan |", "1.5 |") for step in range(1, 9))))


@pytest.mark.parametrize(("first", "is_left"), [((1.4, 0.08), True), ((1.4, 0.8), False), ((14.1, 0.76), False)])
def test_a_first_mean_over_a_window_hardly_filled_is_left_out(first: tuple[float, float], is_left: bool) -> None:
    rest = [(47_700 + 10 * place, 14.0, 0.8) for place in range(1, 20)]
    log = opened(lines(*(f"step {s} | loss {x} | grad {g}" for s, x, g in [(47_700, *first), *rest])))
    assert len(series(log)) == 20 - is_left and bool(log.notes) == is_left


def test_a_pasted_line_is_a_log_of_one_row() -> None:
    for line in ("{'loss': 2.5, 'grad_norm': 1.5, 'epoch': 0.1}", '{"step": 7, "loss": 2.5}', "step 7 loss 2.5"):
        assert [loss for _, loss in series(opened(line))] == [2.5]


@pytest.mark.parametrize("mark", [" ✓", " ★ best", " (best)", " 🌟", " ← lowest"])
def test_a_mark_behind_a_number_in_a_table_leaves_it_a_number(mark: str) -> None:
    rows = (f"| {place} | {x} | {x + 0.5}{mark} |" for place, x in enumerate(LOSSES, start=1))
    log = opened(lines("| Epoch | Train Loss | Val Loss |", "|:---|:---|:---|", *rows))
    assert [loss for _, loss in series(log, "val_loss")] == [x + 0.5 for x in LOSSES]


def test_a_final_loss_stated_once_is_not_the_series_that_it_ends() -> None:
    line = "Epoch {}/10 │ train_loss={}  train_accuracy=0.1 │ val_loss={}"
    rows = [line.format(epoch, x, x + 1) for epoch, x in ((1, 2.3), (10, 0.09))]
    log = opened(lines(*rows, "Final train loss: 0.0865", "Final val loss: 0.9"))
    assert log.columns["loss"] == "train_loss" and series(log) == [(1, 2.3), (10, 0.09)]
    assert series(opened("Final train loss: 0.0865\n")) == [(1, 0.0865)]


def test_cross_validation_as_speech_recognisers_call_it_is_held_out() -> None:
    line = "2023-01-30 18:47:07,107 DEBUG {} Batch 4/{} loss {} loss_att 1.5 loss_ctc 2.5 lr 0.0003 rank 0"
    train = [line.format("TRAIN", 100 * place, x) for place, x in enumerate(LOSSES)]
    log = opened(lines(*train, *(line.format("CV", 100 * place, 8 + x) for place, x in enumerate(LOSSES))))
    assert [loss for _, loss in series(log)] == LOSSES
    assert [loss for _, loss in series(log, "val_loss")] == [8 + x for x in LOSSES]


def test_rows_between_bars_have_a_loss_without_a_header() -> None:
    table = (f"  {place}    |   {x}   |  {x + 1}  |   {80 + place}.5   |" for place, x in enumerate(LOSSES, start=30))
    log = opened(lines(*(f"{row}\nValidation loss decreased (0.27 --> 0.26).  Saving model ..." for row in table)))
    assert [loss for _, loss in series(log)] == LOSSES


@pytest.mark.parametrize(("fence", "sign"), [("", ","), ("```csv\n", ","), ("", ";")])
def test_a_table_with_commas_inside_a_message_is_read_by_its_names(fence: str, sign: str) -> None:
    rows = lines("epoch,train_loss,val_loss", *(f"{place}.0,{x},{x + 1}" for place, x in enumerate(LOSSES, start=1)))
    table = f"{rows}5.0,1.7,\n....\n".replace(",", sign)
    log = opened(f"Hello, this is what my file, metrics.csv, looks like:\n{fence}{table}What is wrong?\n")
    assert series(log)[:4] == [*enumerate(LOSSES, start=1)]
    assert [loss for _, loss in series(log, "val_loss")] == [x + 1 for x in LOSSES]


@pytest.mark.parametrize("line", ["Episode {s}\tAverage Score: {x}", "> Episode {s} average score: {x}"])
def test_the_score_of_an_agent_is_its_reward_where_nothing_else_is_logged(line: str) -> None:
    log = opened(lines(*(line.format(s=100 * place, x=-x) for place, x in enumerate(LOSSES))))
    assert series(log, "reward") == [(100 * place, -x) for place, x in enumerate(LOSSES)]
    with pytest.raises(ReadError, match=NO_LOSS):
        opened(lines(*(line.replace("pisode", "poch").format(s=place, x=x) for place, x in enumerate(LOSSES))))


def test_a_value_that_stands_once_beside_a_series_is_not_taken() -> None:
    table = lines("| Step | val_bpb |", "|---|---|", *(f"| {100 * place} | {x} |" for place, x in enumerate(LOSSES)))
    log = opened(f"val_loss: 1.9\n\n{table}")
    assert series(log, "val_loss") == [(100 * place, x) for place, x in enumerate(LOSSES)]


def test_of_several_held_out_losses_the_one_that_measures_what_the_loss_does_is_taken() -> None:
    names = "step,train_total_mse_loss,val_dy_l1_loss,val_total_l1_loss,val_total_mse_loss,val_y_mse_loss"
    log = opened(lines(names, *(f"{s},{x},0.1,0.2,{x + 1},0.3" for s, x in enumerate(LOSSES))))
    assert log.columns["val_loss"] == "val_total_mse_loss"


def test_a_step_that_stands_behind_the_loss_of_its_object_belongs_to_it() -> None:
    state = json.dumps([{"loss": x, "lr": 0.1, "step": 10 * place} for place, x in enumerate(LOSSES)], indent=2)
    log = opened(f"Here is a part of my trainer_state.json:\n{state[: state.rindex('lr')]}what can I do?\n")
    assert series(log) == [(0, 3.0), (10, 2.5), (20, 2.0), (20, 1.75)]
    compact = state.replace("},\n  {", "},{")
    assert series(opened(f"Here it is:\n{compact}\n")) == [(10 * place, x) for place, x in enumerate(LOSSES)]
    assert series(opened('{\n"a": 1\nsome words\nstep 7 loss 2.0\n')) == [(7, 2.0)]


def test_a_sentence_about_a_loss_at_an_epoch_is_read_by_the_name_before_the_place() -> None:
    text = lines(*(f"Loss at epoch {e} is {x}\nNCE Loss at epoch {e} is {x - 3}" for e, x in enumerate(LOSSES)))
    log = opened(text)
    assert series(log) == list(enumerate(LOSSES)) and log.columns["loss"] == "Loss" and log.losses == ("NCE Loss",)
    placed = lines(*(f"NCE Loss at epoch 0 and iteration {s} was {x}" for s, x in enumerate(LOSSES)))
    assert series(opened(placed)) == list(enumerate(LOSSES))
    told = lines(*(f"epoch {e} loss {x}\nBest loss at epoch {e} is 0.5" for e, x in enumerate(LOSSES)))
    assert series(opened(told)) == list(enumerate(LOSSES))


@pytest.mark.parametrize("line", ["idx: {s}loss: tensor({x}, grad_fn=<NegBackward>)", "epoch: {s}train_loss={x}"])
def test_a_loss_may_stand_behind_a_number_without_a_space(line: str) -> None:
    log = opened(lines(*(line.format(s=place, x=x) for place, x in enumerate(LOSSES, start=1))))
    assert series(log) == list(enumerate(LOSSES, start=1))
    other = opened(lines(*(line.replace("}loss", "} l1loss").format(s=1, x=x) for x in LOSSES)))
    assert [x for _, x in series(other)] == LOSSES


@pytest.mark.parametrize(
    "row",
    [
        ",discriminator,Generator\n{e},{y},{x}",
        "| Epoch | Discriminator | Generator |\n|---|---|---|\n| {e} | {y} | {x} |",
    ],
)
def test_columns_called_generator_and_discriminator_are_losses_where_both_are_there(row: str) -> None:
    header, _, body = row.rpartition("\n")
    log = opened(lines(header, *(body.format(e=e, x=x, y=0.5 + e / 8) for e, x in enumerate(LOSSES, start=1))))
    assert series(log) == list(enumerate(LOSSES, start=1))
    assert log.adversarial and [name.lower() for name in log.losses] == ["discriminator"]


@pytest.mark.parametrize("names", ["step,generator,wind", "step,generator,discriminator"])
def test_a_generator_alone_or_one_that_is_counted_is_no_loss(names: str) -> None:
    scale = 1000 if "disc" in names else 1.3
    with pytest.raises(ReadError, match=NO_LOSS):
        opened(lines(names, *(f"{s},{scale * s},{scale * (9 - s)}" for s in range(1, 8))))


@pytest.mark.parametrize("of_training", ["Train acc: 0.5 | loss: {x}", "Train Loss: {x}"])
def test_a_bare_loss_behind_a_held_out_accuracy_is_held_out_where_that_of_training_has_its_own_lines(
    of_training: str,
) -> None:
    row = f"[Epoch: {{e}}] {of_training}\n[Epoch: {{e}}] Valid acc: 0.4 | loss: {{v}}"
    log = opened(lines(*(row.format(e=e, x=x, v=x + 1) for e, x in enumerate(LOSSES))))
    assert series(log) == list(enumerate(LOSSES))
    assert series(log, "val_loss") == [(e, x + 1) for e, x in enumerate(LOSSES)]
    alone = opened(lines(*(f"[Epoch: {e}] Valid acc: 0.4 | loss: {x}" for e, x in enumerate(LOSSES))))
    assert series(alone) == list(enumerate(LOSSES)) and "val_loss" not in alone.columns


@pytest.mark.parametrize("place", ["Epoch {e} | ", ""])
def test_the_mean_of_an_epoch_under_the_name_of_its_batches_is_left_out(place: str) -> None:
    mean = place + "Train Loss {m} | Valid Loss {x}"
    batches = "".join(f"Epoch {{e}} | Batch {b}/400 | Train Loss {{x}}\n" for b in (100, 200, 300))
    log = opened(lines(*((batches + mean).format(e=e, x=x, m=x + 0.5) for e, x in enumerate(LOSSES, start=1))))
    assert [x for _, x in series(log)] == [x for x in LOSSES for _ in range(3)]
    assert [x for _, x in series(log, "val_loss")] == LOSSES
    lost = opened((batches + mean).format(e=1, x=3.0, m="nan"))
    assert [str(x) for _, x in series(lost)] == ["3.0", "3.0", "3.0", "nan"]


@pytest.mark.parametrize(
    ("header", "row", "taken"),
    [
        ("Episode          Prey Reward      Predator Reward         Total Reward", "{s}  40  30  {x}", "Total Reward"),
        ("Episode          Prey Reward      Predator Reward", "{s}        {x}      30", "Prey Reward"),
        ("Episode,Prey Reward,Predator Reward", "{s},{x},30", "Prey Reward"),
        ("", "Episode {s} Prey Reward: {x} Predator Reward: 30.5", "Prey Reward"),
    ],
)
def test_the_rewards_of_several_agents_are_read(header: str, row: str, taken: str) -> None:
    log = opened(lines(header, *(row.format(s=s, x=x) for s, x in enumerate(LOSSES))))
    assert log.columns["reward"] == taken and series(log, "reward") == list(enumerate(LOSSES))
    assert "loss" not in log.columns


@pytest.mark.parametrize("header", ["step,portfolio return,price", "step,format_reward,length"])
def test_what_is_called_a_return_or_measures_a_reward_is_no_reward_of_an_agent(header: str) -> None:
    with pytest.raises(ReadError, match=NO_LOSS):
        opened(lines(header, *(f"{s},{x},{x * s}" for s, x in enumerate(LOSSES))))
