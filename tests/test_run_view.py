"""What a screen knows of a run is folded from its events, and the same however they come."""

import math
from collections.abc import Sequence
from dataclasses import replace
from time import process_time

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.events import (
    AnyEvent,
    CheckpointSaved,
    Evaluated,
    FindingClosed,
    FindingOpened,
    FindingUpdated,
    LayersMeasured,
    PreparationBegan,
    RunDescribed,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    SampleGenerated,
    SettingsChanged,
    SpeedLimited,
    StepFinished,
    StorageBlocked,
    StorageRestored,
    StoredEvent,
)
from tinygpt_tui.tui.plots.viewport import XAxis
from tinygpt_tui.tui.view.run_numbers import (
    clipped_share,
    current_perplexity,
    current_phase,
    epoch,
    time_left_s,
    tokens_per_s,
    tokens_trained,
    val_loss_at,
)
from tinygpt_tui.tui.view.run_view import RunView
from tinygpt_tui.tui.view.step_marks import step_marks

from .scripted_run import started, steps

CONFIG = RunConfig()
SETTINGS = LiveSettings.from_config(CONFIG)


def begun(step: int = 0, time: float = 0.0) -> RunStarted:
    return msgspec.structs.replace(started(CONFIG, step), time=time)


def finished(step: int, *, loss: float = 2.0, time: float = 0.0, grad_norm: float = 0.8) -> StepFinished:
    return StepFinished(
        step=step,
        time=time,
        loss=loss,
        lr=1e-3,
        tokens=256 * step,
        tokens_per_s=6e4,
        grad_norm=grad_norm,
        clipped=False,
    )


def finding(id: int, step: int) -> FindingOpened:
    return FindingOpened(id=id, step=step, onset=step - 3, kind="spike", severity="warning", evidence="")


def view_of(*events: AnyEvent) -> RunView:
    return RunView.of(CONFIG).after_all(events)


def at_step(step: int) -> list[StoredEvent]:
    """Everything that can happen right after one step."""
    return [
        finished(step, loss=math.nan if step % 7 == 0 else 5.0 / step, time=float(step)),
        Evaluated(step=step, val_loss=4.0 / step, perplexity=2.0),
        LayersMeasured(
            step=step, names=["a"], grad_norm=[1.0], update_ratio=[1e-3], max_attention_logit=1.0, log_z=1.0
        ),
        SampleGenerated(step=step, prompt="", text=str(step), temperature=1.0, top_k=1),
        CheckpointSaved(step=step, name=f"step-{step}", reason="series"),
        SettingsChanged(step=step, summary="lr", settings=replace(SETTINGS, lr_scale=float(step))),
        finding(step, step),
        FindingClosed(id=step - 1, step=step),
    ]


@st.composite
def logs(draw: st.DrawFn) -> list[AnyEvent]:
    """A run that is resumed now and then from an earlier step."""
    events: list[AnyEvent] = [begun()]
    step = 0
    for length in draw(st.lists(st.integers(0, 12), min_size=1, max_size=4)):
        for _ in range(length):
            step += 1
            events += at_step(step)[: draw(st.integers(1, 8))]
        step = draw(st.integers(0, step))
        events.append(begun(step, time=1000.0))
    return events


def shown(view: RunView) -> tuple[object, ...]:
    columns = [view.curves[name].tolist() for name in ("step", "time", "loss", "tokens", "lr", "clipped")]
    return (
        repr(columns),
        repr(view.evaluations["val_loss"].tolist()),
        view.nan_steps["step"].tolist(),
        view.samples.items,
        view.layers.items,
        view.findings,
        view.changes,
        view.checkpoints,
        view.settings,
        view.state,
    )


@given(logs(), st.integers(1, 20))
def test_it_does_not_matter_how_events_are_batched(events: list[AnyEvent], size: int) -> None:
    one_by_one = RunView.of(CONFIG)
    for event in events:
        one_by_one = one_by_one.after(event)
    in_batches = RunView.of(CONFIG)
    for start in range(0, len(events), size):
        in_batches = in_batches.after_all(events[start : start + size])
    assert shown(one_by_one) == shown(in_batches)


