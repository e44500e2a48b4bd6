"""Imports go one way, and what the screen imports is free of torch."""

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = (
    {"tables", "kinds", "lesson", "fault", "config", "folder", "stopwatch"},
    {"events"},
    {"schedule", "corpus", "presets", "preset_check", "event_log"},
    {"live", "diagnostics", "store", "readers"},
    {"model", "optim", "instruments", "attention", "batches"},
    {"generate", "hosted", "faulty", "memory"},
    {"patient_log"},
    {"host", "recollection"},
    {"server"},
    {"trainer"},
    {"snapshot", "tune"},
    {"checkpoint"},
    {"stored_model"},
    {"worker", "client"},
)
"""A module imports from its own layer and from those above it here."""

NEED_TORCH = {
    "attention", "batches", "checkpoint", "faulty", "generate", "instruments", "memory", "model", "optim",
    "snapshot", "stored_model", "trainer", "tune", "worker",
}  # fmt: skip

PART_OF = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


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


def part(module: str) -> str:
    """The engine's module or sub-package that a full name lies in."""
    return module.split(".")[2]


def torch_free() -> list[str]:
    return [module_name(path) for path in modules("engine") if part(module_name(path)) not in NEED_TORCH]


def screen_modules() -> list[str]:
    return [module_name(path) for path in modules("tui")]


def test_every_module_of_the_engine_has_its_place_in_the_order() -> None:
    assert {part(module_name(path)) for path in modules("engine")} <= PART_OF.keys()


@pytest.mark.parametrize("path", modules("engine"), ids=module_name)
def test_the_engine_imports_downwards_and_no_terminal(path: Path) -> None:
    own = PART_OF[part(module_name(path))]
    for name in imported(path):
        assert name.startswith("tinygpt_tui.engine."), f"{name} is not the engine's"
        assert PART_OF[part(name)] <= own, f"{name} comes later in the order"


@pytest.mark.parametrize("path", modules("tui"), ids=module_name)
def test_the_screen_imports_nothing_that_needs_torch(path: Path) -> None:
    needed = {part(name) for name in imported(path) if name.startswith("tinygpt_tui.engine.")} & NEED_TORCH
    # a sample of a run that is not training is the one thing that needs a model, in a process of its own
    allowed = {"stored_model", "snapshot"} if path == ROOT / "tui" / "command" / "ask.py" else set()
    assert needed <= allowed


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
    assert loaded_by(["tinygpt_tui.tui.cli"]) & heavy == set()


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
