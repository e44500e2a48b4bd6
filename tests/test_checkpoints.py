"""A run that is stopped and resumed gives the bits of one that was not."""

import math
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.config import ConfigError, ModelConfig, OptimizerConfig, RunConfig, StorageConfig
from tinygpt_tui.engine.events import ChangeSettings, Evaluated, StepFinished
from tinygpt_tui.engine.long_work import LongWork, WorkAbandoned
from tinygpt_tui.engine.optimizers import OPTIMIZERS, OptimizerKind
from tinygpt_tui.engine.storage.stored_checkpoints import (
    CheckpointError,
    Stored,
    find_checkpoint,
    stored_checkpoints,
)
from tinygpt_tui.engine.training.checkpoints import Checkpoints, surplus
from tinygpt_tui.engine.training.going_back import go_back
from tinygpt_tui.engine.training.trainer import Trainer

from .texts import small_config, small_corpus

STORAGE = StorageConfig(checkpoint_every=10)
CHANGES = {
    7: ChangeSettings(lr_times=0.5, batch=3),
    12: ChangeSettings(dropout=0.3, clip=0.5),
    19: ChangeSettings(schedule={"kind": "cosine"}, accumulation=2),
}


def advance(trainer: Trainer, until: int, changes: dict[int, ChangeSettings]) -> list[float]:
    losses = []
    while trainer.step < until:
        losses += [event.loss for event in trainer.advance() if isinstance(event, StepFinished)]
        if trainer.step in changes:
            trainer.change(changes[trainer.step])
    return losses


def config_of(kind: OptimizerKind, precision: str) -> RunConfig:
    config = small_config(precision=precision)
    return replace(
        config,
        model=replace(config.model, dropout=0.1),
        optimizer=OptimizerConfig(kind=kind),
    )


