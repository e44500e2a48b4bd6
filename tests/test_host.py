"""A hosted loop answers between two steps, stores before it tells, and waits where it cannot store."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.events import (
    Accepted,
    ChangeSettings,
    CheckpointSaved,
    Command,
    Evaluate,
    Evaluated,
    Event,
    FindingClosed,
    FindingOpened,
    LessonPaced,
    LimitSpeed,
    PaceLesson,
    Pause,
    Refused,
    Resume,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    Sample,
    SampleGenerated,
    SaveCheckpoint,
    SettingsChanged,
    SpeedLimited,
    StepFinished,
    Stop,
    StorageBlocked,
    StorageRestored,
    TakeSteps,
)
from tinygpt_tui.engine.hosting.host import GATHER_S, Host
from tinygpt_tui.engine.hosting.interfaces import Hosted, Observer, Request
from tinygpt_tui.engine.lesson import Expectation, Lesson, Watch
from tinygpt_tui.engine.long_work import LongWork, WorkAbandoned
from tinygpt_tui.engine.storage.stored_checkpoints import Reason

from .scripted_loop import LossAbove, ScriptedLoop, StepSaver


class ListLog:
    """Implements EventSink; fails as often as it is told."""

    def __init__(self, *, fails: int = 0, after: int = 0) -> None:
        self.events: list[Event] = []
        self.fails = fails
        self._after = after

    def append(self, *events: Event) -> None:
        if len(self.events) + len(events) > self._after and self.fails:
            self.fails -= 1
            raise OSError(28, "No space left on device")
        self.events += events

    def of(self, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kinds)]


class FullSaver(StepSaver):
    """Fails as often as it is told."""

    fails = 0

    def save(self, reason: Reason) -> CheckpointSaved:
        if self.fails:
            self.fails -= 1
            raise OSError(28, "No space left on device")
        return super().save(reason)


class Clock:
    """Stands still unless somebody waits on the queue that goes with it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class ScriptedRequests(SimpleQueue):
    """Waiting takes no time: the clock jumps. `idle` holds what is asked when nothing else is going on."""

    def __init__(self, clock: Clock, idle: Sequence[Command] = ()) -> None:
        self.clock = clock
        self.idle = list(idle)
        self.answers: list[Accepted | Refused] = []
        self.looked: Callable[[], None] = lambda: None
        """Called whenever somebody looks for a request."""

    def ask(self, *commands: Command) -> None:
        for command in commands:
            self.put(Request(command, self.answers.append))

    def get(self, block: bool = True, timeout: float | None = None) -> Request:
        self.looked()
        if self.empty() and block and timeout is None:
            self.ask(self.idle.pop(0))
        elif self.empty() and timeout is not None:
            self.clock.now += timeout
            block = False
        return super().get(block and timeout is None)


class Stage:
    """A host with everything scripted around it."""

    def __init__(
        self,
        folder: Path,
        *,
        steps: int = 5,
        asks: dict[int, list[Command]] | None = None,
        idle: Sequence[Command] = (),
        loss: Callable[[int], float] = lambda step: 1.0,
        log: ListLog | None = None,
        diagnosis: Observer | None = None,
        on_nan: Literal["stop", "pause", "continue"] = "continue",
        step_s: float = 0.0,
        lesson: Lesson | None = None,
    ) -> None:
        self.clock = Clock()
        self.requests = ScriptedRequests(self.clock, idle)
        self.log = log or ListLog()
        self.announced: list[Event | None] = []
        self.step_times: list[float] = []

        def scripted_loss(step: int) -> float:
            self.step_times.append(self.clock.now)
            self.clock.now += step_s
            self.requests.ask(*(asks or {}).get(step, []))
            return loss(step)

        self.loop = ScriptedLoop(steps, scripted_loss)
        self.saver = FullSaver(folder, self.loop)
        hosted = Hosted(
            loop=self.loop,
            saver=self.saver,
            diagnosis=diagnosis or LossAbove(10.0),
            on_nan=on_nan,
            lesson=lesson or Lesson(),
        )
        self.host = Host(hosted, self.log, self.requests, self.announced.append, self.clock)

    def run(self) -> RunEnded:
        return self.host.run()

    def story(self) -> list[tuple[str, int]]:
        """What was stored, without the beginning: kind of event and step."""
        return [(type(event).__name__, getattr(event, "step", -1)) for event in self.log.events[1:]]


