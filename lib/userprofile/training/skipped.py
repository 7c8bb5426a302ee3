"""Steps that were skipped since their gradients or losses are no finite numbers: which, and what their rows hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from userprofile.feed.plan import Plan
from userprofile.feed.read import Batch
from userprofile.training.collective import Collective
from userprofile.training.findings import Finding, finding
from userprofile.training.progress import SKIPPED
from userprofile.training.request import TrainingRequest
from userprofile.training.rows import Rows


@dataclass(frozen=True)
class Culprit:
    """A step, counted from 1, and what each rank found in its part of the batch; the same on all of them."""

    step: int
    findings: Sequence[Finding]

    @property
    def features(self) -> list[str]:
        """Those that hold values that are no finite numbers, on any rank."""
        return sorted({name for of_rank in self.findings for name in of_rank.features})

    def __str__(self) -> str:
        of_ranks = [of_rank for of_rank in self.findings if of_rank.features] or self.findings
        told = "; ".join(dict.fromkeys(of_rank.told for of_rank in of_ranks))
        groups = "; ".join(dict.fromkeys(of_rank.row_groups for of_rank in self.findings if of_rank.row_groups))
        return f"step {self.step:,}: {told}; its rows are of row groups {groups}"


class Skipped:
    """Of an epoch. Batches are looked into only where their steps were skipped, and seldom asked whether they were."""

    def __init__(self, request: TrainingRequest, collective: Collective, rows: Rows, plan: Plan) -> None:
        self._request, self._collective, self._rows, self._plan = request, collective, rows, plan
        self._recent: list[tuple[int, Batch, Any]] = []
        self.culprits: list[Culprit] = []

    def add(self, step: int, batch: Batch, sums: Mapping[str, Any]) -> None:
        """One more step, of whose outcome nobody waits."""
        self._recent.append((step, batch, sums[SKIPPED]))

    def look(self, report: Callable[[str], None]) -> None:
        """Into what came since the last look; all ranks at the same step."""
        recent, self._recent = self._recent, []
        skipped = [(step, batch) for step, batch, is_skipped in recent if float(is_skipped)]
        if not skipped:
            return
        mine = [self._finding(step, batch) for step, batch in skipped]
        of_ranks = self._collective.gather_object(mine)
        for (step, _), findings in zip(skipped, zip(*of_ranks, strict=True), strict=True):
            self.culprits.append(Culprit(step, findings))
            report(f"skipped {self.culprits[-1]}")

    def in_pass(self) -> Culprit | None:
        """The first step of the plan's whole pass with an input that is no finite number, learnt from or not."""
        for step, batch in enumerate(self._rows.fed(self._plan), start=1):
            culprit = Culprit(step, self._collective.gather_object(self._finding(step, batch)))
            if culprit.features:
                return culprit
        return None

    def _finding(self, step: int, batch: Batch) -> Finding:
        return finding(batch, self._request.spec, self._rows.places(self._plan, step))
