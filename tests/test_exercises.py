"""The exercises: the truth about a run is its own, answers are graded against it, and a hidden fault stays hidden."""

import math
import random
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.screen import Screen

from tinygpt_tui.engine.config import RunConfig, TrainingConfig
from tinygpt_tui.engine.events import AnyEvent, Evaluated, FindingOpened, RunEnded
from tinygpt_tui.engine.lesson import Expectation, Lesson, LessonFix
from tinygpt_tui.engine.presets import Preset
from tinygpt_tui.engine.schedule import ScheduleConfig, scheduled_lr
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.dialogs.pick import Pick
from tinygpt_tui.tui.exercises import fault_screen
from tinygpt_tui.tui.exercises.curve import CurveTruth, curve_config, running_mean, truth_of
from tinygpt_tui.tui.exercises.curve_log import curve_log
from tinygpt_tui.tui.exercises.curve_screen import CurveExerciseScreen
from tinygpt_tui.tui.exercises.fault import COST, START, Hidden, disguised, eligible, hide, score
from tinygpt_tui.tui.exercises.fault_screen import FaultExerciseScreen
from tinygpt_tui.tui.exercises.grading import Topic, accepted, grade, is_near, questions
from tinygpt_tui.tui.home.screen import HomeScreen
from tinygpt_tui.tui.navigation import CurveExercise, FaultExercise, Place, RunDestination, StartRun
from tinygpt_tui.tui.view.run_view import RunView
from tinygpt_tui.tui.view.step_marks import step_marks

from .screen_text import shown, until
from .scripted_run import EndsWhenClosed, ScriptedRun, started, steps

SIZES = [(120, 36), (80, 24), (60, 16)]
TOPICS: tuple[Topic, ...] = ("warmup", "spike", "decay", "improving", "train_on")
seeds = st.integers(0, 10_000)


def falling(last: int, *, to: float = 2.5, noise: float = 0.0) -> list[float]:
    chance = random.Random(0)
    return [to + (5.5 - to) * math.exp(-step / (last / 6)) + chance.gauss(0, noise) for step in range(last)]


def truth_for(config: RunConfig, losses: list[float]) -> CurveTruth:
    return truth_of(config, np.arange(1.0, len(losses) + 1), np.array(losses))


@given(seeds)
def test_a_seed_is_one_exercise_and_can_be_trained(seed: int) -> None:
    config = curve_config(seed)
    assert config == curve_config(seed)
    assert config.training.steps <= 500


def test_seeds_differ_in_everything_that_is_asked() -> None:
    configs = [curve_config(seed) for seed in range(60)]
    assert {config.schedule.kind for config in configs} == {"three-phase", "constant", "cosine", "linear"}
    assert any(config.schedule.warmup_steps == 0 for config in configs)
    assert any(config.schedule.warmup_steps > 0 for config in configs)


@given(seeds)
def test_the_truth_about_the_schedule_is_what_the_schedule_does(seed: int) -> None:
    config = curve_config(seed)
    last = config.training.steps
    truth = truth_for(config, falling(last))
    rates = [scheduled_lr(config.schedule, step, last) for step in range(1, last + 1)]
    assert all(a < b for a, b in pairwise(rates[: truth.warmup_end + 1]))
    if truth.decay_start:
        assert rates[truth.decay_start - 1] < max(rates) and rates[truth.decay_start - 2] == pytest.approx(max(rates))
        assert all(a >= b for a, b in pairwise(rates[truth.decay_start - 1 :]))
    else:
        assert rates[-1] == max(rates)


@given(st.integers(20, 80), st.floats(0.5, 3.0))
def test_a_planted_spike_is_found_and_so_is_its_end(length: int, height: float) -> None:
    config = RunConfig(training=TrainingConfig(steps=300))
    spike = [5.5, 5.5, 5.5] + [5.5 + height * math.sin(math.pi * step / length) for step in range(1, length)]
    losses = spike + [5.4 - 0.01 * step for step in range(300 - len(spike))]
    truth = truth_for(config, losses)
    assert truth.spike_end == pytest.approx(length + 3, abs=7)
    assert truth_for(config, falling(300)).spike_end == 0