def test_a_run_begins_trains_saves_and_ends(tmp_path: Path) -> None:
    stage = Stage(tmp_path, steps=12)

    end = stage.run()

    assert end.reason == "finished"
    assert isinstance(stage.log.events[0], RunStarted)
    assert [event.step for event in stage.log.of(CheckpointSaved) if isinstance(event, CheckpointSaved)] == [10, 12]
    assert stage.story()[-3:] == [("StepFinished", 12), ("CheckpointSaved", 12), ("RunEnded", 12)]


def test_a_checkpoint_that_was_just_saved_is_not_saved_again_at_the_end(tmp_path: Path) -> None:
    stage = Stage(tmp_path, steps=10)
    stage.run()

    assert stage.story()[-3:] == [("StepFinished", 10), ("CheckpointSaved", 10), ("RunEnded", 10)]


def test_every_command_is_answered_at_the_step_at_which_it_was_given(tmp_path: Path) -> None:
    commands: list[Command] = [
        Evaluate(id=1),
        Sample(id=2, prompt="abc"),
        ChangeSettings(id=3, clip=0.5),
        SaveCheckpoint(id=4),
        LimitSpeed(id=5, steps_per_s=math.inf),
        Pause(id=6),
        Resume(id=7),
        PaceLesson(id=8),
    ]
    stage = Stage(tmp_path, asks={2: commands})
    stage.run()

    assert stage.requests.answers == [Accepted(id=id, step=2) for id in range(1, 9)]
    effects = [Evaluated, SampleGenerated, SettingsChanged, SpeedLimited, RunPaused, RunResumed, LessonPaced]
    assert [type(event) for event in stage.log.of(*effects)] == effects


def test_changes_after_one_step_are_saved_once_before_the_next_and_in_any_case_at_the_end(tmp_path: Path) -> None:
    changes: list[Command] = [ChangeSettings(clip=clip) for clip in (0.5, 0.4, 0.3)]
    stage = Stage(tmp_path, asks={2: changes, 4: [SaveCheckpoint(), *changes, Stop()]})
    stage.run()
    saved = [(each.step, each.reason) for each in stage.log.events if isinstance(each, CheckpointSaved)]
    assert saved == [(2, "change"), (4, "asked"), (4, "stop")]
    story = stage.story()
    assert story.index(("CheckpointSaved", 2)) == story.index(("StepFinished", 3)) - 1


@pytest.mark.parametrize(
    "command",
    [
        ChangeSettings(id=9),
        TakeSteps(id=9, count=0),
        LimitSpeed(id=9, steps_per_s=0.0),
        LimitSpeed(id=9, steps_per_s=math.nan),
        LimitSpeed(id=9, steps_per_s=-1.0),
    ],
)
def test_a_command_that_cannot_be_obeyed_is_refused_and_leaves_no_trace(tmp_path: Path, command: Command) -> None:
    stage = Stage(tmp_path, asks={2: [command]})
    stage.run()

    [answer] = stage.requests.answers
    assert isinstance(answer, Refused) and answer.id == 9 and answer.why
    assert {kind for kind, _ in stage.story()} == {"StepFinished", "CheckpointSaved", "RunEnded"}


def test_a_paused_run_takes_the_steps_asked_for_and_pauses_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path, steps=9, asks={1: [Pause()]}, idle=[TakeSteps(count=2), TakeSteps(), Stop()])
    stage.run()

    assert stage.story() == [
        ("StepFinished", 1),
        ("RunPaused", 1),
        ("RunResumed", 1),
        ("StepFinished", 2),
        ("StepFinished", 3),
        ("RunPaused", 3),
        ("RunResumed", 3),
        ("StepFinished", 4),
        ("RunPaused", 4),
        ("CheckpointSaved", 4),
        ("RunEnded", 4),
    ]


