"""Which space a new model's vectors lie in: that of the model before it, where users can be compared by both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.errors import UsageError
from userprofile.feed.examples import feature_columns
from userprofile.inference.space import SPACE_FILE, Space, space_after
from userprofile.pipelines.engine import KEY, feature_catalogue
from userprofile.pipelines.examples import examples_schema, sampled
from userprofile.pipelines.models import model_files, previous_model
from userprofile.pipelines.scoring import placed
from userprofile.pipelines.steps import Run
from userprofile.schemas.scores import VECTOR_COLUMNS
from userprofile.spec import SPEC_FILE, WORDS_FILE, FeatureSpec
from userprofile.tables.store import TableVersion

# Users of the validation rows that both models are asked about, at most; both learnt from earlier ones.
ANCHORS, SEED = 5_000, 7


def space_of_model(run: Run, examples: TableVersion, model_version: str, files: Mapping[str, bytes]) -> Space:
    """Of a model just trained, whose `files` these are; says so, and how well vectors agree."""
    space = _space(run, examples, model_version, files)
    run.say(f"embedding space: {space.name}, {space.because}")
    for column, one in space.alignments.items():
        run.say(
            f"{column}: residual {one.residual:.3f}, cosine {one.cosine_before:.3f} before and {one.cosine_after:.3f} "
            f"after, of {one.held_out} users beside {one.anchors} anchors"
        )
    return space


def _space(run: Run, examples: TableVersion, model_version: str, files: Mapping[str, bytes]) -> Space:
    if not run.config.train_model.align:
        return Space(model_version, "train_model.align is false")
    previous, reason = previous_model(run, model_version)
    if previous is None:
        return Space(model_version, reason)
    version, before = previous["model_version"], model_files(run, previous)
    rows = _anchors(run, examples)
    if reason := _unreadable(version, before, rows):
        return Space(model_version, reason)
    new = _vectors(rows, model_version, {**files, SPACE_FILE: Space(model_version, "").to_json().encode()})
    if new.is_empty():
        return Space(model_version, "there are no validation examples to align it by")
    try:
        old = _vectors(rows, version, before)
    except PySparkException as error:
        return Space(model_version, f"{version} cannot be asked any more: {str(error).strip().splitlines()[-1]}")
    pairs = {column: _pair(new, old, column) for column in VECTOR_COLUMNS}
    return space_after(Space.from_json(before[SPACE_FILE].decode()), version, model_version, pairs)


def _anchors(run: Run, examples: TableVersion) -> DataFrame:
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    rows = run.store.read(examples, examples_schema(catalogue)).where(F.col("split") == "validation")
    return sampled(rows, of=rows.count(), wanted=ANCHORS, seed=SEED).coalesce(1)


def _unreadable(version: str, files: Mapping[str, bytes], rows: DataFrame) -> str:
    """Why the previous model cannot be asked about such rows; empty where it can."""
    try:
        spec = FeatureSpec.from_json(files[SPEC_FILE].decode())
    except UsageError as error:
        return f"{version} cannot be asked any more: {error.what}"
    missing = sorted(set(feature_columns(spec)) - set(rows.columns))
    return f"the examples lack what {version} reads: {', '.join(missing)}" if missing else ""


def _vectors(rows: DataFrame, version: str, files: Mapping[str, bytes]) -> pl.DataFrame:
    """As profiles by this model have them."""
    found: Any = placed(rows, version, {**files, WORDS_FILE: b"{}"}).toArrow()
    return pl.DataFrame(found)


def _pair(new: pl.DataFrame, old: pl.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """[users, W] each, of users to whom both models give a vector; W is 0 where a model gives none to anybody."""
    both = new.join(old, on=KEY).drop_nulls([column, f"{column}_right"]).sort(KEY)
    return _array(both[column], new[column]), _array(both[f"{column}_right"], old[column])


def _array(vectors: pl.Series, all_vectors: pl.Series) -> np.ndarray:
    """float64 [users, W], where W is known even without users."""
    lengths = all_vectors.list.len().drop_nulls().to_list()
    return vectors.explode().to_numpy().astype(np.float64).reshape(len(vectors), lengths[0] if lengths else 0)
