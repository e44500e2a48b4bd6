"""Presets: found by name, checked file by file, copied to start from; a bad one never hides the good ones."""

from pathlib import Path

import pytest

from tinygpt_tui.engine.config import ConfigError, RunConfig
from tinygpt_tui.engine.lesson import Expectation, Lesson, LessonFix, Question, Watch
from tinygpt_tui.engine.preset_check import faulty_files, problems
from tinygpt_tui.engine.presets import (
    BadPreset,
    Preset,
    copy_preset,
    find_preset,
    first_presets,
    preset_files,
    read_presets,
)
from tinygpt_tui.tui.cli.main import run_command

LESSON = Lesson(
    chapter="Overfitting",
    order=3,
    summary="One line",
    why="Several lines.",
    seconds=12.5,
    watch=(Watch(step=1, what="the start"), Watch(step=90, what="the end")),
    expected=(Expectation(kind="overfitting", by=500),),
    allowed=("spike",),
    fixes=(
        LessonFix(
            title="drop out",
            changes={
                "model.dropout": 0.2,
                "training.steps": 5,
                "optimizer.bias_correction": False,
                "data.path": "x",
                "fault.detached": ("head",),
            },
            then="it stops",
            gone=("overfitting",),
            better_by=0.1,
        ),
    ),
    questions=(Question(text="Why?", choices=("this", "that"), answer=2, explanation="so"),),
    see_also=("baseline",),
)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("TINYGPT_TUI_PRESETS", str(folder))
    return folder


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_lesson_comes_back_from_a_runs_folder_as_it_was(tmp_path: Path) -> None:
    config = RunConfig(title="Mine", lesson=LESSON)
    assert RunConfig.from_toml(write(tmp_path, config.to_toml())) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[lesson]\nsumary = 'x'", ["lesson.sumary", "summary"]),
        ("[lesson]\nsummary = 3", ["lesson.summary = 3", "text"]),
        ("[lesson]\nsummary = 'a\\nb'\n", []),
        ('[lesson]\nsummary = "a\\nb"', ["lesson.summary", "one line", "lesson.why"]),
        ("[lesson]\nchapter = 'Magic'", ["lesson.chapter = 'Magic'", "'Overfitting'"]),
        ("[lesson]\nwatch = 'now'", ["lesson.watch = 'now'", "must be a list"]),
        ("[lesson]\nwatch = [3]", ["lesson.watch[1] = 3", "table"]),
        ("[[lesson.watch]]\nstep = 3", ["lesson.watch[1].what is missing"]),
        ("[[lesson.watch]]\nstep = 'x'\nwhat = 'y'", ["lesson.watch[1].step = 'x'", "whole number"]),
        ("[lesson]\nwatch = [{step = 3, what = 'a'}, {step = 1, what = 'b'}]", ["lesson.watch", "rise"]),
        ("[[lesson.expected]]\nkind = 'boredom'\nby = 3", ["lesson.expected[1].kind = 'boredom'", "'stall'"]),
        ("[[lesson.expected]]\nkind = 'stall'\nby = 0", ["lesson.expected.by = 0", "between"]),
        ("[lesson]\nallowed = ['stal']", ["lesson.allowed[1] = 'stal'"]),
        ("[[lesson.fixes]]\ntitle = 'x'\nthen = 'y'\nchanges = {}", ["lesson.fixes.changes", "at least one"]),
        (
            "[[lesson.fixes]]\ntitle = 'x'\nthen = 'y'\nchanges = {'a.b' = [1]}",
            ["lesson.fixes[1].changes.a.b[1] = 1 should be text"],
        ),
        ("[[lesson.fixes]]\ntitle = 'x'\nthen = 'y'\nchanges = {title = 'z'}", ["keys of the run"]),
        (
            "[[lesson.questions]]\ntext = 'a'\nchoices = ['x', 'y']\nanswer = 3\nexplanation = 'z'",
            ["lesson.questions.answer = 3", "between 1 and 2"],
        ),
        ("[[lesson.questions]]\ntext = 'a'\nchoices = ['x', 'x']\nanswer = 1\nexplanation = 'z'", ["must differ"]),
        ("[[lesson.questions]]\ntext = 'a'\nchoices = ['x']\nanswer = 1\nexplanation = 'z'", ["choices = 1"]),
    ],
)
def test_a_mistake_in_a_lesson_is_named_in_one_line(tmp_path: Path, text: str, words: list[str]) -> None:
    path = write(tmp_path, text)
    if not words:
        assert RunConfig.from_toml(path)
        return
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_toml(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    for word in words:
        assert word in message


def test_promises_point_at_steps_presets_and_keys_that_exist() -> None:
    config = RunConfig(lesson=LESSON)
    assert problems(config, {"baseline"}) == []
    fixes = (
        LessonFix(title="a", changes={"model.heads": 3}, then=""),
        LessonFix(title="b", changes={"model.headz": 3}, then=""),
        LessonFix(title="c", changes={"model.heads": 2}, then="", gone=("stall",)),
    )
    lesson = Lesson(
        watch=(Watch(step=2000, what="x"),),
        expected=(Expectation(kind="nan", by=1001),),
        fixes=fixes,
        see_also=("nowhere",),
    )
    found = "\n".join(problems(RunConfig(lesson=lesson), {"baseline"}))
    for words in (
        "lesson.summary is empty",
        "lesson.why is empty",
        "lesson.watch speaks of step 2000",
        "lesson.expected speaks of step 1001",
        "lesson.see_also = 'nowhere'",
        "lesson.fixes[1].changes: model.width = 64 cannot be shared",
        "lesson.fixes[2].changes: there is no key 'model.headz'",
        "lesson.fixes[3].changes = {'model.heads': 2} changes nothing",
        "lesson.fixes[3].gone = 'stall' is not expected",
    ):
        assert words in found


@pytest.mark.parametrize("count", [1, 7, 100])
def test_the_first_presets_are_those_that_the_whole_library_begins_with(own: Path, count: int) -> None:
    assert first_presets(count) == read_presets(own)[:count]


def test_a_bad_preset_of_ones_own_hides_no_other(own: Path) -> None:
    write(own, "title = 'Good one'", "good.toml")
    write(own, "title = 'Odd'\nspeed = 3", "bad.toml")
    write(own, "title = 'Mine'", "baseline.toml")
    found = read_presets(own)
    assert {preset.id for preset in found if isinstance(preset, Preset)} == {*preset_files(), "good"}
    bad = {preset.id: preset.why for preset in found if isinstance(preset, BadPreset)}
    assert "bad.toml: there is no key 'speed'" in bad["bad"]
    assert "give the file another name" in bad["baseline (own)"]
    assert find_preset("good one")[0] == "good"
    assert find_preset("baseline")[1].title == "Baseline"
    with pytest.raises(ConfigError, match="there is no key 'speed'"):
        find_preset("bad")


def test_a_copy_keeps_the_comments_and_gets_a_title_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    path = copy_preset("baseline", "mine", folder)
    text = path.read_text()
    assert '\ntitle = "mine"\n' in f"\n{text}" and "# " in text
    assert find_preset("mine", folder)[1].model == RunConfig().model
    for id, name, words in (
        ("baseline", "mine", "choose another name"),
        ("baseline", "../up", "no name for a preset"),
        ("baseline", "lr-too-high", "choose another name"),
        ("nothing", "new", "no preset 'nothing'"),
    ):
        with pytest.raises(ConfigError, match=words):
            copy_preset(id, name, folder)


def test_the_command_lists_shows_and_copies(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(own, "title = '\x1b[2J'".replace("\x1b", "\\u001b").replace("'", '"'), "odd.toml")
    write(own, "[modle]", "bad.toml")
    assert run_command(["presets"]) == 0
    listed = capsys.readouterr().out
    assert all(id in listed for id in preset_files())
    assert "there is no key 'modle'" in listed and "\x1b" not in listed
    assert run_command(["presets", "show", "lr-too-high"]) == 0
    assert "schedule.lr = 1.0" in capsys.readouterr().out
    assert run_command(["presets", "copy", "lr-too-high"]) == 0
    assert str(own / "my-lr-too-high.toml") in capsys.readouterr().out
    assert run_command(["presets", "show", "my-lr-too-high"]) == 0
    capsys.readouterr()
    assert run_command(["presets", "show", "shuffled-targets"]) == 0
    assert "the targets of every batch are in a wrong order" in capsys.readouterr().out
    assert run_command(["presets", "show", "nothing"]) == 2


def test_the_check_says_what_is_wrong_and_where(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["presets", "check"]) == 0
    assert f"{len(preset_files())} presets checked" in capsys.readouterr().out
    bad = write(own, "[modle]")
    linked = write(own, '[lesson]\nsummary = "a"\nwhy = "b"\nsee_also = ["x"]', "linked.toml")
    assert run_command(["presets", "check"]) == 2
    complaints = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in complaints] == [str(linked), str(bad)]
    assert run_command(["presets", "check", str(bad), str(own / "missing.toml")]) == 2
    assert "missing.toml: cannot be read" in capsys.readouterr().err
    assert faulty_files((preset_files()["baseline"],), own) == (1, [])