def test_pausing_twice_and_resuming_what_runs_are_answered_without_an_event(tmp_path: Path) -> None:
    stage = Stage(tmp_path, steps=2, asks={1: [Resume(), Pause(), Pause()]}, idle=[Resume()])
    stage.run()

    assert stage.requests.answers == [Accepted(id=0, step=1)] * 4
    assert len(stage.log.of(RunPaused, RunResumed)) == 2


def test_a_stopped_run_saves_a_checkpoint_and_refuses_what_comes_later(tmp_path: Path) -> None:
    stage = Stage(tmp_path, asks={3: [Stop(id=1), Evaluate(id=2)]})

    assert stage.run().reason == "stopped"
    assert stage.story()[-2:] == [("CheckpointSaved", 3), ("RunEnded", 3)]
    assert stage.requests.answers == [Accepted(id=1, step=3), Refused(id=2, why="the run has ended")]


def test_a_speed_limit_spaces_the_steps_and_is_lifted_at_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path, steps=8, asks={2: [LimitSpeed(steps_per_s=2.0)], 6: [LimitSpeed(steps_per_s=math.inf)]})
    stage.run()

    assert stage.step_times == [0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


@given(step_s=st.floats(0.001, 0.2))
def test_steps_are_stored_together_but_soon(tmp_path_factory: pytest.TempPathFactory, step_s: float) -> None:
    behind: list[int] = []

    def loss(step: int) -> float:
        behind.append(step - 1 - len(stage.log.of(StepFinished)))
        return 1.0

    stage = Stage(tmp_path_factory.mktemp("run"), steps=60, loss=loss, step_s=step_s)
    stage.run()

    assert all(steps * step_s <= GATHER_S for steps in behind)
    assert max(behind) == 0 or step_s < GATHER_S
    writes = [before for before, after in pairwise(behind) if after == 0]
    assert len(writes) <= 60 * step_s / GATHER_S + 60 / 10 + 2  # and one for each checkpoint
    assert [step for kind, step in stage.story() if kind == "StepFinished"] == [*range(1, 61)]


def test_whoever_asks_finds_all_that_happened(tmp_path: Path) -> None:
    found: list[int] = []

    def loss(step: int) -> float:
        if step == 3:
            command = LimitSpeed(steps_per_s=math.inf)
            stage.requests.put(Request(command, lambda _: found.append(len(stage.log.of(StepFinished)))))
        return 1.0

    stage = Stage(tmp_path, loss=loss)
    stage.run()

    assert found == [3]


@pytest.mark.parametrize("command", [Pause(), LimitSpeed(steps_per_s=1.0)])
def test_a_run_that_waits_has_stored_all_that_happened(tmp_path: Path, command: Command) -> None:
    stage = Stage(tmp_path, steps=6, asks={2: [command]}, idle=[Resume()])
    behind: list[int] = []
    stage.requests.looked = lambda: behind.append(stage.loop.step - len(stage.log.of(StepFinished)))
    stage.run()

    assert len(behind) > 1 and set(behind) == {0}


def test_findings_are_stored_right_after_what_they_were_found_in(tmp_path: Path) -> None:
    stage = Stage(tmp_path, steps=4, loss=lambda step: 20.0 if step in (2, 3) else 1.0, diagnosis=LossAbove(10.0))
    stage.run()

    assert [type(event) for event in stage.log.events[1:7]] == [
        StepFinished,
        StepFinished,
        FindingOpened,
        StepFinished,
        StepFinished,
        FindingClosed,
    ]


def test_an_exception_in_the_loop_ends_the_run_with_its_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def loss(step: int) -> float:
        raise RuntimeError("CUDA error: out of memory\nand a hint")

    end = Stage(tmp_path, loss=loss).run()

    assert (end.reason, end.detail) == ("failed", "RuntimeError: CUDA error: out of memory\nand a hint")
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_run_that_shall_stop_on_nan_ends_without_a_checkpoint_of_it(tmp_path: Path, bad: float) -> None:
    stage = Stage(tmp_path, steps=20, loss=lambda step: bad if step == 10 else 1.0, on_nan="stop")

    assert stage.run().reason == "nan"
    assert stage.log.of(CheckpointSaved) == []


def test_a_run_that_shall_pause_on_nan_pauses_once_an_episode(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path,
        steps=6,
        loss=lambda step: math.nan if step in (2, 3, 5) else 1.0,
        on_nan="pause",
        idle=[Resume(), Resume()],
    )

    assert stage.run().reason == "finished"
    assert [event.step for event in stage.log.events if isinstance(event, RunPaused)] == [2, 5]


def test_a_run_that_shall_go_on_after_nan_does(tmp_path: Path) -> None:
    assert Stage(tmp_path, loss=lambda step: math.nan).run().reason == "finished"


def test_a_full_disk_blocks_training_until_everything_is_written(tmp_path: Path) -> None:
    stage = Stage(tmp_path, steps=4, log=ListLog(after=3, fails=3), step_s=1.0)
    stage.run()

    assert stage.story() == [
        ("StepFinished", 1),
        ("StepFinished", 2),
        ("StorageRestored", 3),
        ("StepFinished", 3),
        ("StepFinished", 4),
        ("CheckpointSaved", 4),
        ("RunEnded", 4),
    ]
    [blocked, restored] = stage.announced
    assert restored is None
    assert isinstance(blocked, StorageBlocked) and "No space left" in blocked.detail
    assert stage.step_times == [0.0, 1.0, 2.0, 6.0]


def test_the_end_is_the_last_line_also_when_the_disk_was_full_at_the_end(tmp_path: Path) -> None:
    stage = Stage(tmp_path, steps=2, log=ListLog(after=4, fails=1))
    stage.run()

    assert stage.story()[-3:] == [("CheckpointSaved", 2), ("StorageRestored", 2), ("RunEnded", 2)]


def test_a_checkpoint_that_does_not_fit_blocks_training_and_is_saved_later(tmp_path: Path) -> None:
    stage = Stage(tmp_path, steps=11)
    stage.saver.fails = 2
    stage.run()

    assert stage.story()[9:12] == [("StepFinished", 10), ("StorageRestored", 10), ("CheckpointSaved", 10)]
    assert stage.step_times[9:] == [0.0, 2.0]


def test_a_blocked_run_answers_and_tries_again_at_once_when_it_is_resumed(tmp_path: Path) -> None:
    log = ListLog(after=3, fails=1)
    stage = Stage(tmp_path, steps=4, log=log, asks={3: [Evaluate(id=1), Pause(id=2), Resume(id=3)]})
    stage.run()

    [refused, *accepted] = stage.requests.answers
    assert isinstance(refused, Refused) and "No space left" in refused.why
    assert accepted == [Accepted(id=2, step=3), Accepted(id=3, step=3)]
    assert stage.step_times == [0.0, 0.0, 0.0, 0.0]
    assert stage.story()[:6] == [
        ("StorageRestored", 3),
        ("StepFinished", 1),
        ("StepFinished", 2),
        ("StepFinished", 3),
        ("RunPaused", 3),
        ("RunResumed", 3),
    ]


def test_a_blocked_run_that_is_stopped_ends_without_a_checkpoint_and_says_so(tmp_path: Path) -> None:
    stage = Stage(tmp_path, asks={3: [Stop(id=1)]}, log=ListLog(after=3, fails=99))

    end = stage.run()

    assert end.reason == "stopped" and "without a checkpoint" in end.detail and "No space left" in end.detail
    assert stage.announced[-1] == end
    assert stage.requests.answers == [Accepted(id=1, step=3)]
    assert stage.log.of(StorageRestored, RunEnded) == []


def test_a_resumed_loop_goes_on_where_its_checkpoint_is(tmp_path: Path) -> None:
    Stage(tmp_path, asks={3: [Stop()]}).run()
    again = Stage(tmp_path)

    assert again.run().reason == "finished"
    assert [event.step for event in again.log.events if isinstance(event, RunStarted | StepFinished)] == [3, 4, 5]


def test_a_checkpoint_that_breaks_while_its_disk_is_full_ends_the_run_as_failed_and_that_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, steps=11)
    troubles = iter([OSError(28, "No space left on device"), ValueError("the state is beyond saving")])

    def save(reason: Reason) -> CheckpointSaved:
        raise next(troubles)

    monkeypatch.setattr(stage.saver, "save", save)

    end = stage.run()

    assert (end.reason, end.detail) == ("failed", "ValueError: the state is beyond saving")
    assert stage.story()[-2:] == [("StorageRestored", 10), ("RunEnded", 10)]