def test_a_spike_that_never_comes_back_lasts_to_the_end_and_nan_counts_for_nothing() -> None:
    config = RunConfig(training=TrainingConfig(steps=300))
    losses = [5.5] * 5 + [8.0] * 295
    assert truth_for(config, losses).spike_end == 300
    losses[10] = math.nan
    assert truth_for(config, losses).spike_end == 300


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.integers(1, 8))
def test_a_running_mean_is_the_mean_of_what_lies_in_its_span(values: list[float], span: int) -> None:
    means = running_mean(np.array(values), span)
    for place in range(len(values)):
        assert means[place] == pytest.approx(np.mean(values[max(place + 1 - span, 0) : place + 1]), abs=1e-9)


truths = st.builds(
    CurveTruth,
    steps=st.integers(200, 600),
    warmup_end=st.sampled_from([0, 40, 60, 100]),
    spike_end=st.sampled_from([0, 30, 90]),
    decay_start=st.sampled_from([0, 41, 150, 200]),
    gain=st.floats(-0.5, 0.5),
    error=st.floats(0.001, 0.1),
    fall=st.floats(0.1, 4.0),
)


def right_answers(truth: CurveTruth) -> dict[Topic, int]:
    return {
        "warmup": truth.warmup_end,
        "spike": truth.spike_end,
        "decay": truth.decay_start,
        "improving": accepted(truth, "improving")[0],
        "train_on": accepted(truth, "train_on")[0],
    }


@given(truths)
def test_the_truth_is_worth_all_points_and_nothing_is_worth_none(truth: CurveTruth) -> None:
    assert sum(mark.points for mark in grade(truth, right_answers(truth), saw_rates=False)) == 10
    assert sum(mark.points for mark in grade(truth, right_answers(truth), saw_rates=True)) == 8
    assert sum(mark.points for mark in grade(truth, {}, saw_rates=False)) == 0
    assert all(mark.reason for mark in grade(truth, {}, saw_rates=False))


@given(truths, st.integers(-200, 200), st.sampled_from(["warmup", "spike", "decay"]))
def test_a_step_is_right_within_the_stated_tolerance_and_not_beyond(truth: CurveTruth, off: int, topic: Topic) -> None:
    answers = right_answers(truth)
    assume(answers[topic] and 0 < answers[topic] + off <= truth.steps - truth.tolerance)
    answers[topic] += off
    (mark,) = [
        mark
        for mark in grade(replace(truth, warmup_half=999), answers, saw_rates=False)
        if mark.question.topic == topic
    ]
    assert mark.right == (abs(off) <= truth.tolerance)
    assert f"Within {truth.tolerance} steps" in questions(truth.steps, truth.tolerance)[0].text


TRUTH = CurveTruth(steps=400, warmup_end=0, spike_end=0, decay_start=0, gain=0.1, error=0.01, fall=3.0)


def test_no_warm_up_is_one_that_ends_at_step_0_and_no_decay_one_after_the_last_step() -> None:
    assert TRUTH.tolerance == 24
    assert is_near(20, TRUTH, "warmup") and not is_near(25, TRUTH, "warmup")
    assert is_near(0, TRUTH, "decay") and is_near(390, TRUTH, "decay") and not is_near(20, TRUTH, "decay")
    assert not is_near(20, TRUTH, "spike") and not is_near(0, replace(TRUTH, spike_end=20), "spike")


def test_steps_that_a_curve_cannot_tell_apart_are_all_right() -> None:
    config = replace(curve_config(1), training=TrainingConfig(steps=400))
    schedule = ScheduleConfig(kind="cosine", lr=3e-3, min_lr=6e-5, warmup_steps=100)
    truth = truth_for(replace(config, schedule=schedule), falling(400))
    assert (truth.warmup_end, truth.decay_start) == (100, 102)
    assert is_near(60, truth, "warmup") and not is_near(20, truth, "warmup")
    assert is_near(250, truth, "decay") and not is_near(320, truth, "decay") and not is_near(60, truth, "decay")


@given(truths)
def test_every_choice_has_a_right_answer_and_borders_take_their_two_sides(truth: CurveTruth) -> None:
    counts: dict[Topic, int] = {"improving": 2, "train_on": 3}
    for topic, count in counts.items():
        right = accepted(truth, topic)
        assert right and set(right) <= set(range(1, count + 1))
    if truth.gain > 4 * truth.error:
        assert accepted(truth, "improving") == (1,)
    if truth.gain < 0:
        assert accepted(truth, "improving") == (2,) and accepted(truth, "train_on") == (3,)


