"""The home screen: what is listed, what is previewed, and every key."""

import random
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.events import Paste
from textual.geometry import Size
from textual.pilot import Pilot
from textual.screen import Screen

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import FindingOpened, RunEnded
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.run_folder import claimed
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.comparison.screen import ComparisonScreen
from tinygpt_tui.tui.dialogs.confirm import Confirm
from tinygpt_tui.tui.dialogs.key_line import KeyLine
from tinygpt_tui.tui.home import screen as home_screen
from tinygpt_tui.tui.home.disk import look_into_log, preset_entries, read_runs
from tinygpt_tui.tui.home.entries import PresetEntry, RunEntry, identity
from tinygpt_tui.tui.home.entry_list import Heading, RowLine
from tinygpt_tui.tui.home.preset_preview import preset_lines
from tinygpt_tui.tui.home.run_preview import run_lines
from tinygpt_tui.tui.home.screen import HomeScreen
from tinygpt_tui.tui.navigation import (
    Course,
    CurveExercise,
    FaultExercise,
    OpenRun,
    ResumeRun,
    RunDestination,
    StartRun,
)

from .screen_text import shown, until
from .scripted_run import ScriptedRun, started, steps


class Visit:
    """An app on its home screen, which remembers where a person wanted to go."""

    def __init__(self, runs: Path, settings_file: Path, *, ascii: bool = False) -> None:
        self.wanted: list[RunDestination] = []
        self.app = TinyGPTApp(runs, settings_file=settings_file, ascii=ascii, open=self._open)

    async def _open(self, destination: RunDestination, runs: Path) -> ScriptedRun:
        self.wanted.append(destination)
        return ScriptedRun([RunEnded(step=0, reason="finished")])

    @property
    def home(self) -> HomeScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, HomeScreen)
        return screen

    @property
    def names(self) -> list[str]:
        return [identity(entry)[1] for entry in self.home.choice.entries]

    @property
    def selected(self) -> str:
        entry = self.home.choice.entry
        return identity(entry)[1] if entry else ""

    async def type(self, pilot: Pilot[None], text: str) -> None:
        """Letter by letter, once everything is listed."""
        await until(pilot, lambda: self.home._found is not None)
        await pilot.press(*text)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def visit(runs: Path, tmp_path: Path) -> Visit:
    return Visit(runs, tmp_path / "settings.toml")


def make_run(runs: Path, title: str, *, losses: int = 20, end: str | None = "finished", found: bool = False) -> Path:
    config = RunConfig(title=title)
    run = create(runs, config, None, datetime.now(UTC))
    log = EventLog(run)
    log.append(started(config))
    for step in steps(config, [5.0 - 0.01 * step for step in range(losses)]):
        log.append(step)
    if found:
        log.append(
            FindingOpened(id=1, step=losses, onset=losses - 5, kind="oscillation", severity="failure", evidence="")
        )
    if end is not None:
        log.append(RunEnded(step=losses, reason=end, detail=""))  # pyright: ignore[reportArgumentType]
    log.close()
    return run


async def test_enter_starts_the_selected_preset(visit: Visit) -> None:
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "lr-too-high")
        assert visit.selected == "lr-too-high"
        assert "start" in shown(visit.app)
        await pilot.press("enter")
        await until(pilot, lambda: visit.wanted)
    (wanted,) = visit.wanted
    assert isinstance(wanted, StartRun)
    assert wanted.config.title == "LR too high"


@pytest.mark.parametrize(
    ("end", "key", "wanted"),
    [
        ("finished", "enter", OpenRun),
        ("failed", "enter", OpenRun),
        ("stopped", "enter", ResumeRun),
        ("stopped", "ctrl+o", OpenRun),
        (None, "enter", ResumeRun),
        (None, "ctrl+o", OpenRun),
    ],
)
async def test_enter_and_ctrl_o_do_what_a_run_allows(
    visit: Visit, runs: Path, end: str | None, key: str, wanted: type
) -> None:
    run = make_run(runs, "Mine", end=end)
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "mine-1")
        await pilot.press(key)
        await until(pilot, lambda: visit.wanted)
    assert visit.wanted == [wanted(run)]