class LongLoop(ScriptedLoop):
    """Every step and every sample has a hundred pieces; what is asked after one of them is scripted."""

    def __init__(self, steps: int, ask: Callable[[int], None]) -> None:
        super().__init__(steps)
        self.long_work = LongWork()
        self.pieces = 0
        self._ask = ask

    def _work(self) -> None:
        for _ in range(100):
            self.pieces += 1
            self._ask(self.pieces)
            self.long_work.between_pieces()

    def advance(self) -> list[Event]:
        try:
            self._work()
        except WorkAbandoned:
            return []
        return super().advance()

    def sample(self, command: Sample) -> SampleGenerated:
        self._work()
        return super().sample(command)


def long_run(folder: Path, asks: dict[int, list[Command]]) -> tuple[LongLoop, ListLog, ScriptedRequests]:
    """Two long steps, with what is asked at each piece."""
    requests, log = ScriptedRequests(Clock()), ListLog()
    loop = LongLoop(2, lambda piece: requests.ask(*asks.get(piece, [])))
    saver = StepSaver(folder, loop)
    hosted = Hosted(loop=loop, saver=saver, diagnosis=LossAbove(10.0), long_work=loop.long_work)
    Host(hosted, log, requests, lambda event: None, requests.clock).run()
    return loop, log, requests


