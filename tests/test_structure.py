"""The structure of the source keeps its bounds: small classes, one home for a public name, no folders in a circle."""

from pathlib import Path

from tests.structure import MOST_METHODS, arrows, classes, has_circle, imports, modules, shared_names

ROOT = Path(__file__).parents[1]
MODULES = modules(ROOT)


def test_no_class_has_more_methods_than_a_person_can_keep_in_mind() -> None:
    assert {node.name: count for _, node, count in classes(MODULES) if count > MOST_METHODS} == {}


def test_a_public_name_has_one_home() -> None:
    assert shared_names(MODULES) == {}


def test_the_folders_of_the_screen_do_not_import_each_other_in_a_circle() -> None:
    assert not has_circle({part: to for part, to in arrows(MODULES).items() if part.startswith("tui")})


def test_imports_are_seen_by_what_measures_them() -> None:
    """A measure that sees nothing would hold every bound."""
    names = {module.name for module in MODULES}
    seen = {module.name: imports(module, names) for module in MODULES}
    assert "engine.config" in seen["engine.events"] and "tui.panels.grid" in seen["tui.run.screen"]
    assert sum(count for _, _, count in classes(MODULES)) > 500
