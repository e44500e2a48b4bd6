"""Imports go one way, and what the screen imports is free of torch."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ENGINE = (
    {
        "vocabulary",
        "optimizers",
        "toml_tables",
        "finding_kinds",
        "conditions",
        "measured",
        "lesson",
        "fault_config",
        "schedule",
        "config",
        "stopwatch",
        "long_work",
    },
    {"events"},
    {"healthy", "metrics", "corpus", "presets", "preset_check", "lesson_origin"},
    {"live_changes", "process_end", "storage", "finished_steps"},
    {"diagnostics"},
    {"readers", "hosting"},
    {"arrivals"},
    {"client", "attached", "export"},
    {"following"},
    {"reading_apart"},
    {"experiments"},
    {"training"},
    {"worker", "attach_ranks"},
    {"attach"},
    {"attach_transformers", "attach_lightning", "attach_keras"},
)
TUI = (
    {
        "text",
        "formatting",
        "settings",
        "navigation",
        "themes",
        "gc_control",
        "throttle",
        "clock",
        "textual_private",
        "own_command",
    },
    {"typed_ahead_app", "go_to"},
    {"noticing_app"},
    {"remembering_app"},
    {"plots", "open_run"},
    {"content"},
    {"view", "dialogs"},
    {"panels"},
    {"comparison"},
    {"experiments"},
    {"run", "home", "exercises", "watch"},
    {"course"},
    {"places"},
    {"app"},
    {"cli"},
)
"""A module or a package imports from itself, and from those above it here; from its own line only if it is a module."""

RANK = {
    (top, name): rank
    for top, layers in (("engine", ENGINE), ("tui", TUI))
    for rank, names in enumerate(layers)
    for name in names
}


def module_name(path: Path) -> str:
    return "tinygpt_tui." + ".".join(path.relative_to(ROOT).with_suffix("").parts)


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if path.name != "__init__.py")


def imported(path: Path) -> set[str]:
    """Full names of the project's modules that a source file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = module_name(path).split(".")[: -node.level]
            base = ".".join([*package, *filter(None, [node.module])])
            names = [f"{base}.{alias.name}" for alias in node.names]
            found |= {name if is_module(name) else base for name in names}
    return found


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split(".")[1:])
    return path.is_dir() or path.with_suffix(".py").is_file()


def part(module: str) -> tuple[str, str]:
    """Engine or tui, and the module or package of it that a full name lies in."""
    _, top, name, *_ = module.split(".")
    return top, name


def is_package(part: tuple[str, str]) -> bool:
    return ROOT.joinpath(*part).is_dir()


def torch_free() -> list[str]:
    """Without what needs torch, or a library of others that may not be installed."""
    theirs = {("engine", name) for name in ("training", "attach_transformers", "attach_lightning", "attach_keras")}
    return [module_name(path) for path in modules("engine") if part(module_name(path)) not in theirs]


def screen_modules() -> list[str]:
    """Without what needs a library that may not be installed."""
    return [module_name(path) for path in modules("tui") if path.name != "browser_server.py"]


def test_every_module_and_package_has_its_place_in_the_order() -> None:
    assert {part(module_name(path)) for path in modules("engine", "tui")} == RANK.keys()


@pytest.mark.parametrize("path", modules("engine", "tui"), ids=module_name)
def test_imports_go_downwards(path: Path) -> None:
    own = part(module_name(path))
    for name in imported(path):
        other = part(name)
        if other == own or (own[0], other[0]) == ("tui", "engine"):
            continue
        assert other[0] == own[0], f"the engine imports {name}"
        assert RANK[other] <= RANK[own], f"{name} comes later in the order"
        assert RANK[other] < RANK[own] or not (is_package(own) or is_package(other)), f"{name} is beside it"


def test_no_modules_import_each_other() -> None:
    """Imports of types alone count too: a circle ties files together however it is closed."""
    graph = {module_name(path): imported(path) for path in modules("engine", "tui")}
    TopologicalSorter(graph).prepare()


def test_torch_is_imported_in_training_alone() -> None:
    users = {
        path.parent
        for path in modules("engine", "tui")
        if re.search(r"^ *(import|from) torch\b", path.read_text(), re.M)
    }
    assert users and all(ROOT / "engine" / "training" in (path, *path.parents) for path in users)


def test_only_what_trains_imports_training() -> None:
    """The worker, an attached loop that gives its model, and the command that lets a stored model write."""
    users = {
        path for path in modules("engine", "tui") for name in imported(path) if part(name) == ("engine", "training")
    }
    outside = {path for path in users if ROOT / "engine" / "training" not in path.parents}
    assert outside == {
        ROOT / "engine" / "worker.py",
        ROOT / "engine" / "attach.py",
        ROOT / "engine" / "attach_ranks.py",
        ROOT / "tui" / "cli" / "requests.py",
    }


@pytest.mark.parametrize("path", modules("engine", "tui"), ids=module_name)
def test_the_source_imports_itself_relatively(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                roots = {alias.name.split(".")[0] for alias in names}
            case ast.ImportFrom(level=0, module=str(module)):
                roots = {module.split(".")[0]}
            case _:
                continue
        assert not roots & {"engine", "tui", "tinygpt_tui", "pickle", "marshal", "shelve"}


def test_the_packages_init_files_are_empty() -> None:
    assert [
        path for path in (ROOT / "engine", ROOT / "tui") for path in path.rglob("__init__.py") if path.read_text()
    ] == []


def test_the_screen_and_all_it_may_import_leave_torch_alone() -> None:
    names = [*torch_free(), *screen_modules()]
    heavy = loaded_by(names) & {"torch"}
    assert heavy == set()


def test_the_engine_needs_no_terminal() -> None:
    assert loaded_by(torch_free()) & {"textual", "rich", "plotext", "click"} == set()


def test_the_command_starts_without_what_only_its_subcommands_need() -> None:
    heavy = {"torch", "textual", "numpy", "msgspec", "asyncio", "plotext", "rich"}
    assert loaded_by(["tinygpt_tui.tui.cli.main"]) & heavy == set()


def test_a_log_is_on_the_screen_before_what_looks_at_it_is_loaded() -> None:
    shown = ("tui.cli.log_arguments", "tui.app", "tui.run.screen", "engine.following.log_run")
    later = {"engine.diagnostics.catalogue", "engine.diagnostics.report", "tui.experiments.proof_screen"}
    assert loaded_by([f"tinygpt_tui.{name}" for name in shown]) & {f"tinygpt_tui.{name}" for name in later} == set()


def loaded_by(names: list[str]) -> set[str]:
    """What a fresh interpreter has loaded after importing these modules."""
    script = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script, *names], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_the_installed_package_is_the_one_that_is_looked_at() -> None:
    spec = find_spec("tinygpt_tui.engine.config")
    assert spec is not None and spec.origin is not None
    assert Path(spec.origin).read_text() == (ROOT / "engine" / "config.py").read_text()