@given(st.integers(1, 15), st.integers(0, 15))
def test_a_resumed_run_forgets_what_came_after_the_step_it_resumes_at(done: int, back: int) -> None:
    kept = min(back, done)
    history = [event for step in range(1, done + 1) for event in at_step(step)]
    view = view_of(begun(), *history, begun(kept))
    earlier = [event for event in history if not isinstance(event, RunDescribed) and event.step <= kept]
    expected = view_of(begun(), *earlier, begun(kept))
    assert shown(view) == shown(expected)
    assert view.step == kept


def test_a_finding_that_closed_after_the_resumed_step_is_open_again() -> None:
    view = view_of(begun(), finished(1), finding(1, 1), finished(2), FindingClosed(id=1, step=2), begun(1))
    assert [episode.closed for episode in view.findings] == [None]


def test_evidence_is_that_of_the_last_update_that_counts() -> None:
    told = [begun(), finished(1), finding(1, 1), finished(2), FindingUpdated(id=1, step=2, evidence="of step 2")]
    assert [episode.finding.evidence for episode in view_of(*told).findings] == ["of step 2"]
    assert [episode.finding.evidence for episode in view_of(*told, begun(1)).findings] == [finding(1, 1).evidence]


def test_a_step_that_comes_again_replaces_the_first() -> None:
    view = view_of(finished(1, loss=1.0), finished(2, loss=2.0), finished(3, loss=3.0), finished(2, loss=9.0))
    assert view.curves["step"].tolist() == [1, 2]
    assert view.curves.at("loss") == 9.0


def test_a_log_may_begin_at_step_0() -> None:
    assert view_of(finished(0), finished(1)).curves["step"].tolist() == [0, 1]


def test_every_step_that_is_no_number_is_remembered() -> None:
    view = view_of(
        finished(1),
        finished(2, loss=math.nan),
        finished(3, loss=math.inf),
        finished(4, grad_norm=math.inf),
        finished(5),
    )
    assert view.nan_steps["step"].tolist() == [2, 3, 4]
    assert math.isnan(view.curves.at("loss", 3))
    assert view.curves.smoothed_at("loss", 30) == 2.0


def test_what_no_float_can_hold_is_still_a_number() -> None:
    assert math.isfinite(view_of(finished(1, loss=1e300)).curves.at("loss"))


def test_pauses_and_dead_time_do_not_count_as_training() -> None:
    view = view_of(
        begun(0, time=100.0),
        finished(1, time=101.0),
        RunPaused(step=1, reason="asked", time=102.0),
        RunResumed(step=1, time=202.0),
        finished(2, time=203.0),
        begun(1, time=9000.0),
        finished(2, time=9001.5),
    )
    np.testing.assert_allclose(view.curves["time"], [1.0, 2.5])


def test_time_never_runs_backwards() -> None:
    view = view_of(begun(0, time=10.0), finished(1, time=12.0), finished(2, time=3.0), finished(3, time=11.0))
    assert (np.diff(view.curves["time"]) >= 0).all()


def test_what_is_prepared_is_the_detail_of_a_start_and_of_a_new_start() -> None:
    ended = view_of(begun(), finished(1), RunEnded(step=1, reason="died"))
    for view in (RunView.of(CONFIG), ended):
        preparing = view.after(PreparationBegan(time=9.0, activity="reading the text"))
        assert (preparing.state, preparing.state_detail, preparing.end) == ("starting", "reading the text", None)
        started = preparing.after(begun(1, time=10.0))
        assert (started.state, started.state_detail) == ("training", "")