async def test_enter_attaches_to_a_running_run_which_cannot_be_deleted(visit: Visit, runs: Path) -> None:
    run = make_run(runs, "Mine", end=None)
    with claimed(run):
        async with visit.app.run_test() as pilot:
            await visit.type(pilot, "mine-1")
            await until(pilot, lambda: "attach" in shown(visit.app))
            assert "running" in shown(visit.app)
            await pilot.press("delete")
            assert visit.app.screen is visit.home
            await pilot.press("enter")
            await until(pilot, lambda: visit.wanted)
    assert visit.wanted == [OpenRun(run)]
    assert run.is_dir()


async def test_a_damaged_run_shows_why_and_enter_does_nothing(visit: Visit, runs: Path) -> None:
    (runs / "wrecked").mkdir(parents=True)
    (runs / "wrecked" / "config.toml").write_text("title = [")
    async with visit.app.run_test(size=(120, 36)) as pilot:
        await visit.type(pilot, "wrecked")
        await until(pilot, lambda: shown(visit.app).count("Invalid value") == 2)
        await pilot.press("enter")
        await pilot.pause()
        assert visit.app.screen is visit.home
        assert "? damaged" in shown(visit.app)
    assert visit.wanted == []


async def test_typing_filters_backspace_erases_and_escape_shows_everything(visit: Visit, runs: Path) -> None:
    make_run(runs, "Mine")
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "mine")
        assert visit.names == ["mine-1"]
        await pilot.press("space", "x")
        assert visit.names == []
        await until(pilot, lambda: "Nothing here matches “mine x”" in shown(visit.app))
        await pilot.press("backspace", "backspace")
        assert visit.names == ["mine-1"]
        await pilot.press("escape")
        assert {"baseline", "lr-too-high", "mine-1"} <= set(visit.names)
        assert visit.selected == "mine-1"


async def test_a_slash_begins_a_filter_in_which_every_key_is_a_letter(visit: Visit, runs: Path) -> None:
    make_run(runs, "Quick")
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "/quick")
        assert visit.names == ["quick-1"] and visit.home.filter_line.wanted == "quick"
        await pilot.press("question_mark", "C")
        assert visit.home.filter_line.wanted == "quick?C" and visit.app.screen is visit.home
        await pilot.press("escape")
        assert not visit.home.filter_line.is_open and "baseline" in visit.names


async def test_marked_runs_are_compared_the_oldest_first(visit: Visit, runs: Path) -> None:
    made = [make_run(runs, "Mine") for _ in range(3)]
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "A")
        assert set(visit.names) == {run.name for run in made}
        await pilot.press("home", "space", "C")
        assert visit.app.screen is visit.home  # one run is no comparison
        await pilot.press("insert", "C")
        await until(pilot, lambda: isinstance(visit.app.screen, ComparisonScreen))
        await until(pilot, lambda: "against A" in shown(visit.app))


async def test_a_run_that_is_renamed_stays_selected(visit: Visit, runs: Path) -> None:
    run = make_run(runs, "Mine")
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "A")
        await pilot.press("S", "R")
        await until(pilot, lambda: "Rename this run" in shown(visit.app))
        await pilot.press(*"x", "enter")
        await until(pilot, lambda: visit.selected not in ("", "mine-1"))
        assert not run.exists() and run.with_name(visit.selected).is_dir()


async def test_home_selects_the_run_that_was_left(visit: Visit, runs: Path) -> None:
    old, _ = make_run(runs, "Old"), make_run(runs, "New")
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "old")
        visit.home.come_back(old)
        await until(pilot, lambda: visit.selected == old.name and len(visit.names) > 2)


async def test_pasted_text_filters(visit: Visit) -> None:
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "")
        visit.app.post_message(Paste("lr high\n leaps"))
        await until(pilot, lambda: visit.names == ["lr-too-high"])


