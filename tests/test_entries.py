"""Presets and runs read well in two lines, are found by what a person types, and say what Enter does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.lesson import Lesson
from tinygpt_tui.engine.storage.run_summary import RunSummary, StoredState
from tinygpt_tui.tui.formatting import file_size
from tinygpt_tui.tui.home.entries import (
    INTENTIONS,
    LEARNING,
    BrokenPreset,
    Listing,
    PresetEntry,
    RunEntry,
    RunOrder,
    in_order,
    intention,
    is_tree,
    listed,
    matching,
    run_entries,
    usual_choice,
)
from tinygpt_tui.tui.home.entry_list import Heading, RowLine, laid_out, lines_of
from tinygpt_tui.tui.home.rows import age, row
from tinygpt_tui.tui.home.tree import in_families
from tinygpt_tui.tui.view.state_glyphs import STATE_GLYPHS

NOW = datetime(2026, 1, 10, tzinfo=UTC)
SUMMARY = RunSummary(
    name="baseline-1",
    path=Path("baseline-1"),
    state="finished",
    title="Baseline",
    created=NOW - timedelta(hours=3),
    step=100,
    steps=100,
    loss=2.5,
    findings=2,
    bytes=2_000_000,
)
PRESET = PresetEntry("lr-too-high", RunConfig(title="LR too high", lesson=Lesson(summary="The loss swings.")))


def text_of(entry: PresetEntry | RunEntry | BrokenPreset) -> str:
    words = row(entry, NOW, ascii=False)
    return " ".join(text for text, _ in (*words.name, words.state, words.details, words.aside))


def test_every_state_has_its_own_glyphs_and_its_word() -> None:
    assert set(INTENTIONS) == set(get_args(StoredState)) <= STATE_GLYPHS.keys()
    looks = [STATE_GLYPHS[state] for state in get_args(StoredState)]
    assert len({look.glyph for look in looks}) == len(looks)
    assert len({look.plain_glyph for look in looks}) == len(looks)
    assert all(look.plain_glyph.isascii() for look in looks)
    for state in get_args(StoredState):
        assert state in text_of(RunEntry(replace(SUMMARY, state=state)))


def test_a_runs_row_says_what_became_of_it() -> None:
    text = text_of(RunEntry(SUMMARY))
    for words in ("baseline-1", "finished", "step 100/100", "loss 2.50", "2 findings", "3 h", "2 MB"):
        assert words in text


def test_a_damaged_runs_row_says_why() -> None:
    assert "config.toml: is empty" in text_of(RunEntry(replace(SUMMARY, state="damaged", why="config.toml: is empty")))


def test_a_presets_row_says_what_happens() -> None:
    assert "The loss swings" in text_of(PRESET)
    assert "1,000 steps" in text_of(PRESET)
    assert "no key 'x'" in text_of(BrokenPreset("mine", "there is no key 'x'"))


def test_text_from_outside_is_made_visible() -> None:
    hostile = "\x1b[31m\x9b\n\u202e"
    entries = [
        RunEntry(replace(SUMMARY, name=hostile, title=hostile)),
        RunEntry(replace(SUMMARY, state="damaged", why=hostile)),
        PresetEntry("x", RunConfig(title=hostile, lesson=Lesson(summary=hostile.replace("\n", "")))),
        BrokenPreset(hostile, hostile),
    ]
    for entry in entries:
        assert not set(text_of(entry)) & set(hostile) - set("[31m")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("", [0, 1]), ("LR high", [0]), ("swings", [0]), ("base", [1]), ("FINISHED", [1]), ("nothing", []), (" ", [0, 1])],
)
def test_every_typed_word_must_occur(wanted: str, found: list[int]) -> None:
    entries = [PRESET, RunEntry(SUMMARY)]
    assert matching(entries, wanted) == [entries[index] for index in found]


def test_enter_means_what_the_entry_needs() -> None:
    assert intention(PRESET) == "start"
    meant = {state: intention(RunEntry(replace(SUMMARY, state=state))) for state in get_args(StoredState)}
    assert meant["running"] == meant["paused"] == meant["starting"] == "attach"
    assert meant["stopped"] == meant["interrupted"] == "resume"
    assert meant["finished"] == meant["failed"] == "open"
    assert meant["damaged"] is intention(None) is intention(BrokenPreset("x", "y")) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "just now"), (59, "just now"), (60, "1 min"), (7200, "2 h"), (86400 * 3, "3 d"), (86400 * 800, "2 y")],
)
def test_ages_are_short(seconds: int, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == words


def test_sizes_are_short() -> None:
    assert [file_size(count) for count in (0, 1500, 2_000_000)] == ["0 kB", "2 kB", "2 MB"]


TEXTS = st.text(st.characters(exclude_categories=["C", "M", "Z"]), max_size=30)


@given(left=st.lists(TEXTS, max_size=4), right=TEXTS, width=st.integers(0, 80))
def test_a_line_is_exactly_as_wide_as_it_should_be(left: list[str], right: str, width: int) -> None:
    pieces = laid_out([(text, "accent") for text in left], (right, "accent"), width)
    assert sum(cell_len(text) for text, _ in pieces) == width


def test_a_line_keeps_its_right_text_and_cuts_the_left() -> None:
    assert (
        "".join(text for text, _ in laid_out([("a long name indeed", "x")], ("stopped", "x"), 20))
        == "a long name… stopped"
    )


def test_chapters_and_runs_have_headings() -> None:
    entries = [RunEntry(SUMMARY, is_recent=True), PRESET, RunEntry(SUMMARY)]
    lines = [RowLine(index, second=False) for index in range(3)]
    headings = [Heading("Runs"), Heading("Your own"), Heading("Earlier runs")]
    assert lines_of(entries, compact=True) == [line for pair in zip(headings, lines, strict=True) for line in pair]
    assert lines_of(entries, compact=False).count(None) == 2
    assert lines_of([], compact=False) == []


@given(states=st.lists(st.sampled_from(get_args(StoredState)), max_size=9))
def test_what_trains_comes_first_and_the_newest_few_stand_above_the_presets(states: list[StoredState]) -> None:
    runs = [replace(SUMMARY, name=str(place), state=state) for place, state in enumerate(states)]
    entries = in_order([PRESET], run_entries(runs))
    top = [entry for entry in entries[: entries.index(LEARNING[0])] if isinstance(entry, RunEntry)]
    rest = [entry for entry in entries[entries.index(PRESET) + 1 :] if isinstance(entry, RunEntry)]
    assert sorted(entry.summary.name for entry in top + rest) == [run.name for run in runs]
    trains = [intention(entry) == "attach" for entry in top + rest]
    assert trains == sorted(trains, reverse=True)
    assert len(top) == max(sum(trains), min(len(runs), 3))
    ended = [entry.summary.name for entry in top + rest if intention(entry) != "attach"]
    assert ended == sorted(ended)


def test_enter_starts_a_preset_unless_there_is_none_to_start() -> None:
    run = RunEntry(SUMMARY, is_recent=True)
    assert usual_choice([run, *LEARNING, PRESET]) == 1 + len(LEARNING)
    assert usual_choice([*LEARNING, run]) == len(LEARNING)
    assert usual_choice(LEARNING) == usual_choice([]) == 0


def test_runs_alone_stand_in_the_order_that_was_asked_for() -> None:
    losses = {"run-10": 2.0, "run-9": None, "run-2": 1.0}
    ages = {"run-10": 1, "run-9": 2, "run-2": 3}
    runs = [
        RunEntry(replace(SUMMARY, name=name, val_loss=loss, created=NOW - timedelta(hours=ages[name])))
        for name, loss in losses.items()
    ]

    def names(listing: Listing) -> list[str]:
        return [entry.summary.name for entry in listed([PRESET], runs, listing) if isinstance(entry, RunEntry)]

    assert names(Listing(runs_alone=True)) == ["run-10", "run-9", "run-2"]
    assert names(Listing(runs_alone=True, order="name")) == ["run-2", "run-9", "run-10"]
    assert names(Listing(runs_alone=True, order="val_loss")) == ["run-2", "run-10", "run-9"]
    assert PRESET in listed([PRESET], runs, Listing())
    assert PRESET not in listed([PRESET], runs, Listing(runs_alone=True))


def family(*pairs: tuple[str, str]) -> list[RunEntry]:
    """Runs by name and the name of the parent, if any."""
    return [RunEntry(replace(SUMMARY, name=name, parent=parent)) for name, parent in pairs]


@pytest.mark.parametrize(
    ("pairs", "tree"),
    [
        ([("b", "a"), ("x", ""), ("a", "")], [("a", 0), ("b", 1), ("x", 0)]),
        ([("c", "b"), ("d", "a"), ("b", "a"), ("a", "")], [("a", 0), ("d", 1), ("b", 1), ("c", 2)]),
        ([("x", ""), ("b", "deleted")], [("x", 0), ("b", 0)]),
        ([("a", "b"), ("b", "a"), ("x", "x")], [("b", 0), ("a", 1), ("x", 0)]),
    ],
)
def test_a_fork_stands_below_its_parent(pairs: list[tuple[str, str]], tree: list[tuple[str, int]]) -> None:
    entries = in_families([PRESET, *family(*pairs)])
    assert entries[0] == PRESET
    assert [(entry.summary.name, entry.depth) for entry in entries[1:] if isinstance(entry, RunEntry)] == tree


def test_a_fork_in_another_part_of_the_list_names_its_parent() -> None:
    parent, fork = family(("a", ""), ("b", "a"))
    early = in_families([replace(fork, is_recent=True), PRESET, parent])[0]
    assert isinstance(early, RunEntry) and early.depth == 0
    assert "← a at 0" in text_of(early)
    below = replace(fork, summary=replace(fork.summary, fix="clip at 1", forked_at=40), depth=1)
    assert "└─" in text_of(below) and "← at 40: clip at 1" in text_of(below)


def test_runs_that_are_ranked_are_no_tree() -> None:
    assert [is_tree(Listing(runs_alone=True, order=order)) for order in get_args(RunOrder)] == [
        True,
        True,
        False,
        False,
    ]
    assert is_tree(Listing(order="val_loss")), "the order is that of runs that stand alone"
