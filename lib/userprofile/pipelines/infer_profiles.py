"""gold.user_features and gold.user_sequences -> gold.user_profiles, scored on Spark's partitions."""

from __future__ import annotations

import json
from datetime import date
from functools import partial
from typing import Any

import polars as pl
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from userprofile.config.load import config_version
from userprofile.explain.wording import Wording
from userprofile.features.catalogue import user_features_schema
from userprofile.heads.serving import Serving
from userprofile.inference.space import SPACE_FILE, Space
from userprofile.pipelines.checked_tables import require_expectations
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.engine import KEY, feature_catalogue
from userprofile.pipelines.models import model_files
from userprofile.pipelines.profile_changes import write_changes
from userprofile.pipelines.promote_model import decide_on_new
from userprofile.pipelines.scoring import scored
from userprofile.pipelines.serving_models import serving_model
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.table_checks import SECTION, dates_beside, require_quality
from userprofile.pipelines.tag_counts import never_given
from userprofile.pipelines.tag_rules import require_tags
from userprofile.pipelines.tagging import FOUND, values_of, with_found
from userprofile.report.consent import Purpose
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.entities import SilverCodes, SilverUsers
from userprofile.schemas.gold import UserCategoryFeatures, UserSequences
from userprofile.schemas.profiles import UserProfiles
from userprofile.schemas.scores import SCORE_COLUMNS
from userprofile.spec import SERVING_FILE, SPEC_FILE, WORDS_FILE, FeatureSpec
from userprofile.tables.store import TableVersion
from userprofile.versions import code_version

PROFILES = "gold.user_profiles"
NO_MODEL = "none"
SECTIONS = ("source", "language", "tags", SECTION)
DECLARED = ("age_band", "gender", "region", "occupation", "income")


def infer_profiles(run: Run) -> Step:
    """One profile row per user of the as-of date, by the model that serves it; scores are null, with the reason, where
    there is none. A model trained since then is decided on first (promote_model).
    """
    require_tags(run)
    require_expectations(run)
    features = run.pinned("gold.user_features", made_by="build_features")
    sequences = run.pinned("gold.user_sequences", made_by="build_features")
    events = run.pinned("silver.events", made_by="refine_events")
    as_of = scoring_date(run, log_range(run, events)).date
    decide_on_new(run, as_of)
    model, reason = serving_model(run, as_of)
    categories = run.pinned("gold.user_category_features", made_by="build_features")
    inputs = [features, sequences, events, run.pinned("silver.users", made_by="refine_events"), categories]
    work = partial(_infer, run, inputs, as_of, model, reason)
    inputs = [*inputs, run.pinned("silver.codes", made_by="refine_events")]
    parameters = {"model": model and model["model_version"]}
    return run.step("infer_profiles", work, inputs=inputs, sections=SECTIONS, parameters=parameters, as_of=as_of)


def _infer(
    run: Run, inputs: list[TableVersion], as_of: date, model: dict[str, Any] | None, reason: str | None
) -> Outcome:
    features, sequences, events, users, categories = inputs
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    of_date = f"as_of_date = date'{as_of}'"
    rows = run.store.read(features, user_features_schema(catalogue)).where(of_date)
    history = run.store.read(sequences, UserSequences).where(of_date)
    scores = _scores(run, rows.join(history, KEY), model) if model else None
    of_categories = run.store.read(categories, UserCategoryFeatures).where(of_date)
    values = values_of(rows, of_categories)
    profiles = rows.transform(_with_scores, scores).transform(with_found, values, settings=run.config.tags, as_of=as_of)
    of_users = declared_by(run.store.read(users, SilverUsers))
    versions = {
        "tags": F.col(f"{FOUND}.words"),
        "model_version": F.lit(model["model_version"] if model else NO_MODEL),
        "currency": F.lit(run.config.source.currency).cast("string"),
        "scores_missing_because": F.lit(reason or (model and not_learnt(model))).cast("string"),
        "consent": F.coalesce("consent", F.array().cast("array<string>")),
        "events_version": F.lit(events.version).cast("long"),
        "features_version": F.lit(features.version).cast("long"),
        "training_version": F.lit(model["training_version"] if model else None).cast("long"),
        "code_version": F.lit(code_version()),
        "config_version": F.lit(config_version(run.config)),
        "scored_at": F.lit(run.started_at),
    }
    profiles = profiles.join(of_users, "user_id", "left").withColumns(versions).select(*UserProfiles.column_names())
    of_model = f"model_version = '{model['model_version'] if model else NO_MODEL}'"
    where = f"{of_date} and {of_model}"
    profiles = profiles.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        checks = require_quality(run, PROFILES, profiles, as_of=as_of, sides=_sides(run, profiles, as_of, of_model))
        written = run.store.replace(profiles, PROFILES, UserProfiles, where=where, checked=True)
        never = never_given(profiles, run.config.tags.file.on(as_of))
    finally:
        profiles.unpersist()
    if never:
        run.say(f"warning: nobody has the tags {', '.join(never)}; make build_tag_catalogue shows their rules")
    figures: dict[str, Any] = {"profiles": written.rows, "as_of_date": str(as_of), "tags_of_nobody": len(never)}
    figures |= {"model_version": model["model_version"]} if model else {}
    return Outcome(
        [written, *write_changes(run, written, as_of), *([checks] if checks else [])],
        figures | ({"scores_missing_because": reason} if reason else {}),
    )


