"""A proof in words, for the screen and the command: what is tried, how far it is, and what is known of each fix."""

from textual.content import Content

from ...engine.experiments.arms import Proof, chance_words, fix_verdict_words
from ..formatting import time_left
from ..text import visible
from ..view.comparison import LETTERS


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


def proof_lines(proof: Proof, chosen: int, spent_s: float, *, is_over: bool) -> list[Content]:
    """What is tried, from where, and a line each for the control and the fixes."""
    plan = proof.plan
    heading = f"{visible(plan.finding)}, with each fix from step {plan.start} on and on the same batches"
    state = "the verdicts" if is_over else proof_progress(proof, spent_s)
    lines = [Content.styled(f"{heading}: {state}", "bold")]
    words = ["", *(fix_verdict_words(verdict) for verdict in proof.verdicts)]
    for place, (arm, said) in enumerate(zip(proof.arms, words, strict=True)):
        mark = "›" if place == chosen else " "
        title = visible(arm.candidate.title)
        text = f"{mark} {LETTERS[place]} {title}  step {plan.start + arm.steps}"
        answer = proof.verdicts[place - 1].answer if place else ""
        colour = {"helps": "$text-success", "makes worse": "$text-error"}.get(answer, "$foreground 60%")
        lines.append(Content.assemble((text, "bold" if place == chosen else ""), (f"  {said}" if said else "", colour)))
    remarks = [chance_words(proof), *(f"not tried: {visible(why)}" for why in plan.left_out)]
    return [*lines, *(Content.styled(f"    {remark}", "$foreground 60%") for remark in remarks if remark)]
