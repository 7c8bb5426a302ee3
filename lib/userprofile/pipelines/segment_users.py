"""gold.user_profiles -> gold.user_segments and gold.segments: who behaves alike, by embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.infer_profiles import PROFILES
from userprofile.pipelines.segment_differences import described
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.table_checks import require_written
from userprofile.schemas.gold import Segments, UserSegments
from userprofile.schemas.profiles import UserProfiles
from userprofile.segments.clusters import Clusters, fitted
from userprofile.segments.continuity import Continuity, continued, first
from userprofile.tables.store import TableVersion

USER_SEGMENTS, SEGMENTS = "gold.user_segments", "gold.segments"

_ASSIGNED = pa.schema([("user_id", pa.string()), ("cluster", pa.int32()), ("distance", pa.float64())])


def segment_users(run: Run) -> Step:
    """Of the profiles that were scored last for the as-of date; skipped where a model gave them no embedding."""
    profiles = run.pinned(PROFILES, made_by="infer_profiles")
    features = run.pinned("gold.user_features", made_by="build_features")
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    rows = run.store.read(profiles, UserProfiles).where(F.col("as_of_date") == F.lit(as_of))
    latest = rows.where(F.col("scored_at") == rows.agg(F.max("scored_at")).collect()[0][0])
    of_model = latest.select("model_version", "embedding_space").limit(1).collect()
    if not of_model or of_model[0]["embedding_space"] is None:
        return run.skip("segment_users", "no model gave the users embeddings", as_of=as_of)
    work = partial(_segment, run, latest.where(F.col("embedding").isNotNull()), features, as_of, *of_model[0])
    sections = ["source", "segment_users"]
    return run.step("segment_users", work, inputs=[profiles, features], sections=sections, as_of=as_of)


def _segment(
    run: Run, profiles: DataFrame, features: TableVersion, as_of: date, model_version: str, space: str
) -> Outcome:
    clusters = _clusters(run, profiles)
    vectors = profiles.select("user_id", "embedding")
    assigned = vectors.mapInArrow(partial(_nearest, clusters), from_arrow_schema(_ASSIGNED)).persist()
    try:
        continuity = _continuity(run, assigned, len(clusters.centres), as_of, model_version, space)
        number = F.element_at(F.lit(continuity.numbers.tolist()), F.col("cluster") + 1).cast("short")
        keys = {"as_of_date": as_of, "model_version": model_version}
        rows = assigned.withColumns(
            {**{name: F.lit(value) for name, value in keys.items()}, "embedding_space": F.lit(space), "segment": number}
        ).select(*UserSegments.column_names())
        where = f"as_of_date = date'{as_of}' and model_version = '{model_version}'"
        written = run.store.replace(rows, USER_SEGMENTS, UserSegments, where=where)
    finally:
        assigned.unpersist()
    of_users = run.store.read(written, UserSegments).where(where).select("user_id", "segment")
    told = {
        **keys,
        "prediction_strength": clusters.strengths.get(len(clusters.centres)),
        "kept": continuity.kept,
        "adjusted_rand": continuity.adjusted_rand,
    }
    segments = described(run, of_users, profiles, features, told)
    also = run.store.replace_small(segments, SEGMENTS, Segments, where=where)
    checks = [one for table in (written, also) for one in require_written(run, table, as_of=as_of, where=where)]
    return Outcome(
        [written, also, *checks[-1:]], {"users": written.rows, "segments": segments.height, **_figures(told)}
    )


def _clusters(run: Run, profiles: DataFrame) -> Clusters:
    settings = run.config.segment_users
    by_hash = F.xxhash64(F.lit(settings.seed), "user_id")
    some = profiles.orderBy(by_hash, "user_id").limit(settings.users).select("embedding").toArrow()
    vectors = np.stack(some["embedding"].to_numpy()).astype(np.float64)
    return fitted(
        vectors,
        most=settings.most,
        least_share=settings.least_share,
        least_strength=settings.least_strength,
        seed=settings.seed,
    )


def _nearest(clusters: Clusters, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if batch.num_rows:
            vectors = np.stack(batch["embedding"].to_numpy(zero_copy_only=False)).astype(np.float64)
            place, distance = clusters.nearest(vectors)
            columns = [batch["user_id"], pa.array(place, pa.int32()), pa.array(distance)]
            yield pa.RecordBatch.from_arrays(columns, schema=_ASSIGNED)


def _continuity(
    run: Run, assigned: DataFrame, clusters: int, as_of: date, model_version: str, space: str
) -> Continuity:
    """Against the latest other segmentation in the same space, not of a later date."""
    sizes = {row["cluster"]: row["count"] for row in assigned.groupBy("cluster").count().collect()}
    if run.store.exists(USER_SEGMENTS):
        others = (
            run.store.read(run.store.pin(USER_SEGMENTS), UserSegments)
            .where((F.col("embedding_space") == space) & (F.col("as_of_date") <= F.lit(as_of)))
            .where((F.col("as_of_date") < F.lit(as_of)) | (F.col("model_version") != model_version))
        )
        latest = others.orderBy(F.desc("as_of_date"), F.desc("model_version")).limit(1).collect()
        if latest:
            key = (F.col("as_of_date") == F.lit(latest[0]["as_of_date"])) & (
                F.col("model_version") == latest[0]["model_version"]
            )
            before = others.where(key).select("user_id", "segment")
            counts = assigned.join(before, "user_id").groupBy("cluster", "segment").count().collect()
            numbers = sorted({row["segment"] for row in before.select("segment").distinct().collect()})
            shared = np.zeros((clusters, len(numbers)))
            for row in counts:
                shared[row["cluster"], numbers.index(row["segment"])] = row["count"]
            return continued(shared, np.array(numbers))
    return first(np.array([sizes.get(cluster, 0) for cluster in range(clusters)]))


def _figures(told: dict[str, object]) -> dict[str, object]:
    return {name: told[name] for name in ("prediction_strength", "kept", "adjusted_rand") if told[name] is not None}
