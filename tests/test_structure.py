"""The structure of the source keeps its bounds: small classes, one home for a public name, no folders in a circle."""

from pathlib import Path
from typing import get_args

from tests.structure import (
    MOST_METHODS,
    arrows,
    classes,
    has_circle,
    imports,
    modules,
    shared_names,
    unused_names,
    used_names,
)
from tinygpt_tui.engine.events import AnyEvent

ROOT = Path(__file__).parents[1]
MODULES = modules(ROOT)
FOR_TESTS = {"PRIVATE_ATTRIBUTES", "layer_spread", "report_of"}
"""Public names that tests alone use."""


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


def test_whatever_is_defined_is_used() -> None:
    """A palette, reader or command that was written and never entered into its table fails here."""
    assert unused_names(MODULES) == FOR_TESTS


def test_every_event_is_made_and_shown() -> None:
    kinds = {kind.__name__ for kind in get_args(AnyEvent)}
    assert len(kinds) > 15
    for top in ("engine", "tui"):
        theirs = [module for module in MODULES if module.path.parts[0] == top and module.name != "engine.events"]
        assert kinds <= {name for module in theirs for name in used_names(module)}