def test_a_run_stops_within_a_long_step(tmp_path: Path) -> None:
    loop, log, requests = long_run(tmp_path, {10: [Stop(id=1)]})
    assert (loop.pieces, requests.answers) == (10, [Accepted(id=1, step=0)])
    assert log.events[-1] == RunEnded(step=0, reason="stopped")


def test_a_run_stops_within_the_first_of_several_long_samples(tmp_path: Path) -> None:
    loop, log, requests = long_run(tmp_path, {5: [Sample(id=1), Sample(id=2)], 110: [Stop(id=3)]})
    assert loop.pieces == 110
    assert [(type(answer), answer.id) for answer in requests.answers] == [(Refused, 1), (Accepted, 3), (Refused, 2)]
    assert log.events[-1] == RunEnded(step=1, reason="stopped")


def test_a_long_step_waits_where_it_is_while_the_run_is_paused(tmp_path: Path) -> None:
    loop, log, requests = long_run(tmp_path, {10: [Pause(id=1), Resume(id=2)]})
    assert [answer.id for answer in requests.answers] == [1, 2] and loop.pieces == 200
    assert [type(event) for event in log.of(RunPaused, RunResumed, StepFinished)][:3] == [
        RunPaused, RunResumed, StepFinished,
    ]  # fmt: skip


def test_what_is_asked_of_a_paused_step_is_done_before_it(tmp_path: Path) -> None:
    loop, _, requests = long_run(tmp_path, {10: [Pause(id=1), ChangeSettings(id=2, clip=0.5), Resume(id=3)]})
    assert [(type(answer), answer.id) for answer in requests.answers] == [(Accepted, 1), (Accepted, 2), (Accepted, 3)]
    assert loop.pieces == 210  # the step began again


LESSON = Lesson(
    watch=(Watch(step=3, what="the turn"), Watch(step=6, what="the\nend")), expected=(Expectation(kind="nan", by=9),)
)
PACE = PaceLesson(watch_points=True, findings=True)


