"""Which sentences of a lesson have come true in a run, and since which step."""

import numpy as np

from ...engine.conditions import STEP_METRICS, parse_condition
from ...engine.lesson_origin import lesson_in_force
from ...engine.measured import MeasuredRun, Values, at_steps, first_step
from .run_view import RunView


def watched(view: RunView) -> list[tuple[int, str]]:
    """The step since which each sentence is true, and the sentence; those that are not true yet are missing."""
    record = _record(view)
    found: list[tuple[int, str]] = []
    for watch in lesson_in_force(view.config).watch:
        since = first_step(parse_condition(watch.when), record) if watch.when else watch.step
        if since is not None and since <= view.step:
            found.append((since, watch.what))
    return found


def _record(view: RunView) -> MeasuredRun:
    columns = {name: np.asarray(view.curves[name], "f8") for name in STEP_METRICS}
    steps, evaluations, layers = columns["step"], view.evaluations, view.layers.items
    columns["val_loss"] = at_steps(steps, _values(evaluations["step"]), _values(evaluations["val_loss"]))
    columns["max_attention_logit"] = at_steps(
        steps, _values([each.step for each in layers]), _values([each.max_attention_logit for each in layers])
    )
    findings: dict[str, int] = {}
    for episode in view.findings:
        findings.setdefault(episode.finding.kind, episode.finding.step)
    return MeasuredRun(columns=columns, findings=findings)


def _values(of: object) -> Values:
    return np.asarray(of, "f8")
