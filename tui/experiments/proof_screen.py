"""A proof as it goes: the control and the fixes over each other, what is known of each fix, and adopting one."""

import asyncio
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import var
from textual.screen import Screen

from ...engine.client.run import ClientError
from ...engine.config import ConfigError
from ...engine.experiments.arms import Proof
from ...engine.experiments.proof import adopt, make_arms, make_folder, plan_proof
from ...engine.experiments.too_late import try_earlier
from ...engine.storage.run_folder import StoreError
from ...engine.storage.run_reaper import delete, start_reaper
from ..comparison.compared_runs import ComparedRuns
from ..comparison.plot import ComparisonPlot
from ..dialogs.key_line import KeyLine
from ..navigation import ResumeRun
from ..text import visible
from .proof_text import arm_lines, proof_heading, proof_remarks
from .scrolled_blocks import ScrolledBlocks

_AGAIN_S = 0.7
"""Between two looks at the runs of the proof."""


class ProofScreen(Screen[ResumeRun | None]):
    """Dismissed with the adopted fork, to be trained on; the others are deleted, also should this process be killed."""

    BINDING_GROUP_TITLE = "Proof of a fix"
    CSS = """
    ProofScreen { #arms { height: auto; max-height: 50%; padding: 0 1; scrollbar-gutter: stable; } }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "up", id="proof.up", tooltip="The fix above"),
        Binding("down", "choose(1)", "down", id="proof.down", tooltip="The fix below"),
        Binding("enter", "adopt", "adopt", id="proof.adopt", tooltip="Go on with the fork that has this fix"),
        Binding("escape,q", "leave", "throw away", id="proof.leave", tooltip="Delete all forks, back to the run"),
    ]

    chosen: var[int] = var(1)
    """The place of a fix among the arms; the control has 0."""

    def __init__(self, run: Path, *, ascii: bool) -> None:
        super().__init__()
        self._run = run
        self._plot = ComparisonPlot(ascii=ascii)
        self._arms = ScrolledBlocks(id="arms", ascii=ascii)
        self._proof: Proof | None = None
        self._folder: Path | None = None
        self._caretaker: subprocess.Popen[bytes] | None = None
        self._began = time.monotonic()
        self._is_over = False

    def compose(self) -> ComposeResult:
        yield self._plot
        yield self._arms
        yield KeyLine()

    @work(group="proof")
    async def on_mount(self) -> None:
        try:
            plan = await asyncio.to_thread(plan_proof, self._run)
            self._folder = await asyncio.to_thread(make_folder, plan)
            self._caretaker = await asyncio.to_thread(start_reaper, self._folder)
            paths = await asyncio.to_thread(make_arms, plan, self._folder, datetime.now(UTC))
            self._proof = Proof(plan, paths)
            self.follow(paths)
            await self._proof.run()
            await try_earlier(self._proof, self._folder, self._tell)
        except (StoreError, ConfigError, ClientError, OSError) as error:
            self.notify(visible(str(error)), severity="warning", timeout=10, markup=False)
            await self._end(None)
            return
        self._is_over = True
        self.chosen = self._proof.best() or self.chosen
        self._tell()

    @work(group="follow")
    async def follow(self, paths: Sequence[Path]) -> None:
        compared = ComparedRuns(paths)
        while True:
            if await asyncio.to_thread(compared.read):
                self._plot.runs = compared.runs()
            self._tell()
            await asyncio.sleep(_AGAIN_S)

    def watch_chosen(self) -> None:
        self._tell()

    def on_resize(self) -> None:
        self.call_after_refresh(self._tell)

    def _tell(self) -> None:
        if self._proof is not None and self._arms.is_mounted:
            proof, width = self._proof, self._arms.width
            heading = proof_heading(proof, time.monotonic() - self._began, width, is_over=self._is_over)
            control, *fixes = arm_lines(proof, self.chosen, width)
            self._arms.show([heading, control], fixes, self.chosen - 1, proof_remarks(proof, width))

    def action_choose(self, by: int) -> None:
        if self._proof is not None:
            self.chosen = min(max(self.chosen + by, 1), len(self._proof.arms) - 1)

    @work(group="end", exclusive=True)
    async def action_adopt(self) -> None:
        proof = self._proof
        if proof is None:
            return
        arm = proof.arms[self.chosen]
        if not arm.steps:
            self.notify("it has not begun yet", severity="warning", timeout=3)
            return
        self.workers.cancel_group(self, "proof")
        await arm.stop()
        try:
            run = await asyncio.to_thread(adopt, proof.plan, arm.path, arm.candidate, datetime.now(UTC))
        except (StoreError, OSError) as error:
            self.notify(visible(str(error)), severity="error", timeout=10, markup=False)
            return
        await self._end(ResumeRun(run))

    @work(group="end", exclusive=True)
    async def action_leave(self) -> None:
        await self._end(None)

    async def _end(self, adopted: ResumeRun | None) -> None:
        self.workers.cancel_group(self, "follow")
        if adopted is not None or self._proof is not None:
            self.workers.cancel_group(self, "proof")
        if self._proof is not None:
            await self._proof.close()
        if self._folder is not None:
            await asyncio.to_thread(_delete_all, self._folder)
        if self._caretaker is not None:
            await asyncio.to_thread(self._caretaker.communicate)
        self.dismiss(adopted)


def _delete_all(folder: Path) -> None:
    for arm in folder.iterdir():
        delete(arm)
