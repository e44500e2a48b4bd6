"""A proof calls a fix helpful where it is, gives no verdict where there is none, and leaves the run as it is."""

import gc
import math
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from tinygpt_tui.engine.config import DataConfig, LiveSettings, RunConfig
from tinygpt_tui.engine.events import (
    Accepted,
    CheckpointSaved,
    Command,
    Event,
    FindingClosed,
    FindingOpened,
    Fix,
    Refused,
    RunEnded,
    RunStarted,
    Stop,
    TakeSteps,
    encode,
)
from tinygpt_tui.engine.experiments import arms
from tinygpt_tui.engine.experiments.arms import Proof, chance_words, fix_verdict_words
from tinygpt_tui.engine.experiments.proof import CONTROL, FIRST_LOOK, make_arms, make_folder, plan_proof
from tinygpt_tui.engine.experiments.too_late import try_earlier
from tinygpt_tui.engine.experiments.twin import twin
from tinygpt_tui.engine.experiments.verdict import (
    VERDICT_MARGIN,
    Trial,
    chance_of_twin,
    judge,
    paired_interval,
    student_t,
)
from tinygpt_tui.engine.lesson import Lesson, LessonFix
from tinygpt_tui.engine.storage.event_log import EventLog, all_events
from tinygpt_tui.engine.storage.origin import read_origin
from tinygpt_tui.engine.storage.run_folder import StoreError
from tinygpt_tui.engine.storage.run_store import create, read_config, write_config
from tinygpt_tui.engine.storage.stored_checkpoints import State
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.experiments.proof_screen import ProofScreen
from tinygpt_tui.tui.experiments.scrolled_blocks import ScrolledBlocks
from tinygpt_tui.tui.navigation import Destination, ResumeRun
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.settings import Settings

from .bench.thread_run import start_thread
from .screen_text import until
from .scripted_run import ScriptedRun, started, steps
from .test_experiments import train
from .texts import TEXT, small_config

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def autocorrelated(random: np.random.Generator, count: int, phi: float) -> np.ndarray:
    """An AR(1) series in its steady state."""
    values = random.normal(size=count + 200)
    for step in range(1, len(values)):
        values[step] += phi * values[step - 1]
    return values[200:]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("count", [50, 200])
def test_an_interval_of_90_percent_covers_the_truth_as_often(phi: float, count: int) -> None:
    random = np.random.default_rng(count)
    covered = 0
    for _ in range(200):
        batches = 3 * random.normal(size=count)  # what both runs share
        interval = paired_interval(list(batches - 0.7 + autocorrelated(random, count, phi)), list(batches))
        covered += interval is not None and interval.low <= -0.7 <= interval.high
    assert 0.85 <= covered / 200 <= 0.95


def test_a_difference_that_grows_is_no_noise() -> None:
    random = np.random.default_rng(1)
    growing = np.linspace(-0.2, -1.2, 16) + 0.05 * random.normal(size=16)
    interval = paired_interval(list(growing), [0.0] * 16)
    assert interval is not None and -0.75 < interval.low < -0.7 < interval.high < -0.65


def test_several_comparisons_make_an_interval_wider() -> None:
    random = np.random.default_rng(0)
    ours, its = list(random.normal(size=100)), list(random.normal(size=100))
    one, six = (paired_interval(ours, its, comparisons=count) for count in (1, 6))
    assert one is not None and six is not None and six.low < one.low < one.high < six.high


@pytest.mark.parametrize(("share", "freedom", "table"), [(0.95, 10, 1.812), (0.975, 5, 2.571), (0.99, 30, 2.457)])
def test_quantiles_are_those_of_the_tables(share: float, freedom: float, table: float) -> None:
    assert student_t(share, freedom) == pytest.approx(table, rel=3e-3)


def trial(shift: float, seed: int = 0, *, has_finding: bool = False, spread: float = 0.02) -> Trial:
    random = np.random.default_rng(seed)
    noise = np.random.default_rng(99).normal(size=100)
    losses = 3 + noise + shift + spread * random.normal(size=100)
    val_losses = 3 + shift + spread / 4 * random.normal(size=20)
    return Trial(losses=list(losses), val_losses=list(val_losses), has_finding=has_finding)


