"""Every number on a page of the course is calculated here, or compared with the source that it comes from."""

from math import cos, exp, log, pi, sqrt

import numpy as np
import pytest

from tinygpt_tui.engine.config import LiveSettings, RunConfig, TrainingConfig
from tinygpt_tui.engine.healthy import EXPLODING, HEALTHY, LAYER_SPREAD, VANISHING
from tinygpt_tui.engine.presets import find_preset
from tinygpt_tui.engine.schedule import ScheduleConfig, planned_lr
from tinygpt_tui.engine.vocabulary import CHANCE_LOSS, VOCABULARY
from tinygpt_tui.tui.course.optimizer_steps import adam_steps, on_a_bowl
from tinygpt_tui.tui.course.pages import Page, pages_of, read_course

from .test_preset_sentences import SENTENCE_END, numbers

PAGES = {page.id: page for _, page in pages_of(read_course())}
BASELINE = find_preset("baseline")[1]


def lr_of(step: int, **schedule: object) -> float:
    plan = ScheduleConfig(lr=1e-3, min_lr=1e-4, warmup_steps=10, **schedule)  # type: ignore[arg-type]
    return planned_lr(
        LiveSettings.from_config(RunConfig(schedule=plan, training=TrainingConfig(steps=1000))), step, 1000
    )


def first_steps(bias_correction: bool) -> list[float]:
    """Adam's, over the rate, with equal gradients."""
    return [abs(each.update) / 1e-3 for each in adam_steps([1.0] * 40, 1e-3, bias_correction=bias_correction)]


