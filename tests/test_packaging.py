"""What is on disk is what is installed, and every preset is a whole run."""

import re
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path

import pytest

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.preset_check import problems
from tinygpt_tui.engine.presets import find_preset, preset_files

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PRESETS = sorted((ROOT / "presets").glob("*.toml"))


def packages_on_disk() -> set[str]:
    folders = {path.parent for name in ("engine", "tui") for path in (ROOT / name).rglob("*.py")}
    return {"tinygpt_tui.presets"} | {f"tinygpt_tui.{'.'.join(path.relative_to(ROOT).parts)}" for path in folders}


def files_on_disk() -> set[str]:
    patterns = ("engine/**/*.py", "tui/**/*.py", "tui/**/*.tcss", "tui/course/*.toml", "presets/*.toml")
    return {f"tinygpt_tui/{path.relative_to(ROOT)}" for pattern in patterns for path in ROOT.glob(pattern)}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel that is built from a copy of the sources, without a network."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    readmes = [str(path.relative_to(ROOT)) for part in ("engine", "presets") for path in (ROOT / part).rglob("*.md")]
    for name in (*sorted(files_on_disk()), *readmes, "pyproject.toml", "README.md", "LICENSE"):
        relative = name.removeprefix("tinygpt_tui/")
        (source / relative).parent.mkdir(parents=True, exist_ok=True)
        (source / relative).write_bytes((ROOT / relative).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    result = subprocess.run([*build, "--wheel-dir", target, source], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    with zipfile.ZipFile(next(target.glob("*.whl"))) as archive:
        return set(archive.namelist())


def test_the_list_of_packages_is_what_is_on_disk() -> None:
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages_on_disk()


def test_the_wheel_contains_every_module_preset_and_style_and_nothing_else_of_ours(wheel: set[str]) -> None:
    assert {name for name in wheel if ".dist-info/" not in name} == files_on_disk()


def test_the_wheel_contains_the_licence(wheel: set[str]) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


def test_every_dependency_is_pinned_for_the_tests() -> None:
    pinned = {canonical(line.partition("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert {canonical(re.split(r"[<>=!~ \[]", each)[0]) for each in wanted} <= pinned


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_complete_and_says_why(path: Path) -> None:
    run = {field.name for field in fields(RunConfig)} - {"lesson", "fault"}
    missing = missing_keys(RunConfig(), tomllib.loads(path.read_text()))
    assert [key for key in missing if key.partition(".")[0] in run] == []
    assert problems(RunConfig.from_toml(path), preset_files()) == []


def missing_keys(value: object, table: dict[str, object], where: str = "") -> list[str]:
    assert is_dataclass(value)
    missing = [f"{where}{field.name}" for field in fields(value) if field.name not in table]
    for field in fields(value):
        part, below = getattr(value, field.name), table.get(field.name)
        if is_dataclass(part) and isinstance(below, dict):
            missing += missing_keys(part, below, f"{where}{field.name}.")
    return missing


def test_the_baseline_is_the_default_run() -> None:
    baseline, default = asdict(find_preset("baseline")[1]), asdict(RunConfig())
    for table in (baseline, default):
        del table["title"], table["lesson"]
    assert baseline == default


def test_the_installed_presets_are_those_on_disk() -> None:
    assert {id: path.read_text() for id, path in preset_files().items()} == {p.stem: p.read_text() for p in PRESETS}


def test_presets_do_not_share_a_title() -> None:
    titles = [RunConfig.from_toml(path).title.casefold() for path in PRESETS]
    assert len(set(titles)) == len(titles)
