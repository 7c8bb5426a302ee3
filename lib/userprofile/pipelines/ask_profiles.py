"""A question in words -> a filter of profiles that a person can check, whom it finds, and a saved audience."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.applications.filters import Filter
from userprofile.applications.meanings import Numbers, vocabulary
from userprofile.applications.questions import Reader
from userprofile.config.load import config_version
from userprofile.errors import DataGateError, UsageError
from userprofile.features.catalogue import user_features_schema
from userprofile.pipelines.engine import category_level, feature_catalogue, names_of_codes
from userprofile.pipelines.infer_profiles import PROFILES, SECTIONS
from userprofile.pipelines.scorings import Scored, scorings
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.schemas.apps import AppsAudiences
from userprofile.schemas.ops import OpsAudiences
from userprofile.schemas.profiles import UserProfiles
from userprofile.tables.store import TableVersion

FEATURES, AUDIENCES, ASKED = "gold.user_features", "apps.audiences", "ops.audiences"
SCORES = {
    "purchase_probability": "share",
    "churn_probability": "share",
    "risk_probability": "share",
    "expected_spend": "minor units",
    "days_to_purchase": "days",
}
SHOWN = ("user_id", "tags", "days_since_purchase", "orders_all")
PROFILING = "profiling"


@dataclass(frozen=True)
class Answer:
    """Whom a question means: `users` are rows of gold.user_profiles with their features beside them."""

    question: str
    filter: Filter
    scored: Scored
    users: DataFrame

    @property
    def sql(self) -> str:
        """The filter as Spark SQL."""
        return self.filter.sql

    @property
    def words(self) -> str:
        """The filter for people."""
        return self.filter.words


def ask_profiles(run: Run) -> Step:
    """Say what was understood, how many there are and who some are; save all as an audience of AUDIENCE's name."""
    if not run.question.strip():
        raise UsageError("nothing is asked", expected="a question", fix='make ask_profiles Q="weekly shoppers"')
    name = audience_name(run.audience or _name_of(run.question))
    profiles = run.pinned(PROFILES, made_by="infer_profiles")
    parameters = {"question": run.question, "audience": name}
    work = partial(_ask, run, profiles, name)
    return run.step(
        "ask_profiles", work, inputs=[profiles], sections=["source"], parameters=parameters, as_of=run.as_of, again=True
    )


def answer(run: Run, question: str) -> Answer:
    """Of users who consented to profiling, as of AS_OF or the latest date with profiles.

    Raises UsageError for words that are not known, naming those like them.
    """
    return _answered(run, run.pinned(PROFILES, made_by="infer_profiles"), question)


def audience_name(text: str) -> str:
    """The text, where it can name an audience; raises UsageError."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", text):
        raise UsageError(
            "an audience cannot be called so",
            expected="lower case letters, digits and _, a letter first",
            received=text,
        )
    return text


def _answered(run: Run, profiles: TableVersion, question: str) -> Answer:
    asked = _reader(run).read(question)
    rows = run.store.read(profiles, UserProfiles)
    scored = scorings(run, rows)[0]
    if "tags" in asked.columns:
        _require_these_tags(run, scored)
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    schema = user_features_schema(catalogue)
    features = run.store.read(TableVersion(FEATURES, scored.features_version, 0), schema)
    of_date = features.where(F.col("as_of_date") == F.lit(scored.as_of)).drop("as_of_date")
    beside = of_date.drop(*(name for name in UserProfiles.column_names() if name != "user_id"))
    users = scored.rows(rows).where(F.array_contains("consent", PROFILING)).join(beside, "user_id")
    return Answer(question, asked, scored, users.where(F.expr(asked.sql)))


def _require_these_tags(run: Run, scored: Scored) -> None:
    """Raise DataGateError where the profiles got their tags from another file: then nobody has those asked for."""
    made = run.last("infer_profiles", as_of=scored.as_of)
    if made is not None and made["config_version"] != config_version(run.config, *SECTIONS):
        raise DataGateError(
            f"the profiles of {scored.as_of} were made with other tags",
            expected=f"those of {run.config.tags.file.path}, as it is, and of the mapping, as it is",
            received=f"configuration {made['config_version']}",
            fix=f"make infer_profiles SOURCE={run.source}, or the tags.file that they were made with",
        )


def _reader(run: Run) -> Reader:
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    features = [feature for feature in catalogue.features if feature.dtype.dtype.is_numeric()]
    counting = frozenset(feature.name for feature in features if feature.dtype.dtype.is_integer())
    numbers = Numbers({feature.name: feature.unit for feature in features} | SCORES, counting)
    codes = names_of_codes(run)
    level = category_level(codes, run.config.build_features.user_category_level)
    named = codes.filter(pl.col("kind").str.contains("^(category_[123]|brand)$"))
    names = list(named.select("kind", "value").iter_rows())
    known = vocabulary(numbers, run.config.tags.file.tags, names)
    return Reader(known, level, run.config.source.minor_units)


def _ask(run: Run, profiles: TableVersion, name: str) -> Outcome:
    found = _answered(run, profiles, run.question)
    run.say(f"understood as: {found.words}")
    run.say(f"in SQL: {found.sql}")
    members = found.users.select(F.lit(name).alias("audience"), "user_id", "as_of_date")
    of_name = f"audience = '{name}'"
    written = run.store.replace(members, AUDIENCES, AppsAudiences, where=of_name)
    saved = run.store.replace_small(_row(run, found, profiles, written, name), ASKED, OpsAudiences, where=of_name)
    for line in _sample(run, found):
        run.say(line)
    return Outcome([written, saved], {"audience": name, "users": written.rows, "as_of_date": str(found.scored.as_of)})


def _row(run: Run, found: Answer, profiles: TableVersion, written: TableVersion, name: str) -> pl.DataFrame:
    row = {
        "audience": name,
        "question": run.question,
        "sql": found.sql,
        "words": found.words,
        "as_of_date": found.scored.as_of,
        "model_version": found.scored.model_version,
        "users": written.rows,
        "profiles_version": profiles.version,
        "features_version": found.scored.features_version,
        "run_id": run.run_id,
        "asked_at": run.started_at,
    }
    return OpsAudiences.validate(pl.DataFrame([row]), cast=True)


def _sample(run: Run, found: Answer) -> list[str]:
    """The first users by pseudonym, each in a line: their tags and what the filter reads."""
    read = dict.fromkeys((*SHOWN, *(name for name in found.filter.columns if not name.endswith("affinity"))))
    rows = found.users.select(*read).orderBy("user_id").limit(run.config.ask_profiles.sample).collect()
    return [_line(row.asDict(recursive=True)) for row in rows]


def _line(row: dict[str, Any]) -> str:
    tags = ", ".join(row.pop("tags"))
    figures = (f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items())
    return f"  {'; '.join(figures).removeprefix('user_id ')}; {tags}"


def _name_of(question: str) -> str:
    """Readable, and another one for each question."""
    words = "_".join(re.findall(r"[a-z0-9]+", question.lower()))[:40].strip("_")
    return f"asked_{words}_{hashlib.sha256(question.encode()).hexdigest()[:6]}"