async def test_q_quits_but_is_a_letter_of_a_filter(visit: Visit) -> None:
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "lrq")
        assert visit.names == []
        await pilot.press("escape", "q")
        await until(pilot, lambda: not visit.app.is_running)
    assert visit.app.return_code == 0


async def test_keys_move_through_the_list(visit: Visit, runs: Path) -> None:
    for _ in range(30):
        make_run(runs, "Mine", losses=0)
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "")
        names = visit.names
        await pilot.press("home")
        for key, index in [
            ("down", 1),
            ("down", 2),
            ("up", 1),
            ("end", len(names) - 1),
            ("down", len(names) - 1),
            ("home", 0),
            ("up", 0),
        ]:
            await pilot.press(key)
            assert visit.selected == names[index], key
        await pilot.press("pagedown")
        paged = names.index(visit.selected)
        assert 1 < paged < len(names) - 1
        await pilot.press("pagedown", "pageup")
        assert visit.selected == names[paged]
        await pilot.press("end")
        await until(pilot, lambda: names[-1] in shown(visit.app))


async def test_a_click_selects_and_a_second_one_chooses(visit: Visit) -> None:
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "")
        first, second = [name for name in visit.names if name in ("baseline", "lr-too-high")]
        assert visit.selected == first
        choice = visit.home.choice

        async def click(line: RowLine | Heading) -> None:
            """Wherever the list stands now: it scrolls to what is selected."""
            await pilot.pause()
            await pilot.click(choice, offset=(5, choice._lines.index(line) - choice.scroll_offset.y))

        await click(RowLine(visit.names.index(second), second=False))
        assert visit.selected == second
        assert visit.wanted == []
        await click(Heading("The loss curve"))
        assert visit.selected == second
        await click(RowLine(visit.names.index(second), second=True))
        await until(pilot, lambda: visit.wanted)


async def test_deleting_asks_first(visit: Visit, runs: Path) -> None:
    run = make_run(runs, "Mine")
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "mine")
        for keys in (["delete", "n"], ["ctrl+d", "escape"], ["delete", "q"]):
            await pilot.press(keys[0])
            await until(pilot, lambda: isinstance(visit.app.screen, Confirm))
            assert "Delete mine-1?" in shown(visit.app)
            await pilot.press(keys[1])
            await until(pilot, lambda: visit.app.screen is visit.home)
        assert run.is_dir()
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(visit.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: not run.exists() and visit.names == [])


async def test_a_preset_cannot_be_deleted(visit: Visit) -> None:
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "baseline")
        await pilot.press("delete")
        await pilot.pause()
        assert visit.app.screen is visit.home


async def test_a_deletion_that_fails_is_told(visit: Visit, runs: Path) -> None:
    run = make_run(runs, "Mine")
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "mine")
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(visit.app.screen, Confirm))
        with claimed(run):
            await pilot.press("y")
            await until(pilot, lambda: visit.app._notifications)
        (notice,) = visit.app._notifications
        assert "stop it" in notice.message


async def test_a_new_run_and_its_progress_appear_by_themselves(visit: Visit, runs: Path) -> None:
    async with visit.app.run_test(size=(120, 36)) as pilot:
        await visit.type(pilot, "")
        assert "No runs yet" in shown(visit.app)
        run = make_run(runs, "Mine", losses=3, end=None)
        await until(pilot, lambda: "step 3/1000" in shown(visit.app))
        assert visit.names[0] == "mine-1"
        log = EventLog(run)
        log.append(steps(RunConfig(), [1.25], first=4)[0])
        log.close()
        await until(pilot, lambda: "loss 1.25" in shown(visit.app))
        assert "No runs yet" not in shown(visit.app)


