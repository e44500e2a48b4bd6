"""The text of a lesson at this moment of its run: what happens, where to look, what to try. Pure: a view in, words out.

The preset's words come from the run's own configuration, the rest from what the run has said so far. Keys are named by
the ids of their bindings, so that whoever shows them looks the key up and cannot promise one that is not there.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ...engine.config import ConfigError, RunConfig
from ...engine.events import FindingOpened
from ...engine.healthy import HEALTHY
from ...engine.lesson import LessonFix, Question
from ...engine.lesson_origin import lesson_in_force, settings_of_ones_own
from ...engine.schedule import planned_lr
from ..formatting import setting
from ..view.findings import name_of, open_findings
from ..view.fix_commands import can_fix
from ..view.run_numbers import current_phase
from ..view.run_view import RunView
from ..view.watch_points import watched

_MOST_OWN = 2
"""Settings of one's own that are named."""
_PHASES = {
    "memorization": "the most frequent bytes are being learned and the loss falls fast",
    "generalization": "the model learns what follows what, and the loss falls more slowly",
    "refinement": "little is left to gain at this size, and the curve flattens",
}


@dataclass(frozen=True, kw_only=True)
class Hint:
    """Something a person can do or look at, with the id of the binding that does it."""

    binding: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Guide:
    now: str
    watch: str
    """The lesson's sentence about the present steps; empty before the first one."""
    watch_step: int
    """At which that could be seen, and may not hold any more; 0 where it is about the whole run."""
    ahead: str
    """When there will be more to see, if the run gets that far."""
    otherwise: str
    """How the run differs from the one that the lesson was written for; empty where it does not."""
    noticed: FindingOpened | None
    """The latest finding that is open."""
    look: Hint
    tries: tuple[Hint, ...]


def has_lesson(config: RunConfig) -> bool:
    lesson = config.lesson
    return bool(lesson.why.strip() or lesson.watch or lesson.questions)


def guide(view: RunView, answered: Collection[int] = ()) -> Guide:
    """`answered` are the places of the questions that have been."""
    mended = fix_in_force(view.config)
    found = _latest_open(view)
    step, watch = (0, mended.then) if mended else _watched(view)
    return Guide(
        now=_now(view),
        watch=watch,
        watch_step=step,
        ahead="" if mended else _ahead(view),
        otherwise="" if mended else _otherwise(view.config),
        noticed=found,
        look=_look(view, found),
        tries=tuple(_tries(view, answered)),
    )


def open_questions(view: RunView) -> tuple[Question, ...]:
    """They are asked at the end, when the answer has been seen, and not of a run in which the fault is mended."""
    return view.config.lesson.questions if view.state == "ended" and not fix_in_force(view.config) else ()


def fix_in_force(config: RunConfig) -> LessonFix | None:
    """The fix whose every change this run has."""
    return next((fix for fix in config.lesson.fixes if _mended(config, fix) == config), None)


def fixes_to_try(config: RunConfig) -> list[tuple[str, RunConfig]]:
    """Title and run of each fix that this run does not have."""
    runs = [(fix.title, _mended(config, fix)) for fix in config.lesson.fixes]
    return [(title, mended) for title, mended in runs if mended is not None and mended != config]


def _mended(config: RunConfig, fix: LessonFix) -> RunConfig | None:
    try:
        return config.with_changes(fix.changes)
    except ConfigError:
        return None  # a preset of one's own; `presets check` says what is wrong with it


def _latest_open(view: RunView) -> FindingOpened | None:
    found = [episode.finding for episode in view.findings if episode.closed is None]
    return max(found, key=lambda finding: finding.step, default=None)


def _now(view: RunView) -> str:
    match view.state:
        case "starting" | "followed" | "over":
            return "The model is being built and the text is read; the first step follows."
        case "paused":
            if view.pause is not None and view.pause.at != "asked":
                return f"Stopped after step {view.step} of {view.steps}: there is something to see."
            return f"Paused after step {view.step} of {view.steps}. Nothing changes until you say so."
        case "blocked":
            return "The run waits for space on the disk."
        case "ended":
            return how_it_ended(view)
        case "training":
            name = current_phase(view)
            phase = f" {name.capitalize()}: {_PHASES[name]}." if name else ""
            return f"Step {view.step} of {view.steps}: {_lr_now(view)}.{phase}"


def how_it_ended(view: RunView) -> str:
    """In a sentence, of a run that has."""
    assert view.end is not None
    how = {"finished": "has finished", "stopped": "was stopped", "nan": "ended because the loss was no number"}
    said = how.get(view.end.reason, "ended badly")
    return f"The run {said}, at step {view.end.step}."


def _lr_now(view: RunView) -> str:
    step = max(view.step, 1)
    warmup = view.settings.schedule.warmup_steps
    now, soon = (planned_lr(view.settings, min(at, view.steps), view.steps) for at in (step, step + 1))
    fault = view.config.fault
    if 0 < fault.lr_jump_from <= step:
        return f"the learning rate is {setting(now * fault.lr_jump, 3)}, {fault.lr_jump:g} times the planned one"
    if step <= warmup:
        return f"warm-up, the learning rate climbs until step {warmup + 1}"
    if soon < now:
        return f"the learning rate falls, now {setting(now, 3)}"
    return f"the learning rate {'rises, now' if soon > now else 'holds at'} {setting(now, 3)}"


