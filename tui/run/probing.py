"""The part of the run screen that asks probes: all of them by a key, and by itself where a NaN came from."""

from contextlib import aclosing
from pathlib import Path

from textual import work

from ...engine.events import FindingOpened, FindingUpdated
from ...engine.experiments.probes import ProbeAnswer
from ...engine.experiments.probing import probe
from ...engine.storage.run_folder import StoreError
from ..experiments.probe_screen import ProbeScreen
from ..view.findings import open_findings
from ..view.run_view import RunView
from .comparing import ComparingScreen
from .sending import warn

FORENSICS = "finite"
"""The probe that names the module which a finding of NaN came from."""


class ProbingScreen(ComparingScreen):
    _explained: frozenset[int] = frozenset()
    """Findings of NaN whose origin is known or is being looked for, by id."""

    @work(group="dialog")
    async def action_probe(self) -> None:
        assert self._run.path is not None, "the key is offered for a run on disk"
        answers = await self.app.push_screen_wait(ProbeScreen(self._run.path, ascii=self.app.has_class("-ascii")))
        for finding in non_finite_findings(self._feed.newest):
            if FORENSICS in answers:
                self._explain(finding, answers[FORENSICS])

    def look_for_origin(self, view: RunView) -> None:
        """Of a NaN, once, in the background: the answer is added to what the finding has been seen by."""
        path = self._run.path
        new = [finding for finding in non_finite_findings(view) if finding.id not in self._explained]
        if path is not None and view.described is None and new:
            self._explained |= {finding.id for finding in new}
            self._trace(path, new[0])

    @work(group="forensics")
    async def _trace(self, run: Path, finding: FindingOpened) -> None:
        try:
            async with aclosing(probe(run, [FORENSICS])) as answers:
                async for answer in answers:
                    self._explain(finding, answer)
        except (StoreError, OSError) as error:
            warn(self, f"where the NaN came from cannot be told: {error}")

    def _explain(self, finding: FindingOpened, answer: ProbeAnswer) -> None:
        if answer.answer == "no" and answer.evidence not in finding.evidence:
            self._explained |= {finding.id}
            evidence = f"{finding.evidence}; {answer.evidence}. To do: {answer.remedy}"
            self._feed.add(FindingUpdated(id=finding.id, step=self._feed.newest.step, evidence=evidence))


def non_finite_findings(view: RunView) -> list[FindingOpened]:
    """The open ones that a training step made; a val_loss alone comes from the evaluation."""
    return [finding for finding in open_findings(view) if finding.kind == "nan"]
