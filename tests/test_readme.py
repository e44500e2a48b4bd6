"""The READMEs are short, and what they name exists: commands with their options, make targets, folders and files."""

import re
import shlex
from pathlib import Path

import click
import pytest
from textual.binding import Binding

from tinygpt_tui.engine.readers.log import MAPPABLE
from tinygpt_tui.tui.cli.commands import command
from tinygpt_tui.tui.panels.keys import PANEL_KEYS, RUN_KEYS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
READMES = sorted(
    path
    for folder in ("", "engine", "presets", "tests", "tui")
    for path in (ROOT / folder).glob("**/README.md")
    if not any(part.startswith(".") or part == "build" for part in path.relative_to(ROOT).parts)
)  # fmt: skip
MOST_WORDS = 950
TARGETS = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
OTHERS = {"uv", "pipx", "pytest"}
"""Programs that are not ours, so that only the files they name are checked."""


def code_lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines() if line.startswith("    ") and line.strip()]


def commands_of(line: str) -> list[list[str]]:
    """The words of each command of a pipeline, without environment variables and comments."""
    words, found = shlex.split(line, comments=True), [[]]
    for word in words:
        if word == "|":
            found.append([])
        elif found[-1] or not re.fullmatch(r"[A-Z_]+=.*", word):
            found[-1].append(word)
    return found


def parse(arguments: list[str]) -> click.Context:
    """Parsed as the command would, and not run; click's error where a subcommand or an option is not known."""
    chosen: click.Command = command
    if not arguments or arguments[0] not in command.commands:
        arguments = ["screen", *arguments]
    while isinstance(chosen, click.Group) and arguments and arguments[0] in chosen.commands:
        chosen, arguments = chosen.commands[arguments[0]], arguments[1:]
    return chosen.make_context(chosen.name, list(arguments))


def problem(words: list[str]) -> str | None:
    """What is wrong with a command of a README."""
    match words:
        case ["tinygpt-tui", *arguments]:
            try:
                parse(arguments)
            except click.ClickException as error:
                return error.format_message()
        case ["make", target]:
            return None if target in TARGETS else f"no target {target}"
        case ["python", script, *_]:
            return None if script == "train.py" or (ROOT / script).exists() else f"no file {script}"
        case [program, *arguments] if program in OTHERS:
            files = re.findall(r"[\w./-]+\.(?:py|txt)\b", " ".join(arguments))
            return next((f"no file {name}" for name in files if not (ROOT / name).exists()), None)
        case _:
            return "not a command that is known"
    return None


def test_the_readme_is_short() -> None:
    assert len(README.read_text().split()) <= MOST_WORDS


def test_the_commands_to_set_up_are_at_the_top() -> None:
    assert [line.partition("#")[0].strip() for line in code_lines(README)[:2]] == ["make run", "make test"]


@pytest.mark.parametrize("line", code_lines(README))
def test_every_command_of_the_readme_is_known_with_its_options(line: str) -> None:
    assert [problem(words) for words in commands_of(line)] == [None] * len(commands_of(line))


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_every_command_of_a_readme_is_known_with_its_options(path: Path) -> None:
    lines = [line for line in code_lines(path) if re.match(r"(tinygpt-tui|make|python|[A-Z_]+=\S+)\s", line)]
    found = {line: problem(words) for line in lines for words in commands_of(line)}
    assert {line: words for line, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "wrong", ["tinygpt-tui runs --nonsense", "tinygpt-tui presets show --nonsense x", "make nonsense"]
)
def test_a_command_that_does_not_exist_is_noticed(wrong: str) -> None:
    assert problem(shlex.split(wrong))


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_every_linked_file_and_named_folder_exists(path: Path) -> None:
    text = path.read_text()
    linked = [path.parent / target for target in re.findall(r"\]\(([^)#]+)\)", text)]
    named = [ROOT / name for name in re.findall(r"`((?:engine|tui|presets|tests)/(?:[\w-]+/)*)`", text)]
    assert [str(each) for each in (*linked, *named) if not each.exists()] == []


def test_the_map_shows_every_folder() -> None:
    shown = {
        name.rstrip("/") for row in re.findall(r"(?m)^\| (`.*?) \|", README.read_text()) for name in row.split("`")
    }
    for part in ("engine", "tui"):
        folders = {path.name for path in (ROOT / part).iterdir() if (path / "__init__.py").exists()}
        assert {f"{part}/{name}" for name in folders} <= shown | {part}


def test_the_readme_links_every_other_readme() -> None:
    targets = {(ROOT / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", README.read_text())}
    assert {path.resolve() for path in READMES if path != README} <= targets


def test_every_key_of_the_tour_is_a_key_of_the_run_screen() -> None:
    tour = README.read_text().partition("## A tour")[2].partition("\n## ")[0]
    names = {
        "[": "left_square_bracket",
        "]": "right_square_bracket",
        "←": "left",
        "→": "right",
        "+": "plus",
        "-": "minus",
    }
    keys = {key for each in (*RUN_KEYS, *PANEL_KEYS) if isinstance(each, Binding) for key in each.key.split(",")} | {
        "?"
    }
    wanted = re.findall(r"`(space|.)`", tour)
    assert wanted and {names.get(key, key) for key in wanted} <= keys


def test_the_readme_of_the_readers_names_every_metric_that_can_be_mapped() -> None:
    text = (ROOT / "engine" / "readers" / "README.md").read_text()
    listed = text.partition("The metrics that can be mapped:")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == set(MAPPABLE)


def test_the_presets_readme_names_every_preset() -> None:
    text = (ROOT / "presets" / "README.md").read_text()
    assert [path.stem for path in (ROOT / "presets").glob("*.toml") if f"`{path.stem}`" not in text] == []


def test_the_figures_of_the_readme_are_those_of_the_scoreboard() -> None:
    board = (ROOT / "engine" / "diagnostics" / "README.md").read_text()
    (row,) = re.findall(r"(?m)^\| tinygpt-tui, from the log alone .*", board)
    found, recall, alarms = [cell.strip() for cell in row.split("|")[2:5]]
    assert f"{found} built-in faults ({recall})" in README.read_text()
    assert f"a false alarm on {alarms} healthy runs" in README.read_text()