@pytest.mark.parametrize(
    ("fix", "control", "answer"),
    [
        (trial(-0.3), trial(0.0, 1), "helps"),
        (trial(0.0), trial(0.0, 1, has_finding=True), "helps"),
        (trial(0.3), trial(0.0, 1), "makes worse"),
        (trial(0.0), trial(0.0, 1), "does not help"),
        (trial(0.0, has_finding=True), trial(0.0, 1, has_finding=True), "does not help"),
        (trial(0.0, spread=3.0), trial(0.0, 1, spread=3.0), "cannot tell yet"),
        (Trial(losses=[3.0, math.nan]), trial(0.0), "makes worse"),
        (trial(0.0), Trial(losses=[3.0, math.inf]), "helps"),
        (Trial(losses=[math.nan]), Trial(losses=[math.nan]), "does not help"),
        (Trial(losses=[3.0, 2.0]), Trial(losses=[3.0, 2.5]), "cannot tell yet"),
        (Trial(losses=[3.0] * 80), Trial(losses=[3.0] * 50 + [math.nan]), "cannot tell yet"),
        (Trial(losses=[3.0] * 100), Trial(losses=[3.0] * 50 + [math.nan]), "helps"),
        (Trial(losses=[3.0] * 100, has_finding=True), Trial(losses=[3.0] * 50 + [math.nan]), "cannot tell yet"),
        (Trial(losses=[3.0] * 40 + [math.inf]), Trial(losses=[3.0] * 50), "does not help"),
        (Trial(losses=[]), trial(0.0), "cannot tell yet"),
    ],
)
def test_the_verdict_in_words(fix: Trial, control: Trial, answer: str) -> None:
    assert judge(fix, control).answer == answer


def test_a_fix_whose_process_has_died_is_compared_in_the_steps_that_both_have() -> None:
    falling = [5 - 0.02 * step for step in range(160)]
    noise = np.random.default_rng(4).normal(scale=0.01, size=80)
    died = Trial(losses=list(np.asarray(falling[:80]) + noise))
    assert judge(died, Trial(losses=falling)).answer == "does not help"


def chaotic(seed: int) -> Trial:
    """A run that has a level of its own for long, as one that diverges has."""
    random = np.random.default_rng(seed)
    return Trial(losses=list(100 + 30 * random.normal() + random.normal(size=160)), has_finding=True)


def test_two_runs_that_chance_drives_apart_are_not_told_from_a_fix_that_is_none() -> None:
    alone, beside = 0, 0
    for seed in range(0, 300, 3):
        fix, control, twin = (chaotic(seed + each) for each in range(3))
        chance = chance_of_twin(twin, control)
        alone += judge(fix, control).answer == "helps"
        beside += judge(fix, control, chance=chance).answer == "helps"
        healthy = Trial(losses=[3.0] * 160)
        assert judge(healthy, control, chance=chance).answer == "helps", "the finding is not there"
    assert alone > 40 and beside <= 15


def test_a_run_that_learns_has_a_twin_beside_which_small_gains_count() -> None:
    chance = chance_of_twin(trial(0.0001), trial(0.0))
    assert chance < VERDICT_MARGIN
    assert judge(trial(-0.05), trial(0.0, 1), chance=chance).answer == "helps"
    assert chance_of_twin(Trial(losses=[3.0] * 5), trial(0.0)) == 0.0, "too few steps"


def test_the_twin_has_the_settings_of_its_control_and_a_trace_of_weight_decay(tmp_path: Path) -> None:
    run = run_with(tmp_path, finding(1, 50, LOWER))
    decay = read_config(run).optimizer.weight_decay
    (changes,) = [twin(plan_proof(run)).changes]
    assert list(changes) == ["optimizer.weight_decay"] and decay < changes["optimizer.weight_decay"] < decay + 0.01


def test_of_a_twin_that_has_just_begun_no_number_is_given(tmp_path: Path) -> None:
    plan = plan_proof(run_with(tmp_path, finding(1, 50, LOWER)))
    proof = Proof(plan, [tmp_path / str(place) for place, _ in enumerate(plan.candidates)])
    assert chance_words(proof) == ""
    proof.twin = proof.arms[0]
    assert "less than" not in chance_words(proof)
    proof.chance = 1.5
    assert "less than 1.5 may do so by chance" in chance_words(proof)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=60), st.booleans())
def test_a_fix_equal_to_the_control_has_no_verdict(losses: list[float], has_finding: bool) -> None:
    same = Trial(losses=losses, val_losses=losses, has_finding=has_finding)
    assert judge(same, same).answer == "cannot tell yet"


