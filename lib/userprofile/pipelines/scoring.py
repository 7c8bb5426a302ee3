"""The per-partition functions of scoring: tags by rule, scores by model, both as Arrow batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import polars as pl
import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from userprofile.inference.space import SPACE_FILE
from userprofile.inference.tags import with_tags
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import ModelJudgements
from userprofile.schemas.scores import SCORES, VECTORS
from userprofile.spark.batches import declared_batches

_TAGS = pa.field("tags", pa.list_(pa.field("element", pa.string(), nullable=False)), nullable=False)


def tagged(rows: DataFrame) -> DataFrame:
    """Adds `tags` to rows of gold.user_features."""
    schema = pa.schema([*to_arrow_schema(rows.schema, timezone="UTC"), _TAGS])
    return rows.mapInArrow(partial(_with_tags, schema), from_arrow_schema(schema))


def scored(rows: DataFrame, model_version: str, files: Mapping[str, bytes]) -> DataFrame:
    """SCORES of rows of gold.user_features joined with gold.user_sequences; the model travels to the workers."""
    sent = rows.sparkSession.sparkContext.broadcast(dict(files))
    return rows.mapInArrow(partial(_scores, _asked(model_version, files), sent), from_arrow_schema(SCORES))


def placed(rows: DataFrame, model_version: str, files: Mapping[str, bytes]) -> DataFrame:
    """VECTORS of such rows, or of rows of gold.training_examples."""
    sent = rows.sparkSession.sparkContext.broadcast(dict(files))
    return rows.mapInArrow(partial(_vectors, _asked(model_version, files), sent), from_arrow_schema(VECTORS))


def judged(rows: DataFrame, model_version: str, files: Mapping[str, bytes]) -> DataFrame:
    """gold.model_judgements of rows of gold.training_examples, by every model of every score."""
    sent = rows.sparkSession.sparkContext.broadcast(dict(files))
    schema = from_arrow_schema(arrow_schema(ModelJudgements))
    return rows.mapInArrow(partial(_judgements, model_version, _asked(model_version, files), sent), schema)


def _asked(model_version: str, files: Mapping[str, bytes]) -> str:
    """What a process keeps a scorer by: before a model is aligned, its vectors are others."""
    return f"{model_version} {hashlib.sha256(files[SPACE_FILE]).hexdigest()}"


def _with_tags(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield from declared_batches(with_tags(pl.DataFrame(pa.Table.from_batches([batch]))), schema)


def _scores(
    asked: str, sent: Broadcast[dict[str, bytes]], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    # Here and not above, so that the driver never loads TensorFlow.
    from userprofile.inference.score import cached_scorer

    scorer = cached_scorer(asked, lambda: sent.value)
    for batch in batches:
        yield from scorer.score(pa.Table.from_batches([batch])).to_batches()


def _vectors(
    asked: str, sent: Broadcast[dict[str, bytes]], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    from userprofile.inference.score import cached_scorer

    scorer = cached_scorer(asked, lambda: sent.value)
    for batch in batches:
        yield from scorer.vectors(pa.Table.from_batches([batch])).to_batches()


def _judgements(
    model_version: str, asked: str, sent: Broadcast[dict[str, bytes]], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    from userprofile.inference.judge import Judge
    from userprofile.inference.score import cached_scorer

    judge = Judge(cached_scorer(asked, lambda: sent.value), model_version)
    for batch in batches:
        for rows in judge.judged(pa.Table.from_batches([batch])):
            yield from rows.to_batches()
