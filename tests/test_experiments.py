"""Forks and replays have the losses of the run that they are made from, to the last bit, and leave it as it is."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

import pytest

from tinygpt_tui.engine.config import ConfigError, DataConfig, RunConfig, StorageConfig
from tinygpt_tui.engine.events import (
    AnyEvent,
    ChangeSettings,
    Evaluated,
    RunEnded,
    RunStarted,
    SettingsChanged,
    StepFinished,
)
from tinygpt_tui.engine.experiments.forking import fork
from tinygpt_tui.engine.hosting.host import Host
from tinygpt_tui.engine.hosting.interfaces import Request
from tinygpt_tui.engine.storage.event_log import EventLog, all_events
from tinygpt_tui.engine.storage.origin import read_origin
from tinygpt_tui.engine.storage.relation import read_relation
from tinygpt_tui.engine.storage.run_store import create, read_config, remove, renamed, write_config
from tinygpt_tui.engine.storage.run_summary import summarise
from tinygpt_tui.engine.storage.stored_checkpoints import stored_checkpoints
from tinygpt_tui.engine.training.replaying import reports
from tinygpt_tui.engine.training.trainer import Trainer
from tinygpt_tui.engine.worker import assemble
from tinygpt_tui.tui.cli import follow
from tinygpt_tui.tui.cli.main import run_command

from .texts import TEXT, small_config

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHANGES = {7: ChangeSettings(lr_times=0.5), 12: ChangeSettings(dropout=0.3, batch=3), 26: ChangeSettings(clip=0.5)}


def new_run(folder: Path, **training: object) -> Path:
    (folder / "text.py").write_bytes(TEXT)
    config = replace(
        small_config(**training),
        data=DataConfig(path=str(folder / "text.py")),
        storage=StorageConfig(checkpoint_every=10),
    )
    return create(folder / "runs", config, "parent", NOW, numbered=False)


def train(run: Path, changes: Mapping[int, ChangeSettings] | None = None) -> Path:
    """To its end, in this process, with changes after these steps."""
    log = EventLog(run)
    hosted = assemble(run, lambda activity: None)
    trainer, requests = hosted.loop, SimpleQueue[Request]()
    assert isinstance(trainer, Trainer)
    plain = trainer.advance

    def advance():
        events = plain()
        if change := (changes or {}).get(trainer.step):
            requests.put(Request(change))
        return events

    trainer.advance = advance
    Host(hosted, log, requests, lambda event: None).run()
    log.close()
    return run


def losses(run: Path, after: int = 0) -> list[float | None]:
    return [event.loss for event in events_of(run) if isinstance(event, StepFinished) and event.step > after]


def events_of(run: Path) -> list[AnyEvent]:
    return list(all_events(run))


def contents(run: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 40 steps with three live changes, and a checkpoint every ten."""
    return train(new_run(tmp_path_factory.mktemp("experiments")), CHANGES)


def test_a_replay_makes_live_changes_again_and_gives_every_loss_to_the_bit(parent: Path) -> None:
    *_, report = reports(parent)

    assert (report.equal, report.steps, report.differs_at) == (40, 40, None)


def test_a_replay_names_the_first_step_that_differs(parent: Path, tmp_path: Path) -> None:
    run = train(new_run(tmp_path))
    log = (run / "events.jsonl").read_text()
    step = next(event for event in events_of(run) if isinstance(event, StepFinished) and event.step == 17)
    (run / "events.jsonl").write_text(log.replace(repr(step.loss), repr((step.loss or 0) + 1e-15)))

    *_, report = reports(run)

    assert (report.equal, report.differs_at, report.now) == (16, 17, step.loss)


def test_a_run_that_was_given_a_later_end_is_replayed_with_the_schedule_of_each_time(tmp_path: Path) -> None:
    run = new_run(tmp_path, steps=20)
    config = RunConfig.from_toml(run / "config.toml")
    cosine = replace(config, schedule=replace(config.schedule, kind="cosine"))
    write_config(run, cosine)
    train(run)
    write_config(run, cosine.with_changes({"training.steps": 30}))
    train(run)

    *_, report = reports(run)

    assert (report.equal, report.differs_at) == (30, None)


@pytest.mark.parametrize("step", [0, 5, 26, 33])
def test_a_fork_without_a_change_has_the_losses_of_its_parent(parent: Path, tmp_path: Path, step: int) -> None:
    """Before the first checkpoint, at a change, and between two checkpoints; later changes are the parent's alone."""
    before = contents(parent)

    made = fork(parent.parent, parent, step, {}, NOW)
    train(made, {at: change for at, change in CHANGES.items() if at > step})

    assert losses(made) == losses(parent, after=step)
    assert contents(parent) == before
    assert (summarise(made).parent, summarise(made).forked_at) == (parent.name, step)
    assert read_relation(made).runs == (parent.name,)
    remove(made)


