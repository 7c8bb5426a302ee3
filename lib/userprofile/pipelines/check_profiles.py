"""Tags and affinities as of an earlier date -> ops.checks: what came true in the label window after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.errors import DataGateError
from userprofile.features.catalogue import user_features_schema
from userprofile.pipelines.build_features import features_as_of
from userprofile.pipelines.dates import label_window, latest_with_outcomes, log_range, within_log
from userprofile.pipelines.engine import category_level, feature_catalogue, names_of_codes
from userprofile.pipelines.infer_profiles import PROFILES
from userprofile.pipelines.later_outcomes import Later, bought, outcomes, purchases
from userprofile.pipelines.outcome_counts import Told, of_tagged_values, of_users, of_values
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.table_checks import CHECKS
from userprofile.pipelines.tag_rules import require_tags
from userprofile.pipelines.tagging import FOUND, values_of, with_found
from userprofile.schemas.entities import SilverItems
from userprofile.schemas.events import SilverEvents
from userprofile.schemas.gold import UserCategoryFeatures
from userprofile.schemas.ops import OpsChecks
from userprofile.schemas.profiles import UserProfiles
from userprofile.schemas.scores import SCORE_COLUMNS
from userprofile.tables.store import TableVersion
from userprofile.tags.judging import base_rate, is_below, measures, passed
from userprofile.windows import AsOf

KINDS = ("tags", "affinity")
EVERY_TAG = 1_000_000  # a profile shows fewer, but each is to be checked
AFFINITIES = ("category_1", "category_2", "category_3", "brand")


@dataclass(frozen=True)
class Inputs:
    """Pinned tables; those of features are of the date that is checked."""

    events: TableVersion
    items: TableVersion
    features: TableVersion
    categories: TableVersion
    profiles: TableVersion | None


def check_profiles(run: Run) -> Step:
    """As of AS_OF, else of the latest date whose label window is complete; the date's features are built where need be.

    Raises DataGateError where the log does not reach over the window.
    """
    require_tags(run)
    events = run.pinned("silver.events", made_by="refine_events")
    as_of = _date(run, events)
    (built,) = features_as_of(run, [as_of])
    features, categories = (built.output(f"gold.{name}") for name in ("user_features", "user_category_features"))
    profiles = run.store.pin(PROFILES) if run.store.exists(PROFILES) else None
    inputs = Inputs(events, run.pinned("silver.items", made_by="refine_events"), features, categories, profiles)
    read = [pinned for pinned in vars(inputs).values() if pinned]
    work = partial(_check, run, as_of, inputs)
    return run.step("check_profiles", work, inputs=read, sections=["source", "tags"], as_of=as_of.date)


def _date(run: Run, events: TableVersion) -> AsOf:
    log = log_range(run, events)
    latest = latest_with_outcomes(run, log)
    as_of = within_log(run, log, run.as_of or latest.date)
    if as_of > latest:
        raise DataGateError(
            f"what was said as of {as_of.date} cannot be checked: its label window is not over",
            expected=f"a date up to {latest.date}",
            received=str(as_of.date),
            fix=f"AS_OF={latest.date}, or a longer log",
        )
    return as_of


def _check(run: Run, as_of: AsOf, inputs: Inputs) -> Outcome:
    rows = _rows(run, as_of, inputs)
    events, items = run.store.read(inputs.events, SilverEvents), run.store.read(inputs.items, SilverItems)
    items = items.select("item_id", "category_path", "brand")
    later = Later(events, items, as_of, label_window(run), run.config.source.timezone)
    users = rows.select("user_id", "spend_90d" if "spend_90d" in rows.columns else F.lit(None).alias("spend_90d"))
    bought_it = purchases(later).cache()
    done = outcomes(users, later, bought_it).cache()
    number = done.count()
    found = _found(run, rows, as_of, inputs).cache()
    level = category_level(names_of_codes(run), run.config.build_features.user_category_level)
    kinds = {"category": f"category_{level}", "brand": "brand"}
    values = {kind: bought(bought_it, column) for kind, column in kinds.items()}
    tags = run.config.tags.file.on(as_of.date)
    checks = [
        *_judged("tags", of_users(tags, found, done)),
        *_judged("tags", of_tagged_values(tags, found, values, number)),
        *_judged("affinity", _affinities(rows, bought_it, number)),
    ]
    for kept in (bought_it, done, found):
        kept.unpersist()
    written = _write(run, as_of, checks)
    return Outcome([written], {"as_of_date": str(as_of.date), "users": number, **_figures(checks)})


def _figures(checks: list[dict[str, Any]]) -> dict[str, Any]:
    precise = [row for row in checks if row["measure"] == "precision"]
    tags = [row for row in precise if row["check"] == "tags"]
    below = sum(is_below(row["value"], row["base_rate"]) for row in tags)
    hits = {row["subject"]: row["value"] for row in precise if row["check"] == "affinity"}
    return {"tags": len(tags), "below_base_rate": below, **hits}


def _affinities(rows: DataFrame, purchases: DataFrame, users: int) -> Iterable[Told]:
    """That users buy what they lean to most."""
    said, did = [], []
    for kind in AFFINITIES:
        name = f"{kind}_affinity"
        # Of two kinds a value may be called the same.
        top = F.concat(F.lit(f"{kind} "), F.element_at(name, 1)["name"]).alias("value")
        said.append(rows.where(F.size(name) > 0).select("user_id", F.lit(name).alias("name"), top))
        did.append(bought(purchases, kind).withColumn("value", F.concat(F.lit(f"{kind} "), "value")))
    counted = of_values(reduce(DataFrame.union, said), reduce(DataFrame.union, did), users)
    return [(name, "buys in it", counts) for name, counts in sorted(counted.items())]


def _rows(run: Run, as_of: AsOf, inputs: Inputs) -> DataFrame:
    """gold.user_features of the date, with scores where the date has profiles."""
    schema = user_features_schema(feature_catalogue(run.config.build_features, run.config.source.timezone))
    of_date = F.col("as_of_date") == F.lit(as_of.date)
    rows = run.store.read(inputs.features, schema).where(of_date)
    if inputs.profiles is None:
        return rows
    scored = run.store.read(inputs.profiles, UserProfiles).where(of_date)
    last = scored.groupBy("model_version").agg(F.max("scored_at").alias("at")).orderBy(F.desc("at")).first()
    if last is None:
        return rows
    scores = scored.where(F.col("model_version") == last["model_version"]).select("user_id", *SCORE_COLUMNS)
    return rows.join(scores, "user_id", "left")


def _found(run: Run, rows: DataFrame, as_of: AsOf, inputs: Inputs) -> DataFrame:
    """`user_id`, `name` and `value` of every tag that holds."""
    categories = run.store.read(inputs.categories, UserCategoryFeatures).where(F.col("as_of_date") == F.lit(as_of.date))
    settings = run.config.tags.model_copy(update={"most": EVERY_TAG})
    tagged = with_found(rows, values_of(rows, categories), settings=settings, as_of=as_of.date)
    return tagged.select("user_id", F.inline(FOUND)).select("user_id", "name", "value")


def _judged(check: str, told: Iterable[Told]) -> list[dict[str, Any]]:
    return [
        {
            "check": check,
            "subject": subject,
            "base_rate": base_rate(counts),
            "rows": counts.said,
            "passed": passed(counts),
            "expects": expects,
            **vars(one),
        }
        for subject, expects, counts in told
        for one in measures(counts)
    ]


def _write(run: Run, as_of: AsOf, checks: list[dict[str, Any]]) -> TableVersion:
    told = {"run_id": run.run_id, "as_of_date": as_of.date, "checked_at": run.started_at}
    rows = OpsChecks.validate(pl.DataFrame([{**row, **told} for row in checks], infer_schema_length=None), cast=True)
    where = f"as_of_date = date'{as_of.date}' and `check` in {KINDS}"
    return run.store.replace_small(rows, CHECKS, OpsChecks, where=where)
