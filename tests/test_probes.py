"""Probes find faults that are planted in a run, find none in a healthy one, and leave it as it is to the bit."""

import asyncio
import math
import re
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from textual.app import App
from textual.widgets import Static

from tinygpt_tui.engine.config import ConfigError, RunConfig
from tinygpt_tui.engine.corpus import CorpusError
from tinygpt_tui.engine.events import ChangeSettings, FindingOpened, RunEnded, StepFinished, Stop
from tinygpt_tui.engine.experiments import probing as asking
from tinygpt_tui.engine.experiments.data_check import CheckedBatches, Repetition, data_verdict, repetition
from tinygpt_tui.engine.experiments.journal import used_and_planned_lrs
from tinygpt_tui.engine.experiments.probe_verdicts import (
    CheckedGradient,
    FirstNonFinite,
    TokenChanged,
    capacity_verdict,
    finite_verdict,
    first_loss_verdict,
    gradients_verdict,
    lr_verdict,
    mask_verdict,
    numeric_verdict,
    overfit_verdict,
)
from tinygpt_tui.engine.experiments.probes import PROBES, ProbeAnswer, ProbeWork
from tinygpt_tui.engine.experiments.probing import probe
from tinygpt_tui.engine.hosting.host import Host
from tinygpt_tui.engine.hosting.interfaces import Request
from tinygpt_tui.engine.presets import planned
from tinygpt_tui.engine.storage.event_log import EventLog, all_events
from tinygpt_tui.engine.storage.run_folder import StoreError
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.engine.training import model
from tinygpt_tui.engine.training.probes import learning
from tinygpt_tui.engine.training.probes.asked import MEASURES, probe_answers
from tinygpt_tui.engine.training.probes.non_finite import first_non_finite
from tinygpt_tui.engine.training.probes.passes import checked_gradients
from tinygpt_tui.engine.training.probes.run_copy import RunCopy
from tinygpt_tui.engine.training.trainer import Trainer
from tinygpt_tui.engine.worker import assemble
from tinygpt_tui.tui.cli import probe_command
from tinygpt_tui.tui.cli.commands import command
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.experiments import probe_screen
from tinygpt_tui.tui.experiments.probe_screen import ProbeScreen
from tinygpt_tui.tui.run import probing
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.settings import Settings

from .screen_text import until
from .scripted_run import ScriptedRun, started, steps
from .texts import small_config, small_corpus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUICK = [name for name in PROBES if name not in ("overfit", "capacity")]
HEALTHY = {
    "data.max_bytes": 100_000,
    "model.layers": 1,
    "schedule.lr": 1e-2,
    "training.steps": 12,
    "instruments.evaluate_every": 0,
    "instruments.sample_every": 0,
    "storage.checkpoint_every": 5,
}


def new_run(folder: Path, **changes: Any) -> Path:
    """A small one on real text; `fault__nan_step=5` sets fault.nan_step."""
    config = small_config().with_changes(HEALTHY)
    config = config.with_changes({name.replace("__", "."): value for name, value in changes.items()})
    return create(folder, config, "run", NOW, numbered=False)


def train(run: Path, *, stop_after: int | None = None, change: ChangeSettings | None = None) -> Path:
    """In this process; to its end, or to a step, with a change after the third."""
    log, requests = EventLog(run), SimpleQueue[Request]()
    hosted = assemble(run, lambda activity: None)
    trainer = hosted.loop
    assert isinstance(trainer, Trainer)
    plain = trainer.advance

    def advance():
        events = plain()
        if trainer.step == 3 and change:
            requests.put(Request(change))
        if trainer.step == stop_after:
            requests.put(Request(Stop()))
        return events

    trainer.advance = advance
    Host(hosted, log, requests, lambda event: None).run()
    log.close()
    return run


def words(run: Path, names: Sequence[str] = QUICK) -> dict[str, str]:
    return {answer.probe: answer.answer for answer in probe_answers(run, names)}


