"""Tells a fix that came too late from one that is none: where no fix helps, the nearest is tried from earlier on.

What broke a run may have happened long before its finding: then the weights of the last healthy checkpoint are lost
already, and no fix from there shows what it is worth.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from .arms import Proof
from .proof import earlier_plans, make_arms


async def try_earlier(proof: Proof, folder: Path, told: Callable[[], None] = lambda: None) -> None:
    """Changes the verdict of the nearest fix of a proof that is over, where it would have helped from earlier on."""
    if proof.best() is not None:
        return
    place = proof.nearest()
    for plan in earlier_plans(proof.plan, place, proof.look):
        earlier = Proof(plan, await asyncio.to_thread(make_arms, plan, folder, datetime.now(UTC)))
        proof.earlier = earlier
        told()
        try:
            await earlier.run()
        finally:
            await earlier.close()
        (verdict,) = earlier.verdicts
        if verdict.answer == "helps":
            why = f"from step {plan.start} it would have helped"
            proof.verdicts[place - 1] = replace(verdict, answer="too late now", why=why)
            return