def test_where_two_answers_count_that_is_said() -> None:
    border = CurveTruth(steps=300, warmup_end=0, spike_end=0, decay_start=0, gain=0.093, error=0.0445, fall=2.5)
    reasons = {mark.question.topic: mark.reason for mark in grade(border, {}, saw_rates=False)}
    assert accepted(border, "improving") == (1, 2) and reasons["improving"].endswith("answers 1 and 2 count.")
    clear = replace(border, gain=-0.1)
    assert not any("count" in mark.reason for mark in grade(clear, {}, saw_rates=False))


def test_a_run_that_has_stopped_improving_is_told_from_one_that_goes_on() -> None:
    config = RunConfig(training=TrainingConfig(steps=500))
    flat = truth_for(config, falling(100) + [2.5] * 400)
    steep = truth_for(config, [5.5 - 0.005 * step for step in range(500)])
    assert accepted(flat, "improving") == (2,) and accepted(flat, "train_on") == (3,)
    assert accepted(steep, "improving") == (1,) and accepted(steep, "train_on") == (1,)


def test_the_log_has_the_rates_only_if_they_are_asked_for() -> None:
    config = curve_config(1)
    view = RunView.of(config).after_all([started(config), *steps(config, falling(config.training.steps))])
    plain, full = curve_log(view, rates=False), curve_log(view, rates=True)
    assert len(plain) == len(full) > 15
    assert all(longer.startswith(line) and len(longer) > len(line) for line, longer in zip(plain, full, strict=True))


def preset(id: str, kind: str | None, changes: dict[str, object] | None = None) -> Preset:
    lesson = Lesson(
        summary=f"About {id}",
        why=f"Because of {id}.",
        expected=(Expectation(kind=kind, by=50),) if kind else (),  # pyright: ignore[reportArgumentType]
        fixes=(LessonFix(title="mend it", changes=changes, then="It falls."),) if changes else (),  # pyright: ignore
    )
    schedule = ScheduleConfig(lr=0.5)
    return Preset(id=id, path=Path(f"{id}.toml"), config=RunConfig(title=id.upper(), lesson=lesson, schedule=schedule))


LIBRARY = [
    preset("hot", "nan", {"schedule.lr": 1e-3}),
    preset("hotter", "nan", {"schedule.lr": 1e-3}),
    preset("deep", "vanishing_gradients", {"schedule.lr": 1e-3}),
    preset("healthy", None, {"schedule.lr": 1e-3}),
    preset("hopeless", "stall"),
    preset("broken", "stall", {"model.width": -1}),
]


def test_a_fault_can_be_hidden_if_it_is_expected_to_show_and_has_a_fix() -> None:
    assert [each.id for each in eligible(LIBRARY)] == ["hot", "hotter", "deep"]
    assert hide([LIBRARY[3]], 1) is None


@given(seeds)
def test_a_hidden_fault_is_among_its_choices_and_its_fix_is_another_run(seed: int) -> None:
    hidden = hide(LIBRARY, seed)
    assert hidden is not None and hidden == hide(LIBRARY, seed)
    assert hidden.preset in hidden.choices
    assert len({each.id for each in hidden.choices}) == len(hidden.choices) <= 5
    assert hidden.mended != hidden.preset.config and hidden.mended.schedule.lr == 1e-3


