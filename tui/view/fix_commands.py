"""Live changes as commands: from two settings, or from a fix that a finding proposes. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ...engine.config import ConfigError, LiveSettings
from ...engine.events import ChangeSettings
from ...engine.live_changes import LIVE_KEYS, changed, live_part
from .findings import open_findings
from .run_view import RunView


class NoFix(ValueError):
    """No remedy that a command could apply; the message gives the reason."""


def first_fix(view: RunView) -> ChangeSettings:
    """The command for the first remedy of the first finding that has one."""
    findings = open_findings(view)
    if any(finding.kind == "nan" for finding in findings) and view.is_nan_now:
        raise NoFix("the loss is NaN, and no change of a setting brings weights back from that")
    fix = next((fix for finding in findings for fix in finding.fixes), None)
    if fix is None:
        raise NoFix("no open finding has a remedy to apply")
    change = change_for_fix(fix.changes)
    if change is None:
        keys = ", ".join(fix.changes) or "nothing that can be set"
        raise NoFix(f"“{fix.title}” sets {keys}, which needs a new run: r restarts this one")
    return change


def can_fix(view: RunView) -> bool:
    """Whether the first remedy of the open findings can be applied to a run that trains, and has not been."""
    try:
        command = first_fix(view)
        return changed(view.settings, command, step=view.step + 1, steps=view.steps) != view.settings
    except (NoFix, ConfigError):
        return False


def change_between(old: LiveSettings, new: LiveSettings, *, lr: float | None = None) -> ChangeSettings | None:
    """The command that turns one into the other, and sets the learning rate; None where there is nothing to do."""
    given = {key: getattr(new, key) for key in LIVE_KEYS.values() if getattr(new, key) != getattr(old, key)}
    before, after = asdict(old.schedule), asdict(new.schedule)
    schedule = {key: value for key, value in after.items() if value != before[key]}
    if not given and not schedule and lr is None:
        return None
    return ChangeSettings(lr=lr, **given, schedule=schedule or None)


def change_for_fix(changes: Mapping[str, Any]) -> ChangeSettings | None:
    """The command for a fix's config keys; None where one of them cannot change while the run trains."""
    change, others = live_part(changes)
    return None if others else change
