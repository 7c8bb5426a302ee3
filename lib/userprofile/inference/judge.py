"""Every model of every score on examples whose labels are known: a row of gold.model_judgements each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from userprofile.baselines.rung import Rung
from userprofile.heads.every import HEADS
from userprofile.heads.serving import NETWORK
from userprofile.inference.score import Scorer, parts_of
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import ModelJudgements

JUDGEMENTS = arrow_schema(ModelJudgements)
NEVER_BOUGHT = "never bought"


def column_of(measure: str) -> str:
    """Of gold.model_judgements: ndcg@10 is ndcg_at_10."""
    return measure.replace("@", "_at_")


@dataclass(frozen=True)
class Judge:
    """One model with its whole ladder."""

    scorer: Scorer
    model_version: str

    def judged(self, examples: pa.Table) -> Iterator[pa.Table]:
        """JUDGEMENTS of rows of gold.training_examples, some rows, one score and one model at a time."""
        for part in parts_of(examples):
            outputs = self.scorer.outputs(part)
            for name, one in self.scorer.serving.heads.items():
                head = HEADS[name]
                labels = head.arrays(part, self.scorer.spec)
                for model, calibration in one.calibrations.items():
                    raw = head.raw(outputs) if model == NETWORK else self._raw(name, model, part)
                    judgement = head.judgement(labels, head.predicted(raw, calibration))
                    yield self._rows(part, name, model, judgement)

    def _raw(self, name: str, model: str, part: pa.Table) -> np.ndarray:
        return HEADS[name].raw_of_rung(self._rungs[name, model].predict(part))

    @cached_property
    def _rungs(self) -> dict[tuple[str, str], Rung]:
        heads = self.scorer.serving.heads.items()
        return {(name, rung): one.rung(rung) for name, one in heads for rung in one.rungs}

    def _rows(self, part: pa.Table, name: str, model: str, judgement: dict[str, np.ndarray]) -> pa.Table:
        rows = part.num_rows
        told = {"model_version": self.model_version, "score": name, "model": model}
        columns = {
            **{column: part[column] for column in ("split", "user_id", "as_of_date")},
            **{column: pa.array([value] * rows) for column, value in told.items()},
            "segment": part["rfm_segment"].fill_null(NEVER_BOUGHT),
            **{column_of(measure): values.astype(np.float64) for measure, values in judgement.items()},
        }
        null = pa.nulls(rows, pa.float64())
        return pa.table({field.name: columns.get(field.name, null) for field in JUDGEMENTS}).cast(JUDGEMENTS)