def test_a_useless_fix_is_not_called_helpful() -> None:
    """Two runs that drift apart by chance: at most one in twenty of 200 may look like a fix."""
    random, helpful = np.random.default_rng(3), 0
    for _ in range(200):
        batches = random.normal(size=160)
        ours, its = (Trial(losses=list(batches + 0.05 * autocorrelated(random, 160, 0.9))) for _ in range(2))
        helpful += judge(ours, its, comparisons=3).answer == "helps"
    assert helpful <= 10 and VERDICT_MARGIN > 0


def finding(id: int, onset: int, *fixes: Fix) -> FindingOpened:
    return FindingOpened(
        id=id,
        step=onset + 10,
        onset=onset,
        kind="oscillation",
        severity="warning",
        evidence="swings",
        fixes=list(fixes),
    )


def run_with(folder: Path, *events: Event, steps: int = 1000) -> Path:
    run = create(folder, small_config(steps=steps), "wrong", NOW, numbered=False)
    log = EventLog(run)
    for event in (RunStarted(step=0, steps=steps), *events):
        log.append(event)
    log.close()
    return run


LOWER = Fix(title="lower", changes={"schedule.lr": 1e-4})
"""Where the scripted arms lose as much as their learning rate, this is too little to matter."""


def test_a_proof_begins_before_the_finding_and_tries_each_fix_once(tmp_path: Path) -> None:
    smaller = Fix(title="smaller", changes={"model.layers": 1})
    stop = Fix(title="stop", changes={"training.steps": 5})
    run = run_with(
        tmp_path, CheckpointSaved(step=60, name="x", reason="series"), finding(1, 50, LOWER, LOWER, smaller, stop)
    )

    plan = plan_proof(run)

    assert plan.start == 0, "no checkpoint before it is there"
    assert [candidate.title for candidate in plan.candidates] == [CONTROL, "lower", "smaller"]
    assert plan.left_out == ("stop: it ends the run, which needs no proof",)
    assert plan.looks == (FIRST_LOOK, 2 * FIRST_LOOK, 4 * FIRST_LOOK)
    assert plan_proof(run, 30).looks == (30,)


def test_the_fixes_of_the_lesson_are_tried_too_unless_their_losses_are_of_other_text(tmp_path: Path) -> None:
    fixes = (
        LessonFix(title="let it through", then="", changes={"fault.detached": ()}, gone=("oscillation",)),
        LessonFix(title="more text", then="", changes={"data.max_bytes": 9}, better_by=1.0),
        LessonFix(title="faster", then="", changes={"training.batch": 1}, speedup=2.0),
        LessonFix(title="to see it get worse", then="", changes={"schedule.lr": 1.0}, better_by=-1.0),
    )
    run = run_with(tmp_path, finding(1, 50, Fix(title="look for a detach", changes={})))
    write_config(run, replace(read_config(run), lesson=Lesson(fixes=fixes)))

    plan = plan_proof(run)

    assert [candidate.title for candidate in plan.candidates] == [CONTROL, "let it through"]
    assert [why.partition(": ")[0] for why in plan.left_out] == ["look for a detach", "more text"]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ((), "has no open finding"),
        ((finding(1, 50, LOWER), FindingClosed(id=1, step=70)), "has no open finding"),
        ((finding(1, 50, Fix(title="nothing", changes={})),), "nothing: it sets no key"),
    ],
)
def test_without_something_to_prove_it_is_told_why(tmp_path: Path, events: tuple[Event, ...], why: str) -> None:
    with pytest.raises(StoreError, match=why):
        plan_proof(run_with(tmp_path, *events))