@given(seeds, st.lists(st.sampled_from(["lr", "gradient", "layers", "val_loss", "sample"]), unique=True))
def test_instruments_cost_points_and_only_the_right_name_gets_them_all(seed: int, bought: list[str]) -> None:
    hidden = hide(LIBRARY, seed)
    assert hidden is not None
    left = START - COST * len(bought)
    for answer in LIBRARY:
        got = score(hidden, answer, bought)  # pyright: ignore[reportArgumentType]
        alike = {each.kind for each in answer.config.lesson.expected} & {
            each.kind for each in hidden.preset.config.lesson.expected
        }
        assert got.points == (left if answer is hidden.preset else left // 2 if alike else 0)


def test_a_disguised_run_gives_nothing_away_that_was_not_paid_for() -> None:
    config = LIBRARY[0].config
    view = RunView.of(config).after_all(said(config, 60))
    hidden = disguised(view, [])
    assert hidden.config.title != config.title and not hidden.config.lesson.why
    assert not hidden.findings and not step_marks(hidden) and not len(hidden.evaluations)
    assert len(disguised(view, ["val_loss"]).evaluations) == 1


def said(config: RunConfig, count: int) -> list[AnyEvent]:
    return [
        started(config),
        *steps(config, falling(count)),
        Evaluated(step=count, val_loss=2.75, perplexity=math.exp(2.75)),
        *(
            FindingOpened(id=1, step=20, onset=12, kind=each.kind, severity="failure", evidence=f"{each.kind} is seen")
            for each in config.lesson.expected
        ),
    ]


class Exam:
    """The app in an exercise, with scripted runs to their end."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.opened: list[RunConfig] = []
        file = folder / "settings.toml"
        self.app = TinyGPTApp(folder / "runs", settings_file=file, destination=place, open=self._open)

    async def _open(self, destination: RunDestination, runs: Path) -> ScriptedRun:
        assert isinstance(destination, StartRun)
        config = destination.config
        self.opened.append(config)
        last = config.training.steps
        return ScriptedRun([*said(config, last), RunEnded(step=last, reason="finished")], config=config)


async def on(pilot: Pilot[None], kind: type[Screen], holds: Callable[[], object]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and holds())


@pytest.mark.parametrize("size", SIZES)
async def test_a_curve_is_read_with_the_keyboard_and_graded(tmp_path: Path, size: tuple[int, int]) -> None:
    exam = Exam(tmp_path, CurveExercise(3))
    config = curve_config(3)
    truth = truth_for(config, falling(config.training.steps))
    answers = right_answers(truth)
    async with exam.app.run_test(size=size) as pilot:
        for number, topic in enumerate(TOPICS, 1):
            await on(pilot, CurveExerciseScreen, lambda number=number: f"{number}. " in shown(exam.app))
            await until(pilot, lambda: "Loss  mean of" in shown(exam.app))  # the curve is drawn after the question
            assert "warmed up" not in shown(exam.app) and "Loss  mean of 15" in shown(exam.app)
            await pilot.press(*str(answers[topic]), *(["enter"] if topic in TOPICS[:3] else []))
        await until(pilot, lambda: "10 of 10 points" in shown(exam.app))
        await pilot.press("n")
        await until(pilot, lambda: len(exam.opened) == 2 and "1. " in shown(exam.app))
        assert exam.opened[1] == curve_config(4)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(exam.app.screen, CurveExerciseScreen))


@pytest.mark.parametrize(
    ("place", "screen"), [(CurveExercise(3), CurveExerciseScreen), (FaultExercise(3), FaultExerciseScreen)]
)
async def test_an_exercise_is_left_while_its_run_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place, screen: type[Screen]
) -> None:
    exam = Exam(tmp_path, place)

    async def open_endless(destination: RunDestination, runs: Path) -> ScriptedRun:
        assert isinstance(destination, StartRun)
        exam.opened.append(destination.config)
        return EndsWhenClosed(said(destination.config, 2), config=destination.config, live=True)

    monkeypatch.setattr(exam.app, "_open", open_endless)
    async with exam.app.run_test(size=(120, 36)) as pilot:
        await on(pilot, screen, lambda: exam.opened)
        await pilot.pause()
        await pilot.press("q")
        await until(pilot, lambda: "Learn" in shown(exam.app))


@pytest.mark.parametrize("size", SIZES)
async def test_how_to_name_the_fault_is_seen_at_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    exam = Exam(tmp_path, FaultExercise(3))
    async with exam.app.run_test(size=size) as pilot:
        await on(pilot, FaultExerciseScreen, lambda: "a name the fault" in shown(exam.app).splitlines()[-1])


async def test_the_rates_of_a_curve_cost_points_and_the_log_can_be_seen_on_a_narrow_screen(tmp_path: Path) -> None:
    exam = Exam(tmp_path, CurveExercise(3))
    async with exam.app.run_test(size=(60, 16)) as pilot:
        await on(pilot, CurveExerciseScreen, lambda: "1. " in shown(exam.app))
        assert "  step    loss" not in shown(exam.app)
        await pilot.press("l", "r")
        await until(pilot, lambda: "  step    loss  lr" in shown(exam.app))


async def test_a_step_is_typed_with_every_digit_and_erased_again(tmp_path: Path) -> None:
    exam = Exam(tmp_path, CurveExercise(3))
    async with exam.app.run_test(size=(120, 36)) as pilot:
        await on(pilot, CurveExerciseScreen, lambda: "1. " in shown(exam.app))
        for digits in ("1234", "5678", "90"):
            await pilot.press(*digits)
            await until(pilot, lambda digits=digits: f"step {digits}" in shown(exam.app))
            await pilot.press(*["backspace"] * len(digits))
            await until(pilot, lambda digits=digits: digits[:1] + "▏" not in shown(exam.app))
            assert "1. " in shown(exam.app)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_screen, "read_presets", lambda own: LIBRARY)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("key", ["escape", "q"])
@pytest.mark.parametrize(
    ("place", "kind"), [(CurveExercise, CurveExerciseScreen), (FaultExercise, FaultExerciseScreen)]
)
async def test_an_exercise_is_left_for_home(
    tmp_path: Path, place: Callable[[int], Place], kind: type[Screen], key: str
) -> None:
    exam = Exam(tmp_path, place(3))
    async with exam.app.run_test(size=(80, 24)) as pilot:
        await on(pilot, kind, lambda: exam.opened)
        await pilot.press(key)
        await on(pilot, HomeScreen, lambda: True)


def found(seed: int) -> Hidden:
    hidden = hide(LIBRARY, seed)
    assert hidden is not None
    return hidden


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("size", SIZES)
async def test_a_fault_is_named_with_the_keyboard_and_shown_beside_the_run_without_it(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    exam, hidden = Exam(tmp_path, FaultExercise(5)), found(5)
    async with exam.app.run_test(size=size) as pilot:
        await on(pilot, FaultExerciseScreen, lambda: "step 1000/1000" in shown(exam.app))
        assert hidden.preset.config.title not in shown(exam.app) and "Because of" not in shown(exam.app)
        await pilot.press("1", "4")
        await until(pilot, lambda: "8 points left" in shown(exam.app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(exam.app.screen, Pick))
        await pilot.press(str(hidden.choices.index(hidden.preset) + 1))
        await until(pilot, lambda: "Right: 8 points" in shown(exam.app))
        await until(pilot, lambda: len(exam.opened) == 2)
        assert exam.opened == [hidden.preset.config, hidden.mended]
        await until(pilot, lambda: re.search("Loss  with the fault .*without it", shown(exam.app)) or size[1] < 20)
        await pilot.press("n")
        await until(pilot, lambda: len(exam.opened) == 3 and "10 points left" in shown(exam.app))


@pytest.mark.usefixtures("library")
async def test_every_instrument_can_be_bought_and_the_exercise_left(tmp_path: Path) -> None:
    exam = Exam(tmp_path, FaultExercise(5))
    async with exam.app.run_test(size=(120, 36)) as pilot:
        await on(pilot, FaultExerciseScreen, lambda: "step 1000/1000" in shown(exam.app))
        for number, instrument in enumerate(("Learning rate", "Gradient norm", "Layers", None, "Sample"), 1):
            assert instrument is None or instrument not in shown(exam.app)
            await pilot.press(str(number))
            await until(pilot, lambda left=10 - number: f"{left} points left" in shown(exam.app))
            await until(pilot, lambda name=instrument: name is None or name in shown(exam.app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(exam.app.screen, FaultExerciseScreen))


@pytest.mark.usefixtures("library")
async def test_a_wrong_name_gets_nothing_and_the_evidence_is_told(tmp_path: Path) -> None:
    seed = next(seed for seed in range(100) if found(seed).preset.id == "deep")
    exam, hidden = Exam(tmp_path, FaultExercise(seed)), found(seed)
    wrong = next(place for place, each in enumerate(hidden.choices, 1) if each.id == "hot")
    async with exam.app.run_test(size=(120, 36)) as pilot:
        await on(pilot, FaultExerciseScreen, lambda: "step 1000/1000" in shown(exam.app))
        await pilot.press("enter", str(wrong))
        await until(pilot, lambda: "Wrong: 0 points" in shown(exam.app))
        text = shown(exam.app)
        assert "It was DEEP" in text and "vanishing_gradients is seen" in text and "Because of deep" in text


async def test_without_a_fault_to_find_the_exercise_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_screen, "read_presets", lambda own: [replace(LIBRARY[3])])
    exam = Exam(tmp_path, FaultExercise(1))
    async with exam.app.run_test(size=(80, 24)) as pilot:
        await on(pilot, FaultExerciseScreen, lambda: "no preset with a fault" in shown(exam.app))
        assert exam.opened == []
