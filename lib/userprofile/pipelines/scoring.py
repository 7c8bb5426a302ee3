"""The per-partition functions of scoring: what a model says of users, as Arrow batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from userprofile.explain.wording import Wording
from userprofile.inference.space import SPACE_FILE
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import ModelJudgements
from userprofile.schemas.scores import SCORES, VECTORS

Asked = Callable[[pa.Table], Iterable[pa.Table]]


def scored(rows: DataFrame, model_version: str, files: Mapping[str, bytes], wording: Wording) -> DataFrame:
    """SCORES of rows of gold.user_features joined with gold.user_sequences, with their reasons in words."""
    return _by_model(rows, model_version, files, partial(_scores, wording), SCORES)


def placed(rows: DataFrame, model_version: str, files: Mapping[str, bytes]) -> DataFrame:
    """VECTORS of such rows, or of rows of gold.training_examples."""
    return _by_model(rows, model_version, files, _vectors, VECTORS)


def judged(rows: DataFrame, model_version: str, files: Mapping[str, bytes]) -> DataFrame:
    """gold.model_judgements of rows of gold.training_examples, by every model of every score."""
    return _by_model(rows, model_version, files, partial(_judgements, model_version), arrow_schema(ModelJudgements))


def _by_model(
    rows: DataFrame, model_version: str, files: Mapping[str, bytes], asked: Callable[[Any], Asked], schema: pa.Schema
) -> DataFrame:
    """What is `asked` of the model's scorer about rows; the model travels to the workers."""
    sent = rows.sparkSession.sparkContext.broadcast(dict(files))
    # Before a model is aligned, its vectors are others.
    scorer = f"{model_version} {hashlib.sha256(files[SPACE_FILE]).hexdigest()}"
    return rows.mapInArrow(partial(_said, asked, scorer, sent), from_arrow_schema(schema))


def _said(
    asked: Callable[[Any], Asked], scorer: str, sent: Broadcast[dict[str, bytes]], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    # Here and not above, so that the driver never loads TensorFlow.
    from userprofile.inference.score import cached_scorer

    say = asked(cached_scorer(scorer, lambda: sent.value))
    for batch in batches:
        for table in say(pa.Table.from_batches([batch])):
            yield from table.to_batches()


def _scores(wording: Wording, scorer: Any) -> Asked:
    from userprofile.explain.reasons import cached_reasoner

    reasoner = cached_reasoner(scorer, wording)
    return lambda rows: [reasoner.with_reasons(rows, scorer.score(rows))]


def _vectors(scorer: Any) -> Asked:
    return lambda rows: [scorer.vectors(rows)]


def _judgements(model_version: str, scorer: Any) -> Asked:
    from userprofile.inference.judge import Judge

    return Judge(scorer, model_version).judged