def test_the_right_fix_is_adopted_and_nothing_else_is_left(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """From the command, with real workers: the fix is adopted as a fork, and the parent is as it was."""
    (tmp_path / "text.py").write_bytes(TEXT)
    config = replace(small_config(steps=100), data=DataConfig(path=str(tmp_path / "text.py")))
    run = run_with(tmp_path / "runs", finding(1, 0, Fix(title="a usual lr", changes={"schedule.lr": 3e-3})))
    (run / "config.toml").write_text(replace(config, schedule=replace(config.schedule, lr=3.0)).to_toml())
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    status = run_command(["prove", "wrong", "--steps", "60", "--adopt", "--runs", str(run.parent)])

    assert "a usual lr: after 60 steps, helps" in capfd.readouterr().out
    assert status == 0
    assert sorted(path.name for path in run.parent.iterdir()) == ["wrong", "wrong-fork-1"]
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    adopted = run.with_name("wrong-fork-1")
    origin = read_origin(adopted)
    assert origin is not None and (origin.parent, origin.step) == ("wrong", 0)
    assert read_config(adopted) == RunConfig.from_toml(run / "config.toml").with_changes({"schedule.lr": 3e-3})
    assert list(all_events(adopted))[-1].seq > 60


class ScriptedArm(ScriptedRun):
    """A worker of a proof: it takes the steps that it is told to, with a loss that its learning rate decides."""

    def __init__(self, path: Path) -> None:
        super().__init__(config=read_config(path), path=path, live=True)
        self._trained = 0

    async def send(self, command: Command) -> Accepted | Refused:
        match command:
            case TakeSteps(count=count):
                noise = np.random.default_rng(self._trained).normal(size=count)
                losses = 3 + 0.1 * noise + self.config.schedule.lr
                self.say(*steps(self.config, list(losses), first=self._trained + 1))
                self._trained += count
            case Stop():
                self.say(RunEnded(step=self._trained, reason="stopped"))
                self.end()
            case _:
                raise AssertionError(command)
        return await super().send(command)

    async def exit_status(self) -> int:
        return 0


class RunShown(App[None]):
    def __init__(self, run: Path, opened: FindingOpened) -> None:
        super().__init__()
        config = read_config(run)
        begun = [started(config), *steps(config, [3.0] * 80), opened, RunEnded(step=80, reason="stopped")]
        self._run = ScriptedRun(begun, config=config, path=run)
        self.departures: list[Destination | None] = []

    def on_mount(self) -> None:
        self.push_screen(RunScreen(self._run, settings=Settings()), self.departures.append)


def with_two_fixes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunShown:
    """A run with a finding whose fixes are tried by scripted arms."""

    async def start(path: Path) -> ScriptedArm:
        return ScriptedArm(path)

    monkeypatch.setattr(arms, "start", start)
    opened = finding(1, 50, LOWER, Fix(title="higher", changes={"schedule.lr": 5.0}))
    return RunShown(run_with(folder, *steps(RunConfig(), [3.0] * 80), opened), opened)


async def proof_of(pilot: Pilot[None], app: RunShown) -> ProofScreen:
    """The proof of its finding, once it has its verdicts."""
    await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.view is not None)
    await until(pilot, lambda: bool(app.screen.view and app.screen.view.findings))  # pyright: ignore[reportAttributeAccessIssue]
    await pilot.press("F")
    await until(pilot, lambda: isinstance(app.screen, ProofScreen))
    screen = app.screen
    assert isinstance(screen, ProofScreen)
    await until(pilot, lambda: "the verdicts" in told(screen))
    return screen


@pytest.mark.parametrize("last", ["enter", "escape", "q"])
async def test_f_shows_the_proof_and_adopts_a_fix_or_throws_all_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    app = with_two_fixes(tmp_path, monkeypatch)

    async with app.run_test(size=(120, 36)) as pilot:
        screen = await proof_of(pilot, app)
        assert "lower  step 80" in told(screen)
        assert "higher  step 80  makes worse" in told(screen)
        await pilot.press("down")
        assert screen.chosen == 2
        await pilot.press("up", last)
        await until(pilot, lambda: not isinstance(app.screen, ProofScreen))
        await pilot.pause()

    kept = ["wrong", "wrong-fork-1"] if last == "enter" else ["wrong"]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept
    assert app.departures == ([ResumeRun(tmp_path / "wrong-fork-1")] if last == "enter" else [])


async def test_on_a_small_screen_the_lines_of_a_fix_hang_below_its_letter_and_the_chosen_one_is_in_sight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = with_two_fixes(tmp_path, monkeypatch)
    async with app.run_test(size=(60, 16)) as pilot:
        screen = await proof_of(pilot, app)
        shown = screen.query_one(ScrolledBlocks)
        await until(pilot, lambda: shown.max_scroll_y > 0)
        await pilot.press("up", "up")
        await until(pilot, lambda: shown.scroll_y == 0)
        await pilot.press("down")
        await until(pilot, lambda: shown.scroll_y == shown.max_scroll_y)
        text = told(screen)
        assert max(map(len, text.splitlines())) <= shown.width
        below_the_control = text[text.index("  A ") :].splitlines()
        assert len(below_the_control) > 3
        assert all(line[:4].strip(" ›") in ("", "A", "B", "C") for line in below_the_control)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ProofScreen))


def told(screen: ProofScreen) -> str:
    return str(screen.query_one("#arms Static", Static).content)