@pytest.mark.parametrize("changes", [{}, CHANGES], ids=["undisturbed", "with live changes"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_resuming_is_exact(
    tmp_path: Path, kind: OptimizerKind, precision: str, changes: dict[int, ChangeSettings]
) -> None:
    config = config_of(kind, precision)
    whole = advance(Trainer(config, small_corpus()), 40, changes)

    stop = random.Random(f"{kind} {precision} {len(changes)}").randrange(1, 39)
    first = Trainer(config, small_corpus())
    losses = advance(first, stop, changes)
    Checkpoints(tmp_path / "checkpoints", first, STORAGE).save("stop")

    second = Trainer(config, small_corpus())
    assert Checkpoints(tmp_path / "checkpoints", second, STORAGE).restore_latest()
    assert second.step == stop
    assert losses + advance(second, 40, changes) == whole


def test_changes_made_after_the_checkpoint_are_made_again(tmp_path: Path) -> None:
    config = config_of("adamw", "fp32")
    first = Trainer(config, small_corpus())
    checkpoints = Checkpoints(tmp_path / "checkpoints", first, STORAGE)
    losses = advance(first, 5, {})
    checkpoints.save("series")
    events = []
    while first.step < 40:
        losses += [event.loss for event in first.advance() if isinstance(event, StepFinished)]
        if first.step in CHANGES:
            events.append(first.change(CHANGES[first.step]))

    second = Trainer(config, small_corpus())
    Checkpoints(tmp_path / "checkpoints", second, STORAGE).restore_latest()
    second.replay(events)
    assert losses[:5] + advance(second, 40, {}) == losses


def evaluated(step: int, val_loss: float) -> Evaluated:
    return Evaluated(step=step, val_loss=val_loss, perplexity=0.0)


def test_the_best_state_is_saved_when_the_run_is_past_it(tmp_path: Path) -> None:
    trainer = Trainer(small_config(), small_corpus())
    checkpoints = Checkpoints(tmp_path / "checkpoints", trainer, StorageConfig(checkpoint_every=100))
    best = {}
    for step, val_loss in ((3, 4.0), (6, 3.0), (9, 3.5)):
        advance(trainer, step, {})
        best[val_loss] = trainer.flat.weights.clone()
        due = checkpoints.due([evaluated(step, val_loss)])
    assert due == ["best"]
    assert checkpoints.save("best").step == 6

    again = Trainer(small_config(), small_corpus())
    Checkpoints(tmp_path / "checkpoints", again, STORAGE).restore_latest()
    assert again.flat.weights.equal(best[3.0])


def test_whatever_is_saved_has_the_best_beside_it(tmp_path: Path) -> None:
    trainer = Trainer(small_config(), small_corpus())
    checkpoints = Checkpoints(tmp_path / "checkpoints", trainer, STORAGE)
    advance(trainer, 7, {})
    assert checkpoints.due([evaluated(7, 3.0)]) == []
    assert checkpoints.due([], ending=True) == []  # the last state is the best one
    advance(trainer, 9, {})
    assert checkpoints.due([], ending=True) == ["best"]
    events = trainer.advance()
    assert checkpoints.due([event for event in events if not isinstance(event, Evaluated)]) == ["best", "series"]
    assert [checkpoints.save(reason).step for reason in ("best", "series")] == [7, 10]
    assert checkpoints.due([], ending=True) == []


def test_a_state_that_is_not_finite_is_not_saved_and_the_best_before_it_is(tmp_path: Path) -> None:
    trainer = Trainer(small_config(), small_corpus())
    checkpoints = Checkpoints(tmp_path / "checkpoints", trainer, StorageConfig(checkpoint_every=1))
    lost = msgspec.structs.replace(next(e for e in trainer.advance() if isinstance(e, StepFinished)), loss=math.nan)
    assert checkpoints.due([lost]) == []
    checkpoints.due([evaluated(1, 3.0)])
    advance(trainer, 2, {})
    assert checkpoints.due([lost]) == ["best"]


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """The disk is full for whatever is longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100, 40_000])
def test_a_checkpoint_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, size: int) -> None:
    trainer = Trainer(small_config(), small_corpus())
    checkpoints = Checkpoints(tmp_path / "checkpoints", trainer, STORAGE)
    checkpoints.save("asked")
    with no_file_longer_than(size), pytest.raises(OSError, match="too large"):
        checkpoints.save("asked")
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000000"]
    assert checkpoints.save("asked").name == "step-000000-2"


def test_a_torn_checkpoint_gives_way_to_an_older_one(tmp_path: Path) -> None:
    trainer = Trainer(small_config(), small_corpus())
    checkpoints = Checkpoints(tmp_path / "checkpoints", trainer, STORAGE)
    advance(trainer, 3, {})
    checkpoints.save("series")
    advance(trainer, 6, {})
    checkpoints.save("series")
    torn = tmp_path / "checkpoints" / "step-000006" / "model.safetensors"
    torn.write_bytes(torn.read_bytes()[:100])

    again = Trainer(small_config(), small_corpus())
    Checkpoints(tmp_path / "checkpoints", again, STORAGE).restore_latest()
    assert again.step == 3


def test_a_checkpoint_with_a_torn_state_is_passed_over_and_its_name_not_taken(tmp_path: Path) -> None:
    trainer = Trainer(small_config(), small_corpus())
    checkpoints = Checkpoints(tmp_path / "checkpoints", trainer, STORAGE)
    checkpoints.save("series")
    advance(trainer, 6, {})
    checkpoints.save("series")
    (tmp_path / "checkpoints" / "step-000006" / "state.json").write_bytes(b"")

    again = Trainer(small_config(), small_corpus())
    checkpoints = Checkpoints(tmp_path / "checkpoints", again, STORAGE)
    assert checkpoints.restore_latest()
    assert again.step == 0
    advance(again, 6, {})
    assert checkpoints.save("series").name == "step-000006-2"


def test_a_run_whose_checkpoints_are_all_damaged_is_not_started_anew_in_silence(tmp_path: Path) -> None:
    trainer = Trainer(small_config(), small_corpus())
    Checkpoints(tmp_path / "checkpoints", trainer, STORAGE).save("series")
    (tmp_path / "checkpoints" / "step-000000" / "state.json").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"state\.json.*no other checkpoint"):
        Checkpoints(tmp_path / "checkpoints", trainer, STORAGE).restore_latest()


def test_a_failed_restore_leaves_the_weights_alone(tmp_path: Path) -> None:
    trainer = Trainer(small_config(), small_corpus())
    Checkpoints(tmp_path / "checkpoints", trainer, STORAGE).save("series")
    (tmp_path / "checkpoints" / "step-000000" / "optimizer.safetensors").write_bytes(b"\xff" * 64)
    again = Trainer(small_config(seed=3), small_corpus())
    before = again.flat.weights.clone()
    with pytest.raises(CheckpointError, match=r"optimizer\.safetensors"):
        Checkpoints(tmp_path / "checkpoints", again, STORAGE).restore_latest()
    assert before.equal(again.flat.weights)


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"step": -1}',
        b'{"step": 1e300}',
        b"[" * 10_000,
        b'{"step": 1000000000000000000, "tokens": 0, "reason": "series", "fingerprint": "", "best_val_loss": 1, '
        b'"settings": {}}',
    ],
)
def test_hostile_state_is_no_checkpoint(tmp_path: Path, state: bytes) -> None:
    folder = tmp_path / "checkpoints" / "step-000001"
    folder.mkdir(parents=True)
    (folder / "state.json").write_bytes(state)
    assert stored_checkpoints(tmp_path / "checkpoints") == []


def test_a_checkpoint_of_another_shape_is_refused_by_name(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "checkpoints", Trainer(small_config(), small_corpus()), STORAGE).save("series")
    wider = replace(small_config(), model=ModelConfig(layers=2, heads=2, width=32, context=16))
    with pytest.raises(CheckpointError, match=r"config\.toml asks for"):
        Checkpoints(tmp_path / "checkpoints", Trainer(wider, small_corpus()), STORAGE).restore_latest()


def test_a_file_in_the_place_of_the_checkpoints_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("mine")
    with pytest.raises(CheckpointError, match="no folder"):
        Checkpoints(tmp_path / "checkpoints", Trainer(small_config(), small_corpus()), STORAGE)


def test_checkpoints_that_are_a_link_are_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "checkpoints").symlink_to(elsewhere)
    with pytest.raises(CheckpointError, match="link"):
        Checkpoints(tmp_path / "checkpoints", Trainer(small_config(), small_corpus()), STORAGE)


def test_the_disk_is_bounded(tmp_path: Path) -> None:
    config = small_config(steps=400)
    trainer = Trainer(config, small_corpus())
    checkpoints = Checkpoints(tmp_path / "checkpoints", trainer, StorageConfig(checkpoint_every=10, max_megabytes=1))
    for _ in range(100):
        trainer.advance()
        checkpoints.save("series")
    size = sum(path.stat().st_size for path in (tmp_path / "checkpoints").rglob("*") if path.is_file())
    assert size <= 1_000_000
    assert stored_checkpoints(tmp_path / "checkpoints")[-1].step == 100


stored_lists = st.lists(st.tuples(st.sampled_from(["series", "best", "change"]), st.floats(1, 5)), max_size=60).map(
    lambda rows: [
        Stored(Path(f"step-{index:06d}"), index * 10, reason, val_loss, 100)  # pyright: ignore[reportArgumentType]
        for index, (reason, val_loss) in enumerate(rows)
    ]
)


@given(stored_lists, st.integers(0, 8000))
def test_thinning_keeps_the_best_and_where_it_fits_the_latest_within_the_budget(
    stored: list[Stored], budget: int
) -> None:
    kept = [one for one in stored if one not in surplus(stored, budget=budget)]
    assert not stored or min(stored, key=lambda one: one.val_loss) in kept
    assert budget < 200 or kept[-1:] == stored[-1:]
    assert sum(one.size for one in kept) <= max(budget, 100)


@given(stored_lists)
def test_with_room_enough_the_best_and_every_change_are_kept(stored: list[Stored]) -> None:
    gone = surplus(stored, budget=10**9)
    assert all(one.reason != "change" for one in gone)
    if stored:
        assert min(stored, key=lambda one: one.val_loss) not in gone


def test_a_step_that_is_abandoned_is_as_if_it_had_never_begun() -> None:
    config = config_of("adamw", "fp32")
    config = replace(config, training=replace(config.training, accumulation=3))
    whole = advance(Trainer(config, small_corpus()), 12, {})

    long_work = LongWork()
    trainer = Trainer(config, small_corpus(), long_work=long_work)
    losses = advance(trainer, 5, {})
    pieces = iter([False, False, False, False, True])

    def abandon() -> None:
        if next(pieces, False):
            raise WorkAbandoned

    long_work.listen(abandon)
    assert trainer.advance() == [] and trainer.step == 5
    assert losses + advance(trainer, 12, {}) == whole


def saved_at(folder: Path, *steps: int) -> Trainer:
    """A trainer that has saved a checkpoint at each of these steps, with an ever higher val_loss from the second on."""
    trainer = Trainer(small_config(), small_corpus())
    checkpoints = Checkpoints(folder, trainer, STORAGE)
    for place, step in enumerate(steps):
        advance(trainer, step, {})
        checkpoints.due([evaluated(step, 3.0 - (place == 1))])
        checkpoints.save("series")
    return trainer


def test_a_run_goes_back_to_a_checkpoint_and_those_after_it_are_deleted(tmp_path: Path) -> None:
    saved_at(tmp_path, 5, 10, 15)
    whole = advance(Trainer(small_config(), small_corpus()), 20, {})

    again = Trainer(small_config(), small_corpus())
    told = go_back(again, Checkpoints(tmp_path, again, STORAGE), find_checkpoint(tmp_path, "5"), None)

    assert (again.step, told.summary) == (5, "back to step 5")
    assert [one.step for one in stored_checkpoints(tmp_path)] == [5]
    assert advance(again, 20, {}) == whole[5:]


def test_a_run_goes_back_with_another_lr_or_not_at_all(tmp_path: Path) -> None:
    saved_at(tmp_path, 5, 10)
    trainer = Trainer(small_config(), small_corpus())
    checkpoints, chosen = Checkpoints(tmp_path, trainer, STORAGE), find_checkpoint(tmp_path, "step-000005")

    with pytest.raises(ConfigError):
        go_back(trainer, checkpoints, chosen, ChangeSettings(batch=0))
    assert len(stored_checkpoints(tmp_path)) == 2

    told = go_back(trainer, checkpoints, chosen, ChangeSettings(lr_times=0.5))
    assert told.summary.startswith("back to step 5, lr ") and trainer.settings.lr_scale == 0.5


def test_a_checkpoint_is_found_by_what_a_person_says(tmp_path: Path) -> None:
    saved_at(tmp_path, 5, 10, 15)
    assert [find_checkpoint(tmp_path, wanted).step for wanted in ("latest", "best", "5")] == [15, 10, 5]
    with pytest.raises(CheckpointError, match="there are 5, 10, 15, and 'best'"):
        find_checkpoint(tmp_path, "6")
