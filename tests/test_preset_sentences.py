"""Every number in a preset's sentences is proven: by a check on its runs, by its settings, or by arithmetic here."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from math import exp, log, sqrt

import numpy as np
import pytest
import torch

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.corpus import load_corpus
from tinygpt_tui.engine.lesson import Lesson, LessonFix
from tinygpt_tui.engine.preset_check import lesson_words
from tinygpt_tui.engine.presets import find_preset, preset_files
from tinygpt_tui.engine.training.model import GPT

PRESETS = {id: find_preset(id)[1] for id in sorted(preset_files())}
NUMBER = re.compile(r"\d+(?:[, ]\d{3})*(?:\.\d+)?(?:e-?\d+)?")
SENTENCE_END = re.compile(r"(?<=[.:;?!])\s+")


def train_bytes(id: str) -> float:
    return PRESETS[id].data.max_bytes * (1 - PRESETS[id].data.validation_share)


def parameters(id: str) -> int:
    return sum(each.numel() for each in GPT(PRESETS[id].model, torch.Generator()).parameters())


ARITHMETIC = {
    ("activation-gelu", "widens 64 numbers to 256"): 4 * 64 == 256,
    ("activation-swiglu", "Two paths of 170 numbers instead of one of 256"): 2 * 256 // 3 == 170,
    ("activation-swiglu", "3 x 2/3 = 2"): 3 * 2 / 3 == 2,
    ("batch-too-small", "About 2.8 times"): round(sqrt(8), 1) == 2.8,
    ("batch-too-small", "root 8 = 2.8"): round(sqrt(8), 1) == 2.8,
    ("constant-lr", "For 800 steps this is the baseline itself"): PRESETS["baseline"].schedule.decay_start * 1000
    == 800,
    ("cosine-lr", "From step 11 on"): PRESETS["cosine-lr"].schedule.warmup_steps + 1 == 11,
    ("early-stopping", "3600 bytes and the same plan of 800 steps"): (
        train_bytes("early-stopping") == 3600 and PRESETS["overfitting"].training.steps == 800
    ),
    ("early-stopping", "the run that goes on to step 800 arrives near 4"): (
        "val_loss at end > 3.8" in {claim.check for claim in PRESETS["overfitting"].lesson.claims}
    ),
    ("hot-start", "ln 1000 = 6.9"): round(log(1000), 1) == 6.9,
    ("hot-start", "-ln(1/1000) = 6.9"): round(-log(1 / 1000), 1) == 6.9,
    ("model-too-small", "1500 parameters"): round(parameters("model-too-small"), -2) == 1500,
    ("model-too-small", "eighty times as large"): 75 < parameters("baseline") / parameters("model-too-small") < 85,
    ("momentum", "1 + 0.9 + 0.81 + ... = 1 / (1 - 0.9) = 10"): round(sum(0.9**k for k in range(500)), 6) == 10,
    ("nan-softmax", "its numbers end at 65504"): float(np.finfo(np.float16).max) == 65504,
    ("nan-softmax", "exp(11.1) is already more"): exp(11.1) > 65504,
    ("nan-softmax", "the first one above 11"): exp(11.0) < 65504,
    ("nan-softmax", "as it nears 11"): exp(11.0) < 65504,
    ("nan-softmax", "until a score passes 11"): exp(11.0) < 65504,
    ("nan-softmax", "ln 65504 = 11.09"): round(log(65504), 2) == 11.09,
    ("no-bias-correction", "0.1 g and root v is root(0.001) g = 0.032 g"): round(sqrt(0.001), 3) == 0.032,
    ("no-bias-correction", "their ratio is 3.2"): round(0.1 / sqrt(0.001), 1) == 3.2,
    ("overfitting", "3600 bytes"): train_bytes("overfitting") == 3600,
    ("overfitting", "again every 14 steps"): round(3600 / (4 * 64)) == 14,
    ("overfitting", "thirty parameters for each byte"): 30 < parameters("overfitting") / 3600 < 35,
    ("overfitting", "With 7 MB"): round(8e6 * 0.9 / 1e6) == 7,
    ("overfitting-dropout", "3600 bytes"): train_bytes("overfitting-dropout") == 3600,
    ("overfitting-dropout", "30% of the signals"): PRESETS["overfitting-dropout"].model.dropout == 0.3,
    ("overfitting-more-data", "with 7 MB of text"): round(train_bytes("overfitting-more-data") / 1e6) == 7,
    ("overfitting-more-data", "200 kB"): round(800 * 4 * 64 / 1e3, -1) == 200,
    ("overfitting-small-model", "3600 bytes"): train_bytes("overfitting-small-model") == 3600,
    ("overfitting-small-model", "8500 parameters"): round(parameters("overfitting-small-model"), -2) == 8500,
    ("overfitting-weight-decay", "3600 bytes"): train_bytes("overfitting-weight-decay") == 3600,
    ("overfitting-weight-decay", "by 0.9% before"): round(3 * 3e-3, 6) == 0.009,
    ("overfitting-weight-decay", "(1 - 0.009)^100 = 0.40"): round(0.991**100, 2) == 0.40,
    ("positions-learned", "63 rules"): PRESETS["positions-learned"].model.context - 1 == 63,
    ("positions-rotary", "4096 parameters less"): parameters("positions-learned") - parameters("positions-rotary")
    == 4096,
    ("slow-batch", "2.8 times smaller"): round(sqrt(32 / 4), 1) == 2.8,
    ("slow-context", "each step has 1024"): 4 * 256 == 1024,
    ("slow-corpus", "there are 900 000 of them"): train_bytes("slow-corpus") == 900_000,
    ("slow-corpus", "900 000 / 256 = 3515"): 900_000 // (4 * 64) == 3515,
    ("slow-width", "1.66 million parameters instead of 121 thousand"): (
        round(parameters("slow-width") / 1e6, 2) == 1.66 and round(parameters("baseline") / 1e3) == 121
    ),
    ("vanishing-gradients", "seven factors of about a fifth is about a hundred-thousandth"): 5e-6 < 0.2**7 < 2e-5,
    ("warm-restarts", "over 200, 400 and 800 steps"): [200 * 2**k for k in range(3)] == [200, 400, 800],
}
"""By preset and words of it: whether they are right."""
SUPPOSED = (
    ("activation-swiglu", "2020)"),
    ("adam-l2", "(2017)"),
    ("norm-rmsnorm", "Sennrich 2019)"),
    ("positions-rotary", "2021)"),
    ("baseline", "Frequencies alone bring the loss from 5.56 to about 3.2, pairs of bytes to about 2.5"),
    ("hot-start", "A model has 1000 classes"),
    ("nan-softmax", "fp16"),
    ("nan-softmax", "the baseline's pass 11 within some hundred steps"),
    ("overfitting-weight-decay", "gets no gradient for 100 steps"),
    ("positions-learned", "place 17 and place 18"),
    ("refinement", "Loss falls by 0.05 in 300 steps"),
    ("refinement", "what 0.05 is worth"),
    ("sgd", "A has a gradient of 10, B one of 0.01"),
    ("slow-corpus", "one pass over 900 000 bytes"),
)
"""Years of papers, the suppositions of questions, and what other tests in this module check."""


def test_the_arithmetic_of_presets_is_right() -> None:
    assert [words for words, holds in ARITHMETIC.items() if not holds] == []
    every = [*ARITHMETIC, *SUPPOSED]
    assert [
        (id, words) for id, words in every if words not in f"{PRESETS[id].title} {_words(PRESETS[id].lesson)}"
    ] == []


def test_what_frequencies_of_bytes_and_of_pairs_bring_is_right() -> None:
    corpus = load_corpus(PRESETS["baseline"].data, context=64).train[:4_000_000].astype(np.int64)
    pairs = np.bincount(corpus[:-1] * 256 + corpus[1:], minlength=65536).reshape(256, 256) / (len(corpus) - 1)
    single = pairs.sum(axis=1)
    bytes_alone = -float(np.sum(single[single > 0] * np.log(single[single > 0])))
    both = -float(np.sum(pairs[pairs > 0] * np.log(pairs[pairs > 0])))
    assert bytes_alone == pytest.approx(3.2, abs=0.1)
    assert both - bytes_alone == pytest.approx(2.4, abs=0.1)


@pytest.mark.parametrize("id", PRESETS)
def test_every_number_of_a_preset_is_proven(id: str) -> None:
    config = PRESETS[id]
    assert [sentence for sentence in sentences(config.lesson) if not is_proven(id, config, sentence)] == []
    assert [fix.then for fix in config.lesson.fixes if not is_promised(config, fix)] == []


def sentences(lesson: Lesson) -> Iterator[str]:
    """All but those of fixes, wrong answers, and those that appear only where their condition holds."""
    watched = (each.what for each in lesson.watch if not each.when)
    asked = (
        words for each in lesson.questions for words in (each.text, each.choices[each.answer - 1], each.explanation)
    )
    for words in (lesson.summary, lesson.why, *watched, *asked):
        yield from SENTENCE_END.split(" ".join(words.split()))


def is_proven(id: str, config: RunConfig, sentence: str) -> bool:
    if not numbers(sentence) - known_numbers(config):
        return True
    quoted = [" ".join(each.says.split()) for each in config.lesson.claims]
    quoted += [words for of, words in (*ARITHMETIC, *SUPPOSED) if of == id]
    return any(words in sentence or sentence in words for words in quoted)


def is_promised(config: RunConfig, fix: LessonFix) -> bool:
    unknown = numbers(fix.then) - known_numbers(config)
    return not unknown or bool(fix.check) or 2 * abs(fix.better_by) >= max(unknown) or fix.title == "More data"


def numbers(words: str) -> set[float]:
    return {float(each.replace(",", "").replace(" ", "")) for each in NUMBER.findall(words)}


def known_numbers(config: RunConfig) -> set[float]:
    """Those of the configuration and of its fixes, and of guessing among all tokens."""
    changed = (value for fix in config.lesson.fixes for value in fix.changes.values())
    return {
        0.0,
        1.0,
        5.56,
        5.557,
        259.0,
        *_numbers_of(config),
        *(float(v) for v in changed if isinstance(v, int | float)),
    }


def _numbers_of(config: object) -> Iterator[float]:
    assert is_dataclass(config)
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value) and not isinstance(value, Lesson):
            yield from _numbers_of(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield float(value)


def _words(lesson: Lesson) -> str:
    return " ".join(f"{lesson_words(lesson)} {' '.join(each.title for each in lesson.fixes)}".split())


def test_a_number_without_a_proof_is_found() -> None:
    config = PRESETS["adam"]
    assert not is_proven("adam", config, "It ends at 1.97.")
    assert is_proven("adam", config, "It takes 600 steps.") and is_proven("batch-too-small", config, "root 8 = 2.8.")
    assert not is_promised(config, LessonFix(title="x", changes={"training.steps": 5}, then="It ends at 1.97."))