UNCORRECTED = first_steps(bias_correction=False)
FACTS = {
    ("loss-what", "Certainty, p = 1, costs nothing"): -log(1) == 0,
    ("loss-what", "ln 2 = 0.69"): round(log(2), 2) == 0.69,
    ("loss-what", "halving p adds ln 2"): -log(0.3 / 2) + log(0.3) == pytest.approx(log(2)),
    ("loss-what", "p = 0.05 instead of 0.1"): round(-log(0.05) + log(0.1), 2) == 0.69,
    ("loss-what", "-ln 0.05 is 3.00"): round(-log(0.05), 2) == 3.00,
    ("loss-what", "-ln 0.1 is 2.30"): round(-log(0.1), 2) == 2.30,
    ("loss-what", "Only from p = 0.5 is that twice as much"): -log(0.25) == pytest.approx(-2 * log(0.5)),
    ("loss-guessing", "256 of them and 3 special tokens"): VOCABULARY == 256 + 3,
    ("loss-guessing", "loss = -ln(1/259) = ln 259 = 5.56"): round(CHANCE_LOSS, 2) == 5.56,
    ("loss-guessing", "50,000 tokens begins at a loss of 10.8"): round(log(50_000), 1) == 10.8,
    ("loss-guessing", "Yes: ln 50,000 = 10.8"): round(log(50_000), 1) == 10.8,
    ("loss-guessing", "5.56 belongs to 259"): round(log(259), 2) == 5.56,
    ("perplexity-what", "V, 259 here"): VOCABULARY == 259,
    ("perplexity-what", "every 0.69 halves"): round(exp(0.69), 1) == 2.0,
    ("perplexity-what", "Knowing for sure is 1"): exp(0) == 1,
    ("perplexity-what", "falls from 3.0 to 2.3"): round(exp(3.0 - 2.3)) == 2,
    ("perplexity-what", "from 20 to 10"): (round(exp(3.0)), round(exp(2.3))) == (20, 10),
    ("perplexity-what", "exp(3.0) = 20 and exp(2.3) = 10"): (round(exp(3.0)), round(exp(2.3))) == (20, 10),
    ("perplexity-what", "lower by ln 2 = 0.69"): round(log(2), 2) == 0.69,
    ("lr-size", "Beyond 1 every step lands on the other side"): on_a_bowl(1.01, 1)[1] < 0 < on_a_bowl(0.99, 1)[1],
    ("lr-size", "beyond 2 it lands farther away"): abs(on_a_bowl(2.01, 1)[1]) > 1 > abs(on_a_bowl(1.99, 1)[1]),
    ("lr-size", "why does a rate of 1.9 still arrive"): abs(on_a_bowl(1.9, 20)[20]) < 0.2,
    ("lr-size", "Each jump lands at 0.9"): on_a_bowl(1.9, 1)[1] == pytest.approx(-0.9),
    ("lr-size", "w - 1.9 w = -0.9 w"): pytest.approx(-0.9) == 1 - 1.9,
    ("lr-size", "At 2 it would stay as far"): abs(on_a_bowl(2.0, 5)[5]) == 1,
    ("lr-warmup", "lr(s) = min + (peak - min) * (s - 1) / W"): lr_of(4) == pytest.approx(1e-4 + 9e-4 * 3 / 10),
    ("lr-warmup", "min is 0.0001, the peak 0.001, W is 10"): lr_of(11) == pytest.approx(1e-3) and lr_of(10) < 1e-3,
    ("lr-warmup", "0.00055"): lr_of(6) == pytest.approx(0.00055),
    ("lr-warmup", "0.0001 + 0.0009 * (6 - 1) / 10 = 0.00055"): pytest.approx(0.00055) == 0.0001 + 0.0009 * 5 / 10,
    ("lr-three-phase", "lr = min + (peak - min) * (1 + cos(pi * p)) / 2"): (
        lr_of(850, kind="three-phase", decay_start=0.8)
        == pytest.approx(1e-4 + 9e-4 * (1 + cos(pi * 0.25)) / 2, rel=0.02)
    ),
    ("lr-three-phase", "Half-way through the decay, p = 0.5"): (
        lr_of(900, kind="three-phase", decay_start=0.8) == pytest.approx(5.5e-4, rel=0.02)
    ),
    ("lr-three-phase", "cos(pi/2) = 0, so lr = min + (peak - min)/2"): cos(pi / 2) == pytest.approx(0),
    ("lr-cycles", "with a growth of 2, periods of 130, 260, 520"): [130 * 2**k for k in range(3)] == [130, 260, 520],
    ("sgd", "to 10 times as much with a memory of 0.9"): sum(0.9**k for k in range(500)) == pytest.approx(10),
    ("adam", "1e-3 means that each weight moves by about a thousandth"): UNCORRECTED[0] > 1,
    ("adam", "All gradients of a model are multiplied by 100"): (
        adam_steps([100.0] * 9, 1e-3)[-1].update == pytest.approx(adam_steps([1.0] * 9, 1e-3)[-1].update)
    ),
    ("adam", "both become 100 times as large"): adam_steps([100.0], 1e-3)[0].m == pytest.approx(100 * 0.1),
    ("adam", "SGD would step 100 times"): 1e-3 * 100 == 100 * 1e-3,
    ("adam-bias", "after one step m is a tenth of the gradient, with b1 = 0.9, and v a thousandth"): (
        (adam_steps([1.0], 1e-3)[0].m, adam_steps([1.0], 1e-3)[0].v) == pytest.approx((0.1, 0.001))
    ),
    ("adam-bias", "too small by 10, but sqrt(v) by 32, so the first step is 3.2 times too long"): (
        round(UNCORRECTED[0], 1) == 3.2 and round(1 / sqrt(0.001)) == 32
    ),
    ("adam-bias", "the error grows for a dozen steps"): 10 <= int(np.argmax(UNCORRECTED)) + 1 <= 14,
    ("adam-bias", "1/(1 - b2) = 1000"): round(1 / (1 - 0.999)) == 1000,
    ("adam-bias", "0.1 / sqrt(0.001) = 3.2"): round(0.1 / sqrt(0.001), 1) == 3.2,
    ("adam-bias", "m' = m / (1 - b1^t)"): first_steps(bias_correction=True)[5] == pytest.approx(1, rel=1e-3),
    ("monitoring", "above 10 it explodes, below 1e-6 it has vanished"): (EXPLODING, VANISHING) == (10, 1e-6),
    ("monitoring", "about 1e-3 a step"): HEALTHY["update_ratio"].low < 1e-3 < HEALTHY["update_ratio"].high,
    ("monitoring", "1e-8"): VANISHING > 1e-8,
    ("monitoring", "order of magnitude"): LAYER_SPREAD == 10,
    ("problem-oscillation", "Batch 4 gives a band 0.4 wide"): 0.4 / sqrt(4) == 0.2,
    ("problem-oscillation", "with batch 4 accumulated 4 times"): 4 * 4 == 16,
    ("problem-oscillation", "4 times as many, so half the noise"): 1 / sqrt(4) == 0.5,
    ("problem-oscillation", "0.2"): 0.4 / sqrt(4) == 0.2,
    ("problem-oscillation", "a batch of 16 as far as the gradient is concerned"): 4 * 4 == 16,
    ("stop", "0.2 / sqrt(100) = 0.02, and their difference by 0.028"): round(0.02 * sqrt(2), 3) == 0.028,
    ("stop", "A gain of 0.02 is less than twice that"): 0.02 < 2 * 0.028,
    ("stop", "average 2.31, the 100 before 2.33"): round(2.33 - 2.31, 2) == 0.02,
}
"""By page and words of it: whether they are right."""
SUPPOSED = (
    ("loss-what", "loss = -ln p(true token)"),
    ("loss-guessing", "of its V tokens gets about 1/V"),
    ("loss-curve", "Step 412"),
    ("perplexity-what", "A perplexity of 20 means"),
    ("perplexity-what", "to choose among 20 tokens"),
    ("lr-size", "loss = w*w/2"),
    ("lr-warmup", "step W + 1"),
    ("lr-warmup", "the rate of step 6"),
    ("lr-three-phase", "p = (s - start)"),
    ("lr-shapes", "A cosine over 1000 steps"),
    ("lr-shapes", "Train anew with the schedule over 1500 steps"),
    ("adam", "m <- b1 * m"),
    ("adam-bias", "m and v start at 0"),
    ("adam-live", "near 1 in the first steps"),
    ("adam-live", "falls from 0.9 to 0.2"),
    ("monitoring", "flat at 5.5"),
    ("problem-nan", "0/0"),
    ("problem-nan", "at step 300"),
    ("problem-stall", "nearly 0"),
    ("problem-overfitting", "Training loss 1.2 and falling"),
    ("problem-overfitting", "val_loss was 2.2"),
    ("stop", "single steps scatter by 0.2"),
    ("problem-slow", "about 6 operations for each weight"),
)
"""Definitions, and the suppositions of questions."""


def test_the_facts_of_the_course_are_right() -> None:
    assert [words for words, holds in FACTS.items() if not holds] == []
    assert [(id, words) for id, words in (*FACTS, *SUPPOSED) if words not in _text(PAGES[id])] == []


@pytest.mark.parametrize("id", PAGES)
def test_every_number_of_a_page_is_one_of_them(id: str) -> None:
    known = [words for of, words in (*FACTS, *SUPPOSED) if of == id]
    unknown = [
        sentence
        for part in _parts(PAGES[id])
        for sentence in SENTENCE_END.split(part)
        if numbers(_without_names(sentence)) and not any(words in sentence or sentence in words for words in known)
    ]
    assert unknown == []


def _parts(page: Page) -> list[str]:
    question = page.question
    parts = (page.text, question.text, question.choices[question.answer - 1], question.explanation)
    return [" ".join(each.split()) for each in parts]


def _text(page: Page) -> str:
    return " ".join(_parts(page))


def _without_names(sentence: str) -> str:
    for name in ("b1", "b2", "g^2"):
        sentence = sentence.replace(name, "")
    return sentence