async def test_the_newest_runs_are_listed_while_the_others_are_read(
    visit: Visit, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(runs, "B old")
    make_run(runs, "A new")  # the first by name, should both have the same second
    begun, may_read = threading.Event(), threading.Event()

    def slowly(folder: Path, most: int | None = None) -> tuple[RunEntry, ...]:
        if most is None:
            begun.set()
            may_read.wait(30)
        return read_runs(folder, most and 1)

    monkeypatch.setattr(home_screen, "read_runs", slowly)
    try:
        async with visit.app.run_test(size=(120, 36)) as pilot:
            assert "No runs yet" not in shown(visit.app)
            await until(pilot, lambda: begun.is_set() and "a-new-1" in shown(visit.app))
            assert "b-old-1" not in shown(visit.app)
            may_read.set()
            await until(pilot, lambda: "b-old-1" in shown(visit.app))
    finally:
        may_read.set()


async def test_the_selected_run_stays_selected_when_others_come(visit: Visit, runs: Path) -> None:
    make_run(runs, "Mine")
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "")
        await pilot.press("home")
        assert visit.selected == "mine-1"
        make_run(runs, "Other")
        await until(pilot, lambda: "other-1" in visit.names)
        assert visit.selected == "mine-1"


async def test_the_preview_of_a_preset_says_what_will_happen(visit: Visit) -> None:
    async with visit.app.run_test(size=(120, 36)) as pilot:
        await visit.type(pilot, "baseline")
        await until(pilot, lambda: "on two cores" in shown(visit.app))
        text = shown(visit.app)
        for words in (
            "A healthy run",
            "The loss curve",
            "Learning rate",
            "three-phase",
            "121k parameters",
            "1,000 steps, adamw",
            "0.001",
        ):
            assert words in text


@pytest.mark.parametrize("width", [35, 59])
def test_the_facts_of_every_preset_fit_into_the_preview(width: int) -> None:
    for entry in preset_entries():
        assert isinstance(entry, PresetEntry)
        lines = preset_lines(entry.config, None, Size(width, 30), ascii=False)
        assert max(line.cell_length for line in lines) <= width


@pytest.mark.parametrize(("width", "height"), [(35, 20), (59, 30), (99, 40)])
def test_the_words_of_a_preview_end_with_a_sentence_or_an_ellipsis(width: int, height: int) -> None:
    for entry in preset_entries():
        assert isinstance(entry, PresetEntry)
        lines = [line.plain for line in preset_lines(entry.config, None, Size(width, height), ascii=False)]
        about = " ".join(lines[: lines.index("")])
        assert about[-1] in ".?!…)", about
        whole = "".join(entry.config.lesson.why.split())  # a line may end with a word's own hyphen
        assert whole.startswith(about.removesuffix(" …").replace(" ", ""))


async def test_an_earlier_run_predicts_how_long_a_preset_takes(visit: Visit, runs: Path) -> None:
    make_run(runs, "Mine")
    async with visit.app.run_test(size=(120, 36)) as pilot:
        await visit.type(pilot, "baseline")
        await until(pilot, lambda: "about 0:07, at 60k tok/s" in shown(visit.app))
        assert "as measured in mine-1" in shown(visit.app)


def test_in_a_narrow_preview_the_facts_of_a_run_wrap_and_lose_no_digit(runs: Path) -> None:
    make_run(runs, "Mine", found=True)
    (entry,) = read_runs(runs)
    lines = run_lines(entry.summary, look_into_log(entry), Size(35, 22), ascii=False)
    assert max(line.cell_length for line in lines) <= 35
    text = " ".join(" ".join(line.plain for line in lines).split())
    assert re.search(r"lr \S+, gradient norm \d", text)
    assert "oscillation" in text


async def test_a_letter_that_a_filter_takes_is_shown_as_no_key(visit: Visit, runs: Path) -> None:
    make_run(runs, "Mine")
    async with visit.app.run_test(size=(120, 36)) as pilot:
        await visit.type(pilot, "mine")
        await until(pilot, lambda: visit.names == ["mine-1"])
        shown_keys = {key.display: key.words for key in visit.home.query_one(KeyLine).keys}
        assert shown_keys == {"⏎": "open", "insert": "mark", "del": "delete", "esc": "all", "f1": "help"}
        await pilot.press("space", "question_mark", "A")
        assert visit.home.filter_line.wanted == "mine ?A" and not visit.home.listing.runs_alone
        await pilot.press("escape", "A")
        assert visit.home.listing.runs_alone


