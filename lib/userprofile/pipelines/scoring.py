"""The per-partition functions of scoring: tags by rule, scores by model, both as Arrow batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import polars as pl
import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from userprofile.inference.tags import with_tags
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import ModelJudgements
from userprofile.schemas.scores import SCORES
from userprofile.spark.batches import declared_batches

_TAGS = pa.field("tags", pa.list_(pa.field("element", pa.string(), nullable=False)), nullable=False)


def tagged(rows: DataFrame) -> DataFrame:
    """Adds `tags` to rows of gold.user_features."""
    schema = pa.schema([*to_arrow_schema(rows.schema, timezone="UTC"), _TAGS])
    return rows.mapInArrow(partial(_with_tags, schema), from_arrow_schema(schema))


def scored(rows: DataFrame, model_version: str, files: Mapping[str, bytes]) -> DataFrame:
    """SCORES of rows of gold.user_features joined with gold.user_sequences; the model travels to the workers."""
    sent = rows.sparkSession.sparkContext.broadcast(dict(files))
    return rows.mapInArrow(partial(_scores, model_version, sent), from_arrow_schema(SCORES))


def judged(rows: DataFrame, model_version: str, files: Mapping[str, bytes]) -> DataFrame:
    """gold.model_judgements of rows of gold.training_examples, by every model of every score."""
    sent = rows.sparkSession.sparkContext.broadcast(dict(files))
    schema = from_arrow_schema(arrow_schema(ModelJudgements))
    return rows.mapInArrow(partial(_judgements, model_version, sent), schema)


def _with_tags(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield from declared_batches(with_tags(pl.DataFrame(pa.Table.from_batches([batch]))), schema)


def _scores(
    model_version: str, sent: Broadcast[dict[str, bytes]], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    # Here and not above, so that the driver never loads TensorFlow.
    from userprofile.inference.score import cached_scorer

    scorer = cached_scorer(model_version, lambda: sent.value)
    for batch in batches:
        yield from scorer.score(pa.Table.from_batches([batch])).to_batches()


def _judgements(
    model_version: str, sent: Broadcast[dict[str, bytes]], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    from userprofile.inference.judge import Judge
    from userprofile.inference.score import cached_scorer

    judge = Judge(cached_scorer(model_version, lambda: sent.value), model_version)
    for batch in batches:
        for rows in judge.judged(pa.Table.from_batches([batch])):
            yield from rows.to_batches()