def paced(folder: Path, *, asks: dict[int, list[Command]], idle: Sequence[Command], **more: object) -> Stage:
    folder.mkdir(exist_ok=True)
    return Stage(folder, steps=9, asks=asks, idle=idle, lesson=LESSON, **more)  # pyright: ignore[reportArgumentType]


def pauses(stage: Stage) -> list[tuple[int, str, str]]:
    return [(each.step, each.at, each.reason) for each in stage.log.events if isinstance(each, RunPaused)]


def test_a_paced_run_pauses_exactly_at_its_watch_points_and_no_other_does(tmp_path: Path) -> None:
    stage = paced(tmp_path / "paced", asks={1: [PACE]}, idle=[Resume(), Resume()])
    assert stage.run().reason == "finished"
    assert pauses(stage) == [(3, "watch", "the turn"), (6, "watch", "the end")]
    unasked = paced(tmp_path / "not", asks={}, idle=[])
    unasked.run()
    assert pauses(unasked) == []


def test_a_paced_run_pauses_at_the_step_of_its_first_finding_though_steps_are_gathered(tmp_path: Path) -> None:
    stage = paced(
        tmp_path, asks={1: [PaceLesson(findings=True)]}, idle=[Resume()], loss=lambda step: 20.0 * (step in (4, 8))
    )
    stage.run()
    assert pauses(stage) == [(4, "finding", "high since step 4")]
    story = stage.story()
    assert story.index(("FindingOpened", 4)) < story.index(("RunPaused", 4)) < story.index(("StepFinished", 5))


class Kinds:
    """A diagnosis that finds one kind at a step."""

    def __init__(self, kinds: dict[int, str]) -> None:
        self._kinds = kinds

    def observe(self, event: Event) -> list[FindingOpened | FindingClosed]:
        if not isinstance(event, StepFinished) or event.step not in self._kinds:
            return []
        kind, step = self._kinds[event.step], event.step
        severity = "info" if kind == "remark" else "warning"
        return [FindingOpened(id=step, step=step, onset=step, kind=kind, severity=severity, evidence="")]


def test_of_later_findings_those_count_that_the_lesson_is_about_and_a_remark_never(tmp_path: Path) -> None:
    kinds = Kinds({1: "remark", 2: "spike", 4: "stall", 5: "nan", 7: "nan", 8: "spike"})
    stage = paced(tmp_path, asks={1: [PaceLesson(findings=True)]}, idle=[Resume(), Resume()], diagnosis=kinds)
    stage.run()
    assert [step for step, *_ in pauses(stage)] == [2, 5]


@pytest.mark.parametrize(
    ("asks", "expected"),
    [
        ({1: [PACE], 4: [PaceLesson()]}, [3]),
        ({1: [PACE], 4: [ChangeSettings(clip=0.5)]}, [3]),
        ({1: [PACE], 2: [TakeSteps(count=5)]}, [7]),
        ({1: [PACE], 2: [TakeSteps(count=1)]}, [3, 6]),
    ],
    ids=["full speed", "changed", "counted steps are not interrupted", "one step"],
)
def test_what_ends_or_overrules_the_pauses_of_a_lesson(
    tmp_path: Path, asks: dict[int, list[Command]], expected: list[int]
) -> None:
    stage = paced(tmp_path, asks=asks, idle=[Resume()] * len(expected))
    assert stage.run().reason == "finished"
    assert [step for step, *_ in pauses(stage)] == expected


def test_a_run_that_stops_for_a_lesson_trains_the_same(tmp_path: Path) -> None:
    """To the last event, but for the pauses themselves."""

    def trained(folder: Path, **more: object) -> list[Event]:
        stage = paced(folder, **more)  # pyright: ignore[reportArgumentType]
        stage.run()
        return [event for event in stage.log.events if not isinstance(event, RunPaused | RunResumed | LessonPaced)]

    assert trained(tmp_path / "a", asks={1: [PACE]}, idle=[Resume()] * 2) == trained(tmp_path / "b", asks={}, idle=[])
