"""A proof in words, for the screen and the command: what is tried, how far it is, and what is known of each fix."""

from textual.content import Content

from ...engine.experiments.arms import Proof, chance_words, fix_verdict_words
from ..content import hanging
from ..formatting import time_left
from ..text import visible
from ..view.comparison import LETTERS

_FAINT = "$foreground 60%"
_MARGIN = Content("    ")


def proof_progress(proof: Proof, spent_s: float) -> str:
    """How many steps there are until the next verdict, and how long they take."""
    done, of = proof.steps, proof.steps_due
    if not done:
        return "the forks are starting …"
    if proof.earlier is None:
        return f"{done} of {of} steps, {time_left(spent_s, done, of)} to the next verdict"
    tried = proof.earlier
    left = time_left(spent_s, done + tried.steps, done + tried.steps_due)
    place = f"no fix helps from step {proof.plan.start}; the nearest is tried from step {tried.plan.start}"
    return f"{place}: {tried.steps} of {tried.steps_due} steps, {left}"


def proof_heading(proof: Proof, spent_s: float, width: int, *, is_over: bool) -> Content:
    """What is tried, from where, and how far it is."""
    plan = proof.plan
    what = f"{visible(plan.finding)}, with each fix from step {plan.start} on and on the same batches"
    state = "the verdicts" if is_over else proof_progress(proof, spent_s)
    return hanging(Content(), Content.styled(f"{what}: {state}", "bold"), width)


def arm_lines(proof: Proof, chosen: int, width: int) -> list[Content]:
    """The control and the fixes: how far each is, and what is known of it."""
    lines: list[Content] = []
    words = ["", *(fix_verdict_words(verdict) for verdict in proof.verdicts)]
    for place, (arm, said) in enumerate(zip(proof.arms, words, strict=True)):
        style = "bold" if place == chosen else ""
        label = Content.styled(f"{'›' if place == chosen else ' '} {LETTERS[place]} ", style)
        text = f"{visible(arm.candidate.title)}  step {proof.plan.start + arm.steps}"
        answer = proof.verdicts[place - 1].answer if place else ""
        colour = {"helps": "$text-success", "makes worse": "$text-error"}.get(answer, _FAINT)
        known = Content.assemble((text, style), (f"  {said}" if said else "", colour))
        lines.append(hanging(label, known, width))
    return lines


def proof_remarks(proof: Proof, width: int) -> list[Content]:
    """What chance does, and which fixes were not tried."""
    remarks = [chance_words(proof), *(f"not tried: {visible(why)}" for why in proof.plan.left_out)]
    return [hanging(_MARGIN, Content.styled(remark, _FAINT), width) for remark in remarks if remark]