def declared_by(users: DataFrame) -> DataFrame:
    """The consent of users and, where they granted profiling, what they declared, columns first."""
    plain = F.array(*(F.struct(F.lit(name).alias("name"), F.col(name).alias("value")) for name in DECLARED))
    known = F.filter(F.concat(plain, "attributes"), lambda one: one["value"].isNotNull())
    granted = F.array_contains("consent", Purpose.PROFILING.value)
    return users.select("user_id", "consent", F.when(granted, known).alias("attributes"))


def not_learnt(model: dict[str, Any]) -> str | None:
    """The scores that the model does not have, and why."""
    reasons = json.loads(model["metrics"]).get("not_learnt", {})
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or None


def _sides(run: Run, profiles: DataFrame, as_of: date, of_model: str) -> tuple[DataFrame, DataFrame] | None:
    """Profiles of the last date before that this model scored, and these: of a new one promote_model has judged."""
    if not run.store.exists(PROFILES):
        return None
    earlier = run.store.read(run.store.pin(PROFILES), UserProfiles).where(of_model)
    return dates_beside(earlier, as_of, now=profiles)


def _scores(run: Run, rows: DataFrame, model: dict[str, Any]) -> DataFrame:
    """The score columns by user; codes in words."""
    files = model_files(run, model)
    serving = Serving.from_json(files[SERVING_FILE].decode())
    files[WORDS_FILE] = json.dumps(words_of(run, FeatureSpec.from_json(files[SPEC_FILE].decode()))).encode()
    partitions = max(1, -(-rows.count() // run.config.infer_profiles.users_per_partition))
    scores = scored(rows.repartition(partitions, "user_id"), model["model_version"], files, wording_of(run))
    served_by = [
        F.struct(F.lit(name).alias("score"), F.lit(one.model).alias("model")) for name, one in serving.heads.items()
    ]
    space = Space.from_json(files[SPACE_FILE].decode())
    return scores.withColumns({"served_by": F.array(*served_by), "embedding_space": F.lit(space.name)})


def wording_of(run: Run) -> Wording:
    """How reasons are told."""
    source, language = run.config.source, run.config.language
    return Wording(
        language.reasons,
        language.window,
        language.all_time,
        currency=source.currency or "",
        minor_units=source.minor_units,
    )


def words_of(run: Run, spec: FeatureSpec) -> dict[str, dict[int, str]]:
    """Names of the codes that scores, or their reasons, may be about."""
    codes = run.store.read(run.pinned("silver.codes", made_by="refine_events"), SilverCodes)
    kinds = {"item": "item", "category": f"category_{spec.category_level}"}
    wanted = {*spec.category_vocabulary, *(code for classes in spec.heads.values() for code in classes)}
    named = codes.where(F.col("kind").isin(list(kinds.values())))
    rows = pl.DataFrame(named.toArrow()).filter(pl.col("code").is_in(list(wanted)))
    return {
        name: dict(rows.filter(pl.col("kind") == kind).select("code", "value").iter_rows())
        for name, kind in kinds.items()
    }


def _with_scores(rows: DataFrame, scores: DataFrame | None) -> DataFrame:
    """Adds the score columns; null without a model."""
    if scores is not None:
        return rows.join(scores, KEY)
    fields = from_arrow_schema(arrow_schema(UserProfiles)).fields
    missing = {field.name: F.lit(None).cast(field.dataType) for field in fields}
    return rows.withColumns({name: missing[name] for name in (*SCORE_COLUMNS, "served_by", "embedding_space")})
