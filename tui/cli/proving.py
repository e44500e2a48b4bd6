"""Proving the fixes of a run's finding in text: progress, the verdicts, and what becomes of the forks."""

from __future__ import annotations

import asyncio
import shutil
import sys
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from ...engine.experiments.arms import Proof, chance_words, fix_verdict_words
from ...engine.experiments.proof import ProofPlan, adopt, make_arms, make_folder, plan_proof
from ...engine.experiments.too_late import try_earlier
from ...engine.storage.run_reaper import delete, start_reaper
from ..experiments.proof_text import proof_progress
from ..text import visible
from .options import PROGRAM
from .progress_line import clear_progress, show_progress

_TOLD_EVERY_S = 0.2


def prove_fixes(path: Path, steps: int | None, *, adopts: bool) -> int:
    """The exit status: 0 where a fix helps, 1 where none does, 130 where it was interrupted."""
    plan = plan_proof(path, steps)
    fixes = len(plan.candidates) - 1
    who = f"{fixes} fixes and the control go" if fixes > 1 else "1 fix and the control go"
    click.echo(f"{visible(plan.finding)}: {who} on from step {plan.start}")
    for why in plan.left_out:
        click.echo(_wrapped(f"not tried: {visible(why)}"))
    folder = make_folder(plan)
    caretaker = start_reaper(folder)
    try:
        return asyncio.run(_proved(plan, folder, adopts=adopts))
    except KeyboardInterrupt:
        return 130
    finally:
        for arm in folder.iterdir():
            delete(arm)
        caretaker.communicate()


async def _proved(plan: ProofPlan, folder: Path, *, adopts: bool) -> int:
    proof = Proof(plan, make_arms(plan, folder, datetime.now(UTC)))
    telling = asyncio.create_task(_tell(proof))
    is_whole = False
    try:
        await proof.run()
        await try_earlier(proof, folder)
        is_whole = True
    finally:  # also after Ctrl-C, which keeps what is done
        telling.cancel()
        clear_progress()
        if not is_whole and all(arm.steps for arm in proof.arms):
            proof.judge()
        _tell_verdicts(proof)
        if not is_whole:
            await proof.close()
    best = proof.best()
    try:
        if best is not None and (adopts or _agreed(proof.arms[best].candidate.title)):
            await proof.arms[best].stop()
            run = adopt(plan, proof.arms[best].path, proof.arms[best].candidate, datetime.now(UTC))
            click.echo(f"adopted as {visible(run.name)}; `{PROGRAM} resume {visible(run.name)}` goes on with it")
    finally:
        await proof.close()
    return 0 if best is not None else 1


def _tell_verdicts(proof: Proof) -> None:
    for arm, verdict in zip(proof.arms[1:], proof.verdicts, strict=True):
        words = f"{visible(arm.candidate.title)}: after {arm.steps} steps, {fix_verdict_words(verdict)}"
        click.echo(_wrapped(words))
    if words := chance_words(proof):
        click.echo(_wrapped(words))


def _wrapped(words: str) -> str:
    """What follows the first line is indented; in a file or a pipe it stays one line."""
    if not sys.stdout.isatty():
        return words
    return textwrap.fill(
        words, max(shutil.get_terminal_size().columns, 40), subsequent_indent="  ", break_on_hyphens=False
    )


def _agreed(title: str) -> bool:
    """Asked on a terminal alone; elsewhere all is thrown away."""
    return sys.stdin.isatty() and click.confirm(f"Adopt “{visible(title)}”? The other forks are deleted", err=True)


async def _tell(proof: Proof) -> None:
    if not sys.stderr.isatty():
        return
    began = time.monotonic()
    while True:
        show_progress(proof_progress(proof, time.monotonic() - began))
        await asyncio.sleep(_TOLD_EVERY_S)
