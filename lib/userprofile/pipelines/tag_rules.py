"""Rules of tags as Spark understands them: what they may read, and what is refused before any work."""

from __future__ import annotations

import difflib

import dataframely as dy
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import BooleanType, DoubleType, NumericType, StringType, StructField, StructType

from userprofile.errors import UsageError
from userprofile.features.catalogue import catalogue, user_features_schema
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.steps import Run
from userprofile.schemas.arrow import Columns, arrow_schema
from userprofile.schemas.gold import UserCategoryFeatures
from userprofile.schemas.scores import SCORE_COLUMNS, SCORES
from userprofile.tags.definition import Tag, TagFile

BRAND = ("brand", "affinity")  # what is known of a user's brand


def _fields(schema: Columns) -> list[StructField]:
    return list(from_arrow_schema(arrow_schema(schema)).fields)


# What a log configured otherwise, or a user without scores, lacks; it is then null.
USUAL = (
    *_fields(user_features_schema(catalogue(timezone="UTC"))),
    *(field for field in _fields(SCORES) if field.name in SCORE_COLUMNS),
)


def rule_columns(features: type[dy.Schema]) -> dict[str, StructType]:
    """What rules may read, of the class of gold.user_features: by `each`, "" of tags without."""
    known = {field.name: field for field in (*USUAL, *_fields(features))}
    lift = StructField("lift", DoubleType())
    brand = [StructField("brand", StringType()), StructField("affinity", DoubleType())]
    return {
        "": StructType(list(known.values())),
        "category": StructType([*_fields(UserCategoryFeatures), lift]),
        "brand": StructType([*brand, lift]),
    }


def require_tags(run: Run) -> None:
    """Raise UsageError, naming file and tag, for the first rule that Spark does not take as one on one row alone."""
    features = user_features_schema(feature_catalogue(run.config.build_features, run.config.source.timezone))
    require_rules(run.spark, run.config.tags.file, features)


def require_rules(spark: SparkSession, file: TagFile, features: type[dy.Schema]) -> None:
    """The same of a file of tags and the class of gold.user_features."""
    frames = {kind: spark.createDataFrame([], schema) for kind, schema in rule_columns(features).items()}
    for tag in file.tags:
        frame = frames[tag.each or ""]
        _require(frame, tag, file.path, "rule", BooleanType)
        if tag.each:
            _require(frame, tag, file.path, "strongest", NumericType)


def _require(frame: DataFrame, tag: Tag, path: str, key: str, kind: type) -> None:
    where, text = f"tag file {path}: tag {tag.name!r}", getattr(tag, key)
    try:
        said = frame.select(F.expr(text))
    except ParseException as error:
        raise _refused(f"{where}: {key} is no SQL", "an expression of Spark SQL", f"{text}: {_first(error)}") from error
    except AnalysisException as error:
        raise _not_understood(f"{where}: {key}", error, frame.columns) from error
    given = said.schema[0].dataType
    if not isinstance(given, kind):
        expected = "a condition, true or false" if kind is BooleanType else "a number"
        raise _refused(f"{where}: {key} gives another type", expected, f"{text}: {given.simpleString()}")
    plan = said._jdf.queryExecution().analyzed()
    words = plan.toString().lower()
    if not plan.deterministic() or any(word in words for word in ("subquery", "current_", "exists#", "aggregate")):
        raise _refused(f"{where}: {key} rests on more than the user's row", "columns of the row alone", text)


def _not_understood(what: str, error: AnalysisException, columns: list[str]) -> UsageError:
    named = (error.getMessageParameters() or {}).get("objectName", "").replace("`", "")
    if not (error.getCondition() or "").startswith("UNRESOLVED_COLUMN"):
        return _refused(f"{what} is not right", "an expression of Spark SQL over the row's columns", _first(error))
    near = difflib.get_close_matches(named, columns, n=3)
    return _refused(
        f"{what} reads a column that is not there: {named}",
        ", ".join(near) or "columns of docs/features.md, or scores of a profile",
        named,
    )


def _refused(what: str, expected: str, received: str) -> UsageError:
    return UsageError(what, expected=expected, received=received, fix="change it in the file")


def _first(error: Exception) -> str:
    """The first line of what Spark says."""
    return str(error).strip().splitlines()[0]