async def test_the_preview_of_a_run_shows_its_curve_and_what_was_found(visit: Visit, runs: Path) -> None:
    make_run(runs, "Mine", found=True)
    async with visit.app.run_test(size=(120, 36)) as pilot:
        await visit.type(pilot, "mine")
        await until(pilot, lambda: "oscillation" in shown(visit.app))
        text = shown(visit.app)
        for words in ("20 of 1000", "4.81", "step 20", "failure, since step 15", "1 finding in the course of the run"):
            assert words in text


async def test_text_from_outside_is_neither_markup_nor_an_escape(visit: Visit, runs: Path) -> None:
    make_run(runs, "[bold]x[/] \x1b[31m")
    async with visit.app.run_test(size=(120, 36)) as pilot:
        await visit.type(pilot, "")
        await pilot.press("home")
        await until(pilot, lambda: shown(visit.app).count("[bold]x[/] ␛[31m") == 2)


@pytest.mark.parametrize(
    ("words", "place"),
    [("course", Course), ("read a curve", CurveExercise), ("name the fault", FaultExercise)],
)
async def test_enter_opens_what_one_learns_with(
    visit: Visit, words: str, place: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[object] = []

    def noted(place: object, **_: object) -> Screen[None]:
        wanted.append(place)
        return Screen()

    monkeypatch.setattr("tinygpt_tui.tui.app.screen_of", noted)
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, words)
        await pilot.press("enter")
        await until(pilot, lambda: wanted)
    assert isinstance(wanted[0], place)


async def test_ascii_mode_shows_ascii_only(runs: Path, tmp_path: Path) -> None:
    make_run(runs, "Mine", found=True)
    visit = Visit(runs, tmp_path / "settings.toml", ascii=True)
    async with visit.app.run_test(size=(120, 36)) as pilot:
        for keys in ((), ("home",)):
            await visit.type(pilot, "")
            await pilot.press(*keys)
            await until(pilot, lambda: "step 1000" in shown(visit.app) or "oscillation" in shown(visit.app))
            assert shown(visit.app).replace("…", "").isascii()


@pytest.mark.parametrize(
    ("size", "previewed"), [((120, 36), True), ((80, 24), True), ((60, 30), True), ((60, 16), False)]
)
async def test_the_preview_is_there_where_there_is_room(visit: Visit, size: tuple[int, int], previewed: bool) -> None:
    async with visit.app.run_test(size=size) as pilot:
        await visit.type(pilot, "baseline")
        await until(pilot, lambda: not previewed or "121k parameters" in shown(visit.app))
        assert visit.home.previews.of_preset.region.area > 0 or not previewed
        assert visit.home.choice.region.height >= 5
        assert "Baseline" in shown(visit.app)


async def test_resizing_at_random_never_fails(visit: Visit, runs: Path) -> None:
    make_run(runs, "Mine")
    dice = random.Random(1)
    async with visit.app.run_test(size=(120, 36)) as pilot:
        await visit.type(pilot, "")
        for _ in range(40):
            await pilot.resize_terminal(dice.randint(10, 170), dice.randint(4, 50))
            await pilot.press(dice.choice(["down", "up", "end", "home", "a", "escape"]))
        await pilot.resize_terminal(120, 36)
        await pilot.press("escape")
        await until(pilot, lambda: visit.app.screen is visit.home and "Baseline" in shown(visit.app))


async def test_the_home_screen_does_not_read_while_another_is_shown(visit: Visit, runs: Path) -> None:
    make_run(runs, "Mine")
    async with visit.app.run_test() as pilot:
        await visit.type(pilot, "mine")
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(visit.app.screen, Confirm))
        make_run(runs, "Mine")
        await pilot.press("n")
        await until(pilot, lambda: "mine-2" in visit.names)
        assert isinstance(visit.home.choice.entry, RunEntry)
