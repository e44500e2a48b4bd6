"""Lines of well-known trainers that name their numbers in ways of their own, put as `name: value`."""

from __future__ import annotations

import re
from collections.abc import Callable

_VALUE = r"([-+]?(?:nan|inf|[\d.]+(?:e[-+]?\d+)?))"


_FRACTION = r"([-+]?(?:nan|inf|\d+\.\d+(?:e[-+]?\d+)?))(?![\w.])"
"""A comma between a name and a whole number may be one of a sentence."""
_KEY = re.compile(r"u?['\"]([^'\"]{1,40})['\"]:\s?")
_DICT_OF_LOSSES = r"\bloss(?:es)?:?\s{0,3}[:=]?\s{0,3}\{([^{}]{1,2000})\}"


def _progress(found: re.Match[str]) -> str:
    """A place in an epoch; that of an evaluation is no place of the training."""
    split, epoch, batch, batches = found.groups()
    if split != "Train":
        return f"{split}:"
    return f"epoch: {epoch}, batch: {batch}/{batches}" if epoch else f"batch: {batch}/{batches}"


def _sentence(found: re.Match[str]) -> str:
    """The names stand before the places and the value at the end; what is said of the best one is no entry."""
    before, name, epoch, kind, place, value = found.groups()
    return f"{before}{f'epoch: {epoch}, ' if epoch else ''}{kind}: {place}, {name}: {value}"


def _objective(found: re.Match[str]) -> str:
    """Kaldi's objective is a log-likelihood that rises; its negative is the loss."""
    batch, value = found.groups()
    return f"step: {batch} loss: {value.removeprefix('-') if value.startswith('-') else f'-{value}'}"


def _rising(found: re.Match[str]) -> str:
    """The same where it is printed with the place before it."""
    name, value = found.groups()
    return f"{name} loss: {value.removeprefix('-') if value.startswith('-') else f'-{value}'}"


def _losses_of(found: re.Match[str]) -> str:
    """A dict of losses by task or component, as spaCy prints one: each is a loss by the name of its own."""
    return _KEY.sub(lambda key: f" {key[1]}{'' if 'loss' in key[1].lower() else ' loss'}: ", found[1])