def contents(run: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def losses(run: Path) -> list[float | None]:
    return [event.loss for event in all_events(run) if isinstance(event, StepFinished)]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a live change of the lr and the batch."""
    return train(new_run(tmp_path_factory.mktemp("runs")), change=ChangeSettings(lr_times=0.5, batch=3, dropout=0.2))


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_is_complete_and_finds_nothing_wrong_with_a_healthy_run(name: str, healthy: Path) -> None:
    listed = PROBES[name]
    assert (listed.name, listed.question[-1]) == (name, "?") and listed.remedy
    assert f"    {name} " in (command.commands["probe"].help or ""), "the help of the command lists it"

    (answer,) = probe_answers(healthy, [name])

    assert answer.probe == name and answer.evidence and not answer.remedy
    # 12 steps are too few to compare models, or a higher lr gains as much in them: that is measured below
    assert answer.answer == "yes" or (name, answer.answer) == ("capacity", "cannot tell"), answer


def test_the_probes_that_are_listed_are_those_that_are_measured() -> None:
    assert list(PROBES) == list(MEASURES)


FAULTS: dict[str, dict[str, Any]] = {
    "finite": {"fault__nan_step": 9},
    "first-loss": {"model__init_scale": 30.0},
    "lr": {"fault__lr_jump_from": 7},
    "data": {"fault__shuffled_targets": True},
    "gradients": {"fault__detached": ["layer 1"]},
    "numeric": {"fault__flipped_from": 1},
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named_by_its_probe(name: str, tmp_path: Path) -> None:
    found = words(train(new_run(tmp_path, **FAULTS[name])))

    wrong = {each for each, word in found.items() if word == "no"}
    assert wrong == {name} | ({"numeric"} if name == "gradients" else set()), "a missing gradient is a wrong one too"


def leaking(q_BHTD: torch.Tensor, k_BHTD: torch.Tensor, v_BHTD: torch.Tensor, dropout: float) -> torch.Tensor:
    y_BHTD = F.scaled_dot_product_attention(q_BHTD, k_BHTD, v_BHTD)
    return y_BHTD.transpose(1, 2).flatten(0, 1).flatten(1)


def test_a_mask_that_leaks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "attend", leaking)
    assert [name for name, word in words(train(new_run(tmp_path))).items() if word == "no"] == ["mask"]


def test_held_out_text_that_lies_in_the_training_text_is_found(tmp_path: Path) -> None:
    text = bytes(np.random.default_rng(0).integers(32, 127, 4000, dtype=np.uint8))
    (tmp_path / "once.txt").write_bytes(text)
    (tmp_path / "twice.txt").write_bytes(text * 2)
    found = {}
    for name in ("once", "twice"):
        path = str(tmp_path / f"{name}.txt")
        found[name] = next(probe_answers(train(new_run(tmp_path / name, data__path=path)), ["data"]))
    assert found["once"].answer == "yes" and found["once"].values["overlap"] == 0
    assert found["twice"].answer == "no" and found["twice"].values["overlap"] == 1
    assert "held-out" in found["twice"].evidence and "hold out text" in found["twice"].remedy


@pytest.mark.parametrize(("fault", "word"), [({}, "yes"), ({"fault__frozen_from": 1}, "no")])
def test_one_batch_is_learnt_by_heart_unless_gradients_are_lost(
    fault: dict[str, Any], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MOST_STEPS", 150)
    assert words(new_run(tmp_path, **fault), ["overfit"]) == {"overfit": word}


def test_models_of_other_sizes_are_compared(tmp_path: Path) -> None:
    (enough,) = probe_answers(new_run(tmp_path / "enough", training__steps=60), ["capacity"])
    assert enough.answer == "yes" and enough.values.keys() == {"two_layers_more", "twice_the_width"}


def test_probes_leave_the_run_and_its_later_losses_as_they_are(tmp_path: Path) -> None:
    left_alone = train(new_run(tmp_path / "a"), change=ChangeSettings(dropout=0.3))
    run = train(new_run(tmp_path / "b"), stop_after=7, change=ChangeSettings(dropout=0.3))
    before = contents(run)

    assert len(words(run, list(PROBES))) == len(PROBES)

    assert contents(run) == before
    assert losses(train(run)) == losses(left_alone)


def test_a_copy_of_a_run_is_in_its_state_after_any_step(healthy: Path) -> None:
    copied = RunCopy(healthy)
    for step in (2, 8):
        trainer = copied.at(step)
        assert trainer.step == step
        (event,) = [event for event in trainer.advance() if isinstance(event, StepFinished)]
        assert event.loss == losses(healthy)[step]


def test_a_run_without_a_step_is_probed_as_it_would_begin(tmp_path: Path) -> None:
    found = words(new_run(tmp_path))
    assert found.pop("lr") == found.pop("finite") == "cannot tell"
    assert set(found.values()) == {"yes"}


@pytest.mark.parametrize(
    ("preset", "first"),
    [
        ("nan-softmax", r"the output of blocks\.\d\.attention is"),
        ("nan-learning-rate", r"the (gradient|output) of blocks\.\d\.[a-z_.]+ is"),
    ],
)
def test_the_module_that_a_preset_breaks_is_named(preset: str, first: str, tmp_path: Path) -> None:
    """In which block depends on the text, which is the running Python's."""
    quiet = {"training.steps": 40, "instruments.layers_every": 0, "data.max_bytes": 300_000}
    _, config = planned(preset, {}, tmp_path)
    run = train(create(tmp_path, config.with_changes(quiet), preset, NOW))
    bad = next(event.step for event in all_events(run) if isinstance(event, StepFinished) and is_bad(event))

    (answer,) = probe_answers(run, ["finite"])

    assert answer.answer == "no"
    assert re.match(rf"at step {bad} {first} the first that is not finite; its largest input is", answer.evidence)
    assert answer.values["step"] == bad and answer.values["largest_input"] > 0
    if preset == "nan-softmax":
        assert 11 < answer.values["attention_logit"] < 13 and "subtract the largest score" in answer.remedy


def is_bad(event: StepFinished) -> bool:
    return not math.isfinite(event.loss or 0) or not math.isfinite(event.grad_norm or 0)


@pytest.mark.parametrize(
    ("parameter", "module"),
    [
        ("blocks.1.feed_forward.up.weight", "blocks.1.feed_forward.up"),
        ("blocks.0.attention.qkv.bias", "blocks.0.attention.qkv"),
        ("norm.weight", "norm"),
        ("tokens.weight", "tokens"),
    ],
)
def test_a_module_with_a_nan_weight_is_named(parameter: str, module: str) -> None:
    trainer = Trainer(small_config(), small_corpus())
    for _ in range(2):
        trainer.advance()
    with torch.no_grad():
        place = 16 * ord(" ") if parameter == "tokens.weight" else -1
        dict(trainer.model.named_parameters())[parameter].view(-1)[place] = math.nan

    first = first_non_finite(trainer)

    assert first is not None
    assert (first.step, first.module, first.direction, first.broken) == (3, module, "output", parameter)


def test_a_norm_that_overflows_though_all_gradients_are_finite_is_named() -> None:
    trainer = Trainer(small_config(), small_corpus())
    plain = trainer.faults.gradients

    def enlarged(step: int) -> None:
        plain(step)
        trainer.flat.gradients.mul_(1e24)

    trainer.faults.gradients = enlarged
    first = first_non_finite(trainer)
    assert first is not None and first.is_norm


def test_weights_that_single_precision_is_too_coarse_for_are_not_checked() -> None:
    """Attention that leaps from one token to another."""
    trainer = Trainer(small_config(), small_corpus())
    for _ in range(3):
        trainer.advance()
    assert len(checked_gradients(trainer)) == 4
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if "qkv.weight" in name:
                parameter.mul_(1e4)
    assert len(checked_gradients(trainer)) < 4
    assert all(one.name.partition("[")[0] != "tokens.weight" for one in checked_gradients(trainer))


def test_a_gradient_that_turns_nan_after_the_backward_pass_is_named_by_its_parameter() -> None:
    trainer = Trainer(small_config().with_changes({"fault.nan_step": 2}), small_corpus())
    assert first_non_finite(trainer) is None

    first = first_non_finite(trainer)

    assert first is not None
    assert (first.step, first.module, first.parameter) == (2, "tokens", "tokens.weight")


NOISE = list(np.random.default_rng(0).normal(size=100))
CONTROL = [3 + 0.1 * x for x in NOISE]


def lower(by: float) -> list[float]:
    return [loss - by + 0.001 * x for loss, x in zip(CONTROL, reversed(NOISE), strict=True)]


VERDICTS: tuple[tuple[ProbeAnswer, str, str], ...] = (
    (first_loss_verdict(5.56), "yes", "5.56"),
    (first_loss_verdict(4.0), "no", "ln 259"),
    (lr_verdict([]), "cannot tell", "no step"),
    (lr_verdict([(1, 0.1, 0.1), (2, 0.2, 0.2)]), "yes", "all 2"),
    (
        lr_verdict([(1, 0.1, 0.1), (2, 0.6, 0.2), (3, 0.6, 0.2)]),
        "no",
        "2 of 3 steps, first at step 2: 0.6 instead of 0.2",
    ),
    (lr_verdict([(1, math.nan, 0.1)]), "no", "1 of 1"),
    (gradients_verdict({"a": 1.0, "b": 1e-9}, 3), "yes", "(b)"),
    (gradients_verdict({"a": 1.0, "b": 0.0}, 3), "no", "1 of 2 parameters get none after step 3: b"),
    (gradients_verdict({"a": 1.0, "b": math.inf}, 3), "cannot tell", "not finite"),
    (mask_verdict([TokenChanged(4, 0.0, 2.0)]), "yes", "2"),
    (mask_verdict([TokenChanged(4, 0.0, 2.0), TokenChanged(8, 0.01, 2.0)]), "no", "token 8"),
    (mask_verdict([TokenChanged(4, 0.0, 0.0)]), "cannot tell", "do not depend"),
    (mask_verdict([TokenChanged(4, 0.0, math.nan)]), "cannot tell", "not finite"),
    (numeric_verdict([CheckedGradient("a", 1.0, 1.01)], "fp32"), "yes", "0.99%"),
    (numeric_verdict([CheckedGradient("a", 1.0, 1.1)], "fp32"), "no", "a has 1, the loss says 1.1"),
    (numeric_verdict([CheckedGradient("a", 1.0, 1.1)], "bf16"), "yes", "a"),
    (numeric_verdict([CheckedGradient("a", math.nan, 1.1)], "fp32"), "cannot tell", "not finite"),
    (overfit_verdict([5.5, 0.05]), "yes", "0.05 in 2 steps"),
    (overfit_verdict([5.5, math.nan]), "cannot tell", "not finite after 2 steps"),
    (overfit_verdict([5.5, 3.0]), "no", "to 3 in 2 steps"),
    (numeric_verdict([], "fp32"), "cannot tell", "beyond single precision"),
    (
        capacity_verdict(CONTROL, {"two layers more": lower(0.0), "twice the width": lower(0.02)}, CONTROL),
        "yes",
        "-0.020",
    ),
    (
        capacity_verdict(CONTROL, {"two layers more": lower(0.0), "twice the width": lower(0.2)}, CONTROL),
        "no",
        "-0.200",
    ),
    (capacity_verdict(CONTROL, {"twice the width": lower(0.2)}, lower(0.15)), "cannot tell", "raise the lr first"),
    (capacity_verdict(CONTROL, {"twice the width": [math.nan] * 100}, CONTROL), "cannot tell", "not finite"),
    (capacity_verdict([7.0] * 100, {"twice the width": CONTROL}, CONTROL), "cannot tell", "guessing"),
    (capacity_verdict(CONTROL[:4], {"twice the width": CONTROL[:4]}, CONTROL[:4]), "cannot tell", "too few"),
    (finite_verdict(9, None, None), "yes", "all 9"),
    (finite_verdict(0, None, None), "cannot tell", "no step"),
    (finite_verdict(9, None, 4), "cannot tell", "step 4"),
    (
        finite_verdict(9, FirstNonFinite(step=4, module="loss", direction="gradient", is_norm=True), 4),
        "no",
        "the gradient norm is the first",
    ),
    (finite_verdict(9, FirstNonFinite(step=4, module="x", direction="output", broken="x.w"), 4), "no", "x.w is not"),
)


@pytest.mark.parametrize(("answer", "word", "says"), VERDICTS)
def test_what_the_numbers_mean(answer: ProbeAnswer, word: str, says: str) -> None:
    assert answer.answer == word and says in answer.evidence
    assert bool(answer.remedy) == (word == "no")


def test_a_decoded_batch_is_printable_and_repeated_text_is_counted() -> None:
    batches = CheckedBatches(steps=3, wrong=(), share=0.0, inputs=b"a\n\x1b[31m", targets=b"\n\x1b[31mb")
    answer = data_verdict(batches, Repetition(overlap=0.1, duplicates=0.9))
    assert answer.answer == "no" and "90% of training" in answer.evidence
    assert "“a\\n\\x1b[31m”" in data_verdict(batches, Repetition(0.0, 0.0)).evidence

    text = np.random.default_rng(0).integers(0, 256, 2000, dtype=np.uint8)
    assert repetition(text, text[:500]) == Repetition(overlap=1.0, duplicates=0.0)
    doubled = repetition(np.tile(text, 2), text[::-1].copy())
    assert doubled.overlap == 0 and doubled.duplicates > 0.95, "all but where both meet"


def test_the_lr_of_each_time_is_compared_with_the_schedule_of_that_time(healthy: Path) -> None:
    lrs = list(used_and_planned_lrs(healthy))
    assert [step for step, _, _ in lrs] == list(range(1, 13))
    assert all(used == planned for _, used, planned in lrs)


def test_the_command_asks_in_a_process_of_its_own(healthy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(["probe", str(healthy), "mask", "lr", "--json"]) == 0
    printed = [msgspec.json.decode(line) for line in capfd.readouterr().out.splitlines()]
    assert [(one["probe"], one["answer"]) for one in printed] == [("mask", "yes"), ("lr", "yes")]
    assert printed[0]["question"] == PROBES["mask"].question and printed[0]["values"]["later"] > 0


def test_the_command_prints_a_line_a_probe_and_fails_where_one_is_no(
    healthy: Path, scripted: "ScriptedProbes", capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["probe", str(healthy)]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["no" if name == "finite" else "yes", name] for name in PROBES]
    assert lines[0].endswith(f"; to do: {PROBES['finite'].remedy}")

    assert run_command(["probe", str(healthy), "lr", "mask", "lr"]) == 0
    assert scripted.asked == [tuple(PROBES), ("lr", "mask")]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_ctrl_c_leaves_the_answers_so_far(
    form: tuple[str, ...],
    healthy: Path,
    scripted: "ScriptedProbes",
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    scripted.held_at, shown = "overfit", []

    def show(words: str) -> None:
        shown.append(words)
        if "40 of 200" in words:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(probe_command, "show_progress", show)
    assert run_command(["probe", str(healthy), *form]) == 130
    told = capfd.readouterr()
    assert len(told.out.splitlines()) == len(QUICK)
    assert told.err == "tinygpt-tui: interrupted, without an answer to overfit, capacity\n"
    assert shown[-2:] == [
        "overfit, probe 8 of 9: measuring …",
        "overfit, probe 8 of 9: step 40 of 200, at most 0:08 left",
    ]


def test_probes_that_train_report_their_steps(healthy: Path) -> None:
    works: list[ProbeWork] = []
    [*_] = probe_answers(healthy, ["capacity"], works.append)
    assert works[0].done == 0 and {work.of for work in works} == {4 * 12}
    assert all(0 <= work.done < work.of for work in works)


def test_what_cannot_be_probed_is_bad_input(healthy: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(["probe", str(healthy), "nonsense"]) == 2
    assert "there is no probe 'nonsense'; there are finite, first-loss" in capfd.readouterr().err
    assert run_command(["probe", "nothing", "--runs", str(tmp_path)]) == 2


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("""print('{"problem": "text.py: does not exist"}')""", "text.py: does not exist"),
        ("raise SystemError('no more memory')", "the probe failed: SystemError: no more memory"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "killed by SIGKILL, by hand or because memory ran out",
        ),
    ],
)
async def test_why_a_run_cannot_be_probed_comes_from_its_process(script: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=why):
        async for _ in probe(tmp_path, ["mask"], prober=(sys.executable, "-c", script)):
            pass


def test_a_run_whose_text_is_gone_cannot_be_probed(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"missing.txt: does not exist"):
        words(new_run(tmp_path, data__path=str(tmp_path / "missing.txt")))


def test_a_probe_that_cannot_be_measured_does_not_end_the_others(
    healthy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(run: RunCopy) -> ProbeAnswer:
        raise ConfigError("too little memory")

    monkeypatch.setitem(MEASURES, "capacity", fails)  # pyright: ignore[reportArgumentType]
    assert words(healthy, ["capacity", "lr"]) == {"capacity": "cannot tell", "lr": "yes"}


class ScriptedProbes:
    """Answers what it is asked: no to `finite`, yes to the others."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.held_at = ""
        """A probe that is never answered."""

    async def __call__(
        self, run: Path, names: Sequence[str], tell_work: Callable[[ProbeWork], None] = lambda _: None
    ) -> AsyncGenerator[ProbeAnswer, None]:
        self.asked.append(tuple(names))
        if run.name == "broken":
            raise StoreError("it cannot be copied")
        for name in names:
            if name == self.held_at:
                tell_work(ProbeWork(done=40, of=200, spent_s=2.0))
                await asyncio.Event().wait()
            if name == "finite":
                yield finite_verdict(9, FirstNonFinite(step=4, module="blocks.0", direction="output"), 4)
            else:
                yield ProbeAnswer(probe=name, answer="yes", evidence=f"{name} [b]is[/b] well")


class Shown(App[None]):
    def __init__(self, path: Path) -> None:
        super().__init__()
        config = RunConfig()
        found = FindingOpened(id=1, step=5, onset=4, kind="nan", severity="failure", evidence="loss is NaN at step 4")
        begun = [started(config), *steps(config, [3.0] * 3), *steps(config, [math.nan], first=4), found]
        self._run = ScriptedRun([*begun, RunEnded(step=4, reason="stopped")], config=config, path=path)

    def on_mount(self) -> None:
        self.push_screen(RunScreen(self._run, settings=Settings()))

    @property
    def evidence(self) -> str:
        screen = next(screen for screen in self.screen_stack if isinstance(screen, RunScreen))
        return "".join(episode.finding.evidence for episode in (screen.view.findings if screen.view else ()))


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> ScriptedProbes:
    probes = ScriptedProbes()
    monkeypatch.setattr(probe_screen, "probe", probes)
    monkeypatch.setattr(probing, "probe", probes)
    monkeypatch.setattr(asking, "probe", probes)
    return probes


@pytest.mark.parametrize("last", ["escape", "q"])
async def test_a_key_asks_all_probes_and_one_again(scripted: ScriptedProbes, tmp_path: Path, last: str) -> None:
    app = Shown(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "blocks.0" in app.evidence)
        assert scripted.asked == [("finite",)], "where the NaN came from is looked for without a key"
        await pilot.press("Q")
        await until(pilot, lambda: isinstance(app.screen, ProbeScreen))
        screen = app.screen
        assert isinstance(screen, ProbeScreen)
        await until(pilot, lambda: len(screen.states.answers) == len(PROBES) and not screen.states.waiting)
        text = str(screen.query_one(Static).content)
        assert "✖ Are the loss and all gradients finite?  no" in text and "To do  lower schedule.lr" in text
        assert "mask [b]is[/b] well" in text
        await pilot.press("down", "down", "up", "enter")
        await until(pilot, lambda: scripted.asked[-1] == ("first-loss",))
        await pilot.press("a")
        await until(pilot, lambda: scripted.asked[-1] == tuple(PROBES))
        await pilot.press(last)
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await pilot.pause()
        assert app.evidence.count("blocks.0") == 1, "it is told once, however often it is asked"


async def test_what_a_probe_that_trains_will_take_is_shown_and_what_was_answered_outlasts_leaving(
    scripted: ScriptedProbes, tmp_path: Path
) -> None:
    scripted.held_at = "overfit"
    app = Shown(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen, left = ProbeScreen(tmp_path, ascii=False), []
        app.push_screen(screen, left.append)
        await until(pilot, lambda: screen.states.work is not None)
        text = str(screen.query_one(Static).content)
        assert "Can the model overfit one batch?  step 40 of 200, at most 0:08 left" in text
        await pilot.press("escape")
        assert [*left[0]] == QUICK


async def test_a_run_that_cannot_be_copied_is_told(scripted: ScriptedProbes, tmp_path: Path) -> None:
    app = Shown(tmp_path / "broken")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: scripted.asked)
        await pilot.press("Q")
        await until(pilot, lambda: isinstance(app.screen, ProbeScreen) and len(scripted.asked) == 2)
        await until(pilot, lambda: any("cannot be copied" in notice.message for notice in app._notifications))
        await pilot.press("escape")