def test_a_fork_with_changes_goes_on_with_them_and_can_be_resumed_and_replayed(parent: Path) -> None:
    made = fork(parent.parent, parent, 15, {"schedule.lr": 3e-4, "optimizer.beta1": 0.8}, NOW, name="lower")

    train(made)

    first = next(event for event in events_of(made) if isinstance(event, RunStarted))
    assert (first.step, first.settings and first.settings.schedule.lr) == (15, 3e-4)
    assert first.settings is not None and first.settings.dropout == 0.3, "the parent's live change before the step"
    assert losses(made)[0] == losses(parent, after=15)[0], "the loss of a batch, before the first other update"
    assert losses(made)[1:] != losses(parent, after=16)
    assert next(stored.step for stored in stored_checkpoints(made / "checkpoints")) == 15
    *_, report = reports(made)
    assert (report.equal, report.differs_at) == (25, None)
    remove(made)


def test_a_fork_follows_its_parent_to_another_name(tmp_path: Path) -> None:
    run = train(new_run(tmp_path, steps=10))
    made = fork(run.parent, run, 5, {"training.steps": 12}, NOW)

    renamed(run, "elder")

    origin = read_origin(made)
    assert origin is not None and origin.parent == "elder"


@pytest.mark.parametrize(
    ("step", "changes", "why"),
    [
        (41, {}, "has no step 41"),
        (40, {}, "is not beyond step 40"),
        (10, {"model.layers": 3}, "model.layers is what a run was begun with"),
        (10, {"optimizer.kind": "sgd"}, "optimizer.kind is what"),
        (10, {"schedule.nonsense": 1}, "nonsense"),
    ],
)
def test_what_cannot_be_forked_is_told_and_leaves_nothing(
    parent: Path, step: int, changes: dict[str, object], why: str
) -> None:
    before = set(parent.parent.iterdir())
    with pytest.raises(ConfigError, match=why):
        fork(parent.parent, parent, step, changes, NOW)
    assert set(parent.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "end"), [(("--steps", "55"), 55), ((), 40), (("--steps", "55", "--set", "training.steps=60"), 60)]
)
def test_a_fork_ends_where_steps_says(
    parent: Path, options: tuple[str, ...], end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command as it is typed, up to the training itself."""
    ends: list[int] = []

    def host(path: Path, config: RunConfig, **_: object) -> int:
        assert read_config(path) == config
        ends.append(config.training.steps)
        remove(path)
        return 0

    monkeypatch.setattr(follow, "host", host)
    assert run_command(["fork", "parent", "--at", "20", *options, "--runs", str(parent.parent)]) == 0
    assert ends == [end]


@pytest.mark.parametrize(
    ("steps", "why"),
    [("20", "--steps 20: training.steps = 20 is not beyond step 20"), ("0", "--steps 0: training.steps = 0 must lie")],
)
def test_steps_of_a_fork_are_checked(parent: Path, steps: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(parent.parent.iterdir())
    assert run_command(["fork", "parent", "--at", "20", "--steps", steps, "--runs", str(parent.parent)]) == 2
    assert why in capsys.readouterr().err
    assert set(parent.parent.iterdir()) == before


def test_a_run_without_patience_left_ends_with_its_best_checkpoint(tmp_path: Path) -> None:
    run = new_run(tmp_path, patience=2)
    get_worse(run)

    train(run)

    *_, end = events_of(run)
    evaluated = [event for event in events_of(run) if isinstance(event, Evaluated) and event.step]
    best = min(evaluated, key=lambda event: event.val_loss)
    assert isinstance(end, RunEnded) and (end.reason, end.step) == ("finished", best.step + 8)
    assert f"not become better for 2 evaluations; the best is {best.val_loss:.4g} of step {best.step}" in end.detail
    kept = [stored.step for stored in stored_checkpoints(run / "checkpoints")]
    assert best.step in kept and end.step not in kept


def test_patience_can_be_set_while_a_run_trains_and_outlasts_a_pause(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    get_worse(run)

    train(run, {3: ChangeSettings(patience=2)})

    *_, end = events_of(run)
    changed = next(event for event in events_of(run) if isinstance(event, SettingsChanged))
    assert isinstance(end, RunEnded) and end.step < 40
    assert changed.summary == "patience 0 -> 2"
    assert train_on(run).step == end.step, "from its checkpoint it ends where it did"


def test_a_checkpoint_from_before_patience_could_change_takes_the_configured_one(tmp_path: Path) -> None:
    run = train(new_run(tmp_path, patience=30, steps=12))
    state = stored_checkpoints(run / "checkpoints")[-1].path / "state.json"
    old = json.loads(state.read_text())
    assert old["settings"].pop("patience") == 30
    state.write_text(json.dumps(old))

    trainer = assemble(run, lambda activity: None).loop

    assert isinstance(trainer, Trainer) and trainer.settings.patience == 30


def get_worse(run: Path) -> None:
    """A learning rate that only makes it worse: the evaluations after the first are no better."""
    config = RunConfig.from_toml(run / "config.toml")
    hot = {"schedule.lr": 3.0, "instruments.evaluate_every": 4, "storage.checkpoint_every": 5}
    write_config(run, config.with_changes(hot))


def train_on(run: Path) -> RunEnded:
    train(run)
    *_, end = events_of(run)
    assert isinstance(end, RunEnded)
    return end


def test_at_step_0_a_fork_can_have_another_model(parent: Path) -> None:
    made = fork(parent.parent, parent, 0, {"model.layers": 1, "training.steps": 3}, NOW)

    assert len(losses(train(made))) == 3
    remove(made)
