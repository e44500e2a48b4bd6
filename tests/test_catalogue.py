"""Every kind of finding in the catalogue is complete, and every other list of kinds agrees with it."""

import json
import math
import sys
from collections import Counter
from collections.abc import Callable
from typing import get_args

import pytest

from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.diagnostics.catalogue import CATALOGUE, CatalogueEntry, Shown
from tinygpt_tui.engine.diagnostics.causes import ranked_causes
from tinygpt_tui.engine.diagnostics.confidence import MEASURED
from tinygpt_tui.engine.diagnostics.context import Context
from tinygpt_tui.engine.diagnostics.detector import Watched
from tinygpt_tui.engine.diagnostics.diagnosis import Diagnosis, facts_of
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.diagnostics.run_statistics import RunStatistics
from tinygpt_tui.engine.events import FindingOpened, Fix
from tinygpt_tui.engine.finding_kinds import FindingKind
from tinygpt_tui.tui.cli.log_arguments import parsed_kinds

every_entry = pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE.keys())


def test_lessons_can_name_every_finding_and_no_remark() -> None:
    assert set(get_args(FindingKind)) == {kind for kind, entry in CATALOGUE.items() if not entry.is_remark}


def test_every_detector_that_is_imported_has_one_entry() -> None:
    modules = [name for name in sys.modules if name.startswith("tinygpt_tui.engine.diagnostics.detectors.")]
    detectors = Counter(entry.detector.__module__ for entry in CATALOGUE.values())

    assert detectors == Counter(modules)


@every_entry
def test_an_entry_has_its_words_and_a_detector(entry: CatalogueEntry) -> None:
    assert entry.title
    assert entry.look_for
    assert entry.shown in get_args(Shown)
    assert entry.detector.watched in get_args(Watched)
    assert entry.help.count(" ") > 5


@every_entry
def test_a_kind_is_explained_by_others_that_exist(entry: CatalogueEntry) -> None:
    assert entry.explained_by <= CATALOGUE.keys() - {entry.kind}


@every_entry
def test_a_finding_has_a_cause_whatever_is_known_of_its_run_and_its_fixes_are_fixes(entry: CatalogueEntry) -> None:
    config = RunConfig()
    known = Context(run=RunStatistics(facts_of(config)), config=config, settings=LiveSettings.from_config(config))

    assert entry.is_remark or ranked_causes(entry.causes, known)
    assert entry.is_remark or entry.fixes
    assert all(isinstance(fix, Fix) for rule in entry.fixes for fix in rule(known))


@every_entry
def test_a_kind_can_be_given_to_fail_on(entry: CatalogueEntry) -> None:
    assert parsed_kinds(entry.kind, "--fail-on") == {entry.kind}


def test_the_measured_kinds_are_findings() -> None:
    assert json.loads(MEASURED.read_bytes())["kinds"].keys() <= set(get_args(FindingKind))


CURVES: dict[str, Callable[[int], dict[str, float]]] = {
    "nan": lambda step: {"loss": math.nan if step == 50 else 2.0},
    "divergence": lambda step: {"loss": 5.0 - min(step, 50) / 20 + max(step - 50, 0)},
    "initial loss and stall": lambda step: {"loss": 7.0 + 0.001 * (step % 2), "lr": 1e-3},
    "plateau": lambda step: {"loss": 1.0 + 4.5 * 0.95**step},
    "best passed": lambda step: {"loss": 2.0, "val_loss": 2.0 + 0.001 * step},
    "below the data": lambda step: {"loss": 0.1},
}


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES.keys())
def test_remarks_are_information_and_findings_are_warnings_or_failures(
    curve: Callable[[int], dict[str, float]],
) -> None:
    diagnosis = Diagnosis(RunConfig())
    found = [each for step in range(1, 500) for each in diagnosis.examine(Row(step, curve(step)))]
    opened = [each for each in found if isinstance(each, FindingOpened)]

    assert opened
    assert all((each.severity == "info") == CATALOGUE[each.kind].is_remark for each in opened)