def test_the_state_follows_the_run() -> None:
    turns: list[tuple[AnyEvent, str]] = [
        (begun(), "training"),
        (RunPaused(step=1, reason="asked"), "paused"),
        (RunResumed(step=1), "training"),
        (StorageBlocked(step=1, detail="No space left on device"), "blocked"),
        (StorageRestored(step=1), "training"),
        (RunEnded(step=1, reason="died", detail="killed by signal 9"), "ended"),
        (begun(1), "training"),
    ]
    view = RunView.of(CONFIG)
    assert view.state == "starting"
    for event, state in turns:
        view = view.after(event)
        assert view.state == state
    assert view.end is None


def test_a_speed_limit_and_a_change_are_in_force_at_once() -> None:
    settings = replace(SETTINGS, lr_scale=0.5)
    view = view_of(
        SpeedLimited(step=1, steps_per_s=5.0),
        SettingsChanged(step=1, summary="lr halved", settings=settings),
    )
    assert view.speed_limit == 5.0
    assert view.settings == settings
    assert [(mark.kind, mark.step) for mark in step_marks(view)] == [("change", 1)]


def test_the_validation_loss_is_read_where_the_cursor_stands() -> None:
    view = view_of(*(Evaluated(step=step, val_loss=10.0 / step, perplexity=1.0) for step in (10, 20)))
    assert math.isnan(val_loss_at(view, 9))
    assert val_loss_at(view, 10) == val_loss_at(view, 19) == 1.0
    assert val_loss_at(view) == 0.5


def test_derived_numbers_are_unknown_before_the_first_step_and_never_fail() -> None:
    view = RunView.of(CONFIG)
    numbers = (
        tokens_per_s(view),
        epoch(view),
        time_left_s(view),
        clipped_share(view),
        current_perplexity(view),
        view.curves.at("loss"),
    )
    assert all(math.isnan(number) for number in numbers)
    assert (view.step, tokens_trained(view), current_phase(view), step_marks(view)) == (0, 0, "", ())


def test_the_time_left_after_a_resume_goes_by_the_pace_of_the_new_worker() -> None:
    view = view_of(begun(), *(finished(step, time=100.0 * step) for step in range(1, 61)))
    resumed = view.after(begun(60, 1e6))
    assert math.isnan(time_left_s(resumed))
    resumed = resumed.after_all([finished(step, time=1e6 + 0.5 * (step - 60)) for step in range(61, 66)])
    assert math.isclose(time_left_s(resumed), 0.5 * (CONFIG.training.steps - 65))


def test_twenty_thousand_findings_are_folded_in_a_moment_and_bounded() -> None:
    began = process_time()
    events = [event for id in range(20_000) for event in (finding(id, id + 3), FindingClosed(id=id, step=id + 3))]
    view = view_of(finding(20_000, 3), *events)
    assert process_time() - began < 2.0
    assert len(view.findings) == 500
    assert [episode.finding.id for episode in view.findings if episode.closed is None] == [20_000]


def test_the_time_left_goes_by_the_recent_pace() -> None:
    view = view_of(begun(), *(finished(step, time=0.5 * step) for step in range(1, 101)))
    assert math.isclose(time_left_s(view), 0.5 * (CONFIG.training.steps - 100))


def assert_round_trip(view: RunView, axis: XAxis, at: Sequence[float]) -> None:
    there = view.curves.x_of(np.array(at), axis)
    np.testing.assert_allclose(view.curves.steps_of(there, axis), at)


def test_steps_and_positions_on_any_axis_belong_together_also_ahead_of_the_run() -> None:
    view = view_of(begun(), *steps(CONFIG, [2.0] * 50))
    for axis in ("step", "tokens", "time"):
        assert_round_trip(view, axis, [1.0, 2.5, 50.0, 80.0])


def test_a_long_history_of_samples_and_layers_is_bounded() -> None:
    view = view_of(*(event for step in range(1, 3001) for event in at_step(step)[2:4]))
    assert len(view.samples.items) <= 128 and len(view.layers.items) <= 512
    assert (view.samples.items[0].step, view.samples.items[-1].step) == (1, 3000)
    assert (view.layers.items[0].step, view.layers.items[-1].step) == (1, 3000)