def test_of_findings_that_began_together_the_worst_is_proved(tmp_path: Path) -> None:
    run = create(tmp_path, RunConfig(), "both", datetime.now(UTC))
    fix = Fix(title="lower the lr", changes={"schedule.lr": 1e-4})
    with closing(EventLog(run)) as log:
        spike = FindingOpened(id=0, step=20, onset=17, kind="spike", severity="warning", evidence="", fixes=[fix])
        log.append(spike)
        log.append(msgspec.structs.replace(spike, id=1, kind="divergence", severity="failure"))
    plan = plan_proof(run)
    assert (plan.finding, plan.kinds) == ("divergence", {"divergence", "spike"})


class ArmOfRuin(ScriptedArm):
    """Its learning rate decides the loss only where it goes on from before a step; later the weights are lost."""

    RUINED_AT = 0

    async def send(self, command: Command) -> Accepted | Refused:
        origin = read_origin(self.path) if self.path else None
        assert origin is not None
        lr = self.config.schedule.lr * (500 if origin.step < self.RUINED_AT else 1)
        self.config = self.config.with_changes({"schedule.lr": lr, "schedule.min_lr": 0.0})
        answer = await super().send(command)
        self.config = read_config(self.path) if self.path else self.config
        return answer


@pytest.mark.parametrize(("ruined_at", "helped_from"), [(40, 20), (10, 0), (0, None)])
async def test_a_fix_that_came_too_late_is_told_from_one_that_never_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ruined_at: int, helped_from: int | None
) -> None:
    async def start(path: Path) -> ScriptedArm:
        return ArmOfRuin(path)

    monkeypatch.setattr(arms, "start", start)
    monkeypatch.setattr(ArmOfRuin, "RUINED_AT", ruined_at)
    run = run_with(tmp_path, *steps(RunConfig(), [3.0] * 80), finding(1, 50, LOWER))
    for step in (20, 48):
        checkpoint(run, step)
    plan = plan_proof(run)
    assert plan.start == 48
    folder = make_folder(plan)
    proof = Proof(plan, make_arms(plan, folder, NOW))
    await proof.run()
    assert proof.verdicts[0].answer == "does not help"

    await try_earlier(proof, folder)
    await proof.close()

    words = fix_verdict_words(proof.verdicts[0])
    if helped_from is None:
        assert words.startswith("does not help")
    else:
        assert words.startswith(f"too late now: from step {helped_from} it would have helped (loss differs by -0.4")
    assert proof.best() is None and proof.earlier is not None
    assert proof.earlier.plan.start == (20 if helped_from == 20 else 0)


def checkpoint(run: Path, step: int) -> None:
    """Enough of one for a fork to be made from it."""
    settings = LiveSettings.from_config(read_config(run))
    state = State(step=step, tokens=0, reason="series", fingerprint="0", best_val_loss=math.inf, settings=settings)
    folder = run / "checkpoints" / f"step-{step:06d}"
    folder.mkdir(parents=True)
    (folder / "state.json").write_bytes(encode(state))


async def test_a_warm_up_that_is_over_came_too_late_and_would_have_helped_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained for real: what the first steps did to the weights costs the whole run."""
    monkeypatch.setattr(arms, "start", start_thread)
    monkeypatch.setattr(arms, "usable_processors", lambda: 1)
    (tmp_path / "text.py").write_bytes(TEXT)
    config = replace(small_config(steps=160), data=DataConfig(path=str(tmp_path / "text.py")))
    hot = {"schedule.kind": "constant", "schedule.lr": 0.03, "schedule.warmup_steps": 0, "optimizer.beta2": 0.99}
    fix = Fix(title="warm up over 40 steps", changes={"schedule.warmup_steps": 40})
    run = create(tmp_path / "runs", config.with_changes(hot | {"storage.checkpoint_every": 50}), "jolted", NOW)
    train(run)
    with closing(EventLog(run)) as log:
        log.append(finding(1, 55, fix))
    plan = plan_proof(run, 100)
    folder = make_folder(plan)
    proof = Proof(plan, make_arms(plan, folder, NOW))

    await proof.run()
    before = proof.verdicts[0]
    await try_earlier(proof, folder)
    await proof.close()
    gc.unfreeze()  # each of the runs has frozen what it had loaded

    assert plan.start == 50 and before.answer == "cannot tell yet" and "to the last bit" in before.why
    assert fix_verdict_words(proof.verdicts[0]).startswith("too late now: from step 0 it would have helped")