_DIALECTS: tuple[tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (sign, re.compile(pattern, re.IGNORECASE), plain)
    for sign, pattern, plain in (
        # darknet: ` 2240: 3.028, 3.1 avg loss, 0.001 rate, 2.5 seconds, 143360 images`
        (
            " rate",
            rf"^\s*(\d+): {_VALUE}, {_VALUE} avg(?: loss)?, {_VALUE} rate.*",
            r"step: \1 loss: \2, avg loss: \3, lr: \4",
        ),
        # the same by layer and batch, in between
        ("Region ", r".*\bRegion \d+ Avg\b.*", ""),
        # XGBoost and LightGBM: `[10]  train-logloss:0.6  eval-logloss:0.7`
        ("]", r"^\s*(?:\[[^\]]*[ :][^\]]*\]\s*)?\[(\d+)\][\s:]+(?=[A-Za-z])", r"round: \1 "),
        # CatBoost: `10:  learn: 0.6  test: 0.7  best: 0.7 (9)  total: 8ms`, once `10: learn 0.6passed: 8 ms`
        ("learn", r"^\s*(\d+):\s+learn:?(?=\s+\d)", r"round: \1 learn:"),
        # Marian: `Ep. 1 : Up. 500 : Sen. 32,000 : Cost 12.0 : Time 200.1s : L.r. 1.0e-04`
        ("Up. ", r"\bEp\. (\d+) : Up\. (\d+)", r"epoch \1 : step \2"),
        ("L.r. ", r"\bL\.r\. ", r"lr "),
        # PaddlePaddle: `Pass 3, Batch 100, Cost 1.5`
        ("Pass", r"\bPass\s*[:=]?\s*(\d+),\s*(?=Batch)", r"epoch \1, "),
        # ESPnet: `2epoch:train:1-100batch: loss=1.5`, `2epoch results: [train] loss=1.5, [valid] loss=1.7`
        ("epoch", r"\b(\d+)epoch:train:\d+-(\d+)batch:", r"epoch \1, batch \2, "),
        ("epoch", r"\b(\d+)epoch\b", r"epoch \1 "),
        # MXNet: `Epoch[3] Batch [100] Train-cross-entropy=1.5`
        ("Epoch[", r"\bEpoch\[(\d+)\]", r"Epoch \1"),
        # OpenNMT: `Epoch 1, 12850/37527; ppl: 50.1; xent: 3.9`
        ("poch", r"\b(epoch)\s+(\d+)[,;:]?\s+(\d+)\s*/\s*(\d+)(?=[\s;,|:\]])", r"\1 \2, batch: \3/\4"),
        # pix2pix and CycleGAN: `(epoch: 1, iters: 100, time: 0.1, data: 0.2) G_GAN: 1.2 D_real: 0.5`
        ("iters: ", r"\bepoch: (\d+), iters: (\d+)", r"epoch: \1, batch: \2"),
        # the same, and BasicSR: `[epoch: 12, iter:  60,000, lr:(2.000e-04,)]`
        ("iter:", r"\[epoch:\s*(\d+), iter:\s*([\d,]+), lr:\(", r"[epoch: \1, step: \2, lr: "),
        # timm and the ImageNet example: `Train: 3 [ 250/1251 ( 20%)]  Loss: 6.9 (6.95)`, `Test: [ 48/48]  Loss: 6.8`
        ("[", r"\b(Train|Test|Val|Valid|Eval): (?:(\d+) )?\[\s*(\d+)/\s*(\d+)", _progress),
        # `Loss [1, 100](epoch, minibatch): 2.3`
        ("](e", r"\b([a-z]*loss) \[(\d+), (\d+)\]\(epoch, [a-z]+\):", r"epoch: \2, batch: \3, \1:"),
        # `Epoch: [163][50]  Time 0.9`
        ("][", r"\bepoch:?\s?\[(\d+)\]\s?\[(\d+)\]", r"epoch: \1, batch: \2,"),
        # DCGAN, the PyTorch example: `[0/25][100/1583]  Loss_D: 0.5  Loss_G: 3.1`
        ("][", r"^\[(\d+)/\d+\]\s?\[(\d+)/(\d+)\]", r"epoch: \1, batch: \2/\3,"),
        # icefall: `loss[loss=0.35, over 4821.00 frames.], tot_loss[loss=0.5, over 9e5 frames.]`; the latter is a mean
        ("tot_loss[", r"\btot_loss\[[^\]]*\],?", ""),
        # courses and guides: `Cost after iteration 100: 0.69`, `Training loss (for one batch) at step 200: 0.42`
        (
            " ",
            rf"((?:\b[a-z]+[ .])?(?:loss|cost|error)\b)(?: \([a-z ]+\))? (?:at|after|for|in) (step|iter\w*|epoch|batch)"
            rf" (\d+)\s*[:=]\s*{_VALUE}",
            r"\2: \3 \1: \4",
        ),
        # the same as a sentence, perhaps with two places: `NCE Loss at epoch 0 and iteration 500 is 0.94`
        *(
            (
                sign,
                r"^(?!.*\b(?:best|lowest|smallest|min|minimum|previous|last)\b)(.*?)"
                r"((?:\b[a-z]+[ .])?(?:loss|cost|error)\b) (?:at|after|for|in) (?:epoch (\d+)(?:,|,? and)? )?"
                rf"(step|iter\w*|epoch|batch) (\d+) {sign.strip()} {_VALUE}",
                _sentence,
            )
            for sign in (" is ", " was ")
        ),
        # the same with both: `The train loss of epoch7-batch-50: 0.19`
        (
            "batch",
            rf"\b((?:[a-z]+ )?loss) (?:of|in|at|for) epoch[ _-]?(\d+)[ ,_-]+batch[ _-]?(\d+)\s?[:=]\s?{_VALUE}",
            r"epoch: \2, batch: \3, \1: \4",
        ),
        ("last ", r"\b(?:over|of|for|in) (?:the )?last \d+ \w+", ""),
        # as in the names of files: `step_78540:  loss_-4.06`
        ("loss_", rf"\b(epoch|step|iter)_(\d+)\W+loss_{_VALUE}", r"\1: \2 loss: \3"),
        # a program that left out the space behind a number: `idx: 0loss: 8.46`, `epoch: 3train_loss=0.5`
        *(
            (f"{digit}{word}", r"(?<![\w.])(\d+(?:\.\d+)?)(?=(?:train\w*_)?loss\s{0,3}[:=])", r"\1 ")
            for digit in "0123456789"
            for word in ("loss", "Loss", "train")
        ),
        # what `print` sets between its arguments: `step, 10, loss_train, 0.833`
        ("loss", rf"\b(\w*loss\w*), {_FRACTION}", r"\1: \2"),
        # DL4J: `Score at iteration 100 is 0.35`
        ("Score at iter", r"\bScore at iteration (\d+) is ", r"step: \1 loss: "),
        # NVIDIA's Tacotron 2: `Train loss 10 0.53 Grad Norm 1.2`, `Validation loss 1000: 0.41`
        (" loss ", rf"^(Train|Validation) loss (\d+):?\s+{_VALUE}\b", r"step: \2 \1 loss: \3"),
        # estimators of TensorFlow: `Saving dict for global step 1000: accuracy = 0.9, global_step = 1000, loss = 0.3`
        ("Saving dict", r"\bSaving dict for global step (\d+):", r"evaluation at step \1:"),
        # Karpathy's build-nanogpt: `250 train 6.1`, `250 val 6.2`
        (" train ", rf"^(\d+) train {_VALUE}\s*$", r"step: \1 train loss: \2"),
        (" val ", rf"^(\d+) val {_VALUE}\s*$", r"step: \1 val loss: \2"),
        # WaveGlow: `120:\t-5.21`
        (":\t", rf"^(\d+):\t{_VALUE}\s*$", r"step: \1 loss: \2"),
        # PyTorch's tutorials: `0m 27s (- 6m 18s) (5 6%) 1.5366`, `5000 5% (0m 9s) 2.2208`
        ("%) ", rf"^\d+m \d+s \((?:- \d+m \d+s\) \()?(\d+) \d+%\) {_VALUE}", r"step: \1 loss: \2"),
        ("% (", rf"^(\d+) \d+% \(\d+m \d+s\) {_VALUE}", r"step: \1 loss: \2"),
        # RetinaFace: `Loc: 2.1 Cla: 3.4 Landm: 5.0`
        ("Landm: ", r"\bLoc: (\S+) Cla: (\S+) Landm: ", r"loc_loss: \1 cla_loss: \2 landm_loss: "),
        # AllenNLP: `loss  |  0.31  |  0.44` below `Training | Validation`
        ("allennlp", rf"\s-\s(\w+)\s+\|\s+{_VALUE}\s+\|\s+{_VALUE}\s*$", r" \1: \2 validation \1: \3"),
        # Kaldi: `Average objective function for 'output' for minibatches 0-99 is -2.5 over 51200 frames.`
        ("objective function for", rf".*\bfor minibatches \d+-(\d+) is {_VALUE} over.*", _objective),
        # the same: `global average objf: -0.5 over 6400 frames`; Eesen: `Obj(log[Pzx]) = -34.1`
        ("bj", rf"\b((?:[a-z]+ )?(?:average )?)obj(?:f|\(log\[\w+\]\))\s?[:=]\s{{0,3}}{_VALUE}", _rising),
        # spaCy: `Losses {'ner': 117.4, 'tagger': 5.1}`
        *((sign, _DICT_OF_LOSSES, _losses_of) for sign in (" {", "={")),
        ("ner':", r"\{((?:u?'(?:ner|tagger|parser|textcat|tok2vec)': [^,{}]+,?\s?){1,5})\}", _losses_of),
        # TensorFlow's translation tutorial, for texts of several lengths: `  eval: bucket 0 perplexity 52.7`
        ("bucket ", r"\beval: bucket (\d+) perplexity ", r"eval: bucket_\1 perplexity: "),
        # YOLACT: `[  0]  520 || B: 3.451 | C: 2.964 | M: 4.671 | S: 0.945 | T: 12.031 || ETA: 2:31:22`
        ("| T: ", r"^\s*\[\s*(\d+)\]\s+(\d+) \|\| (.*)\| T: ", r"epoch: \1, step: \2, \3, total loss: "),
        # Tesseract: `At iteration 14/100/102, Mean rms=5.5%, delta=20%, char train=82%, word train=90%`
        (
            "At iter",
            rf"^(?:\w+:)*At iteration \d+/(\d+)/\d+, .*?(?:char|BCER) train={_VALUE}%.*",
            r"step: \1 error: \2",
        ),
        # FANN: `Epochs          100. Current error: 0.25. Bit fail 4.`
        ("Current error", r"^Epochs\s+(\d+)\. Current error:", r"epoch: \1 error:"),
        # Caffe: `Train net output #0: loss = 6.9 (* 1 = 6.9 loss)`; the loss before it is a mean
        ("net output #", r"\b(Train|Test) net output #(\d+): (\S+) =([^(]*).*", r"\1 net: output_\2 \3 =\4"),
    )
)


def plain(line: str) -> str:
    for sign, pattern, words in _DIALECTS:
        if sign in line:
            line = pattern.sub(words, line, count=1)
    return line