def _watched(view: RunView) -> tuple[int, str]:
    """A lesson's sentences are measured on the preset's own run, and hold until a setting is changed."""
    if view.changes:
        changed = f"Changed at step {view.changes[0].step}, this run goes its own way."
        return 0, f"{changed} What the lesson knows of later steps is of the run as it was."
    if view.pause is not None and view.pause.at == "watch":
        return 0, view.pause.reason
    told = [(0, view.config.lesson.summary), *watched(view)]
    return max(enumerate(told), key=lambda each: (each[1][0], each[0]))[1]  # of two since one step, the later


def _otherwise(config: RunConfig) -> str:
    own = settings_of_ones_own(config)
    if not own:
        return ""
    shown = [f"{key} = {_plain(here)}, not {_plain(there)}" for key, (here, there) in list(own.items())[:_MOST_OWN]]
    more = f" and {len(own) - _MOST_OWN} more" if len(own) > _MOST_OWN else ""
    named = "; ".join(shown) + more
    return f"The lesson was written for another run; here {named}. Its numbers and steps may not hold."


def _plain(value: object) -> str:
    return setting(value) if isinstance(value, float) else str(value)


def _ahead(view: RunView) -> str:
    if view.changes or view.state == "ended":
        return ""
    later = [
        each.step
        for each in lesson_in_force(view.config).watch
        if not each.when and view.step < each.step <= view.steps
    ]
    return f"More to see at step {later[0]}." if later else ""


def _look(view: RunView, found: FindingOpened | None) -> Hint:
    panel, words = panel_to_look_at(view, found)
    return Hint(binding=panel_binding(panel), words=words)


def panel_binding(panel: str) -> str:
    return f"panels.{panel}"


def _tries(view: RunView, answered: Collection[int]) -> list[Hint]:
    """At most three; each is something that the run takes in its present state."""
    again = [
        Hint(binding="panels.act", words=f"a new run with the fix: {title}")
        for title, _ in fixes_to_try(view.config)[:1]
    ]
    match view.state:
        case "training":
            return [*_remedy(view), *_experiment(view), *again][:3]
        case "paused":
            go_on = Hint(binding="run.go_on", words="train on, to the next stop" if view.pace else "train on")
            full_speed = [Hint(binding="run.full_speed", words="train on and never stop again")] if view.pace else []
            step = Hint(binding="run.step", words="one step, and see every number move")
            return [go_on, *_remedy(view), *full_speed, step, *again][:3]
        case "ended":
            is_asked = any(place not in answered for place in range(len(open_questions(view))))
            asked = [Hint(binding="panels.act", words="answer the question")] if is_asked else []
            return [*asked, *again, Hint(binding="run.reseed", words="the same with another seed: what was chance?")]
        case _:
            return []


def _remedy(view: RunView) -> list[Hint]:
    """The diagnosis' own first fix, where the key can apply it to a run that trains."""
    fix = next((fix for finding in open_findings(view) for fix in finding.fixes), None)
    if fix is None or not can_fix(view):
        return []
    return [Hint(binding="run.fix", words=f"on this run, now: {fix.title}")]


def _experiment(view: RunView) -> list[Hint]:
    if view.step <= view.settings.schedule.warmup_steps:
        return [Hint(binding="run.pause", words="pause, then look at single steps")]
    if any(episode.closed is None for episode in view.findings):
        return [Hint(binding="run.lr_half", words="halve the learning rate: does it help?")]
    return [
        Hint(binding="run.lr_double", words="double the learning rate: how much does it bear?"),
        Hint(binding="run.sample", words="let it write: what has it learned?"),
    ]


PanelHint = tuple[str, str]

PANEL_SHOWING: Mapping[str, str] = {
    "loss": "loss",
    "lr": "lr",
    "grad_norm": "gradient",
    "layers": "layers",
    "throughput": "status",
}
"""The panel for each `Shown` of the catalogue of findings."""
_FRESH = 25
"""Steps for which a sample or an evaluation is news."""


def panel_to_look_at(view: RunView, found: FindingOpened | None) -> PanelHint:
    """`found` is the latest finding that is open."""
    if found is not None:
        from ...engine.diagnostics.catalogue import CATALOGUE  # all detectors; not needed for the first picture

        if entry := CATALOGUE.get(found.kind):
            return PANEL_SHOWING[entry.shown], entry.look_for
        return "diagnosis", "the evidence and its causes, the likeliest first"
    if view.state == "ended":
        return _look_back(view)
    if view.step <= view.settings.schedule.warmup_steps:
        return "lr", "the climb to the peak, and the plan that is dotted ahead"
    if view.samples.items and view.samples.items[-1].step > 0 and view.step - view.samples.items[-1].step < _FRESH:
        return "sample", "what it writes now; go back with b to what it wrote at first"
    if len(view.evaluations) and view.step - view.evaluations["step"][-1] < _FRESH:
        return "loss", "the new dot: does val_loss follow the mean?"
    return "gradient", f"the norm: healthy is {HEALTHY['grad_norm'].words}"


def _look_back(view: RunView) -> PanelHint:
    """Over a run that has ended, and of which no alarm is open."""
    if alarms := [episode for episode in view.findings if episode.finding.is_alarm]:
        finding, closed = alarms[-1].finding, alarms[-1].closed
        return "diagnosis", f"what it went through: {name_of(finding)}, steps {finding.onset} to {closed}"
    if current_phase(view) in ("generalization", "refinement"):
        return "loss", "the whole curve: steep, slower, flat"
    return "loss", "the whole curve, from the first step to the last"
