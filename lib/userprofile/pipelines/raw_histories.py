"""bronze.events -> what some users did, read anew from the raw rows: what an audit compares features with."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.audit.past import EVENT_FIELDS
from userprofile.events.mapped import text_of, with_fields
from userprofile.events.parse import parsed_events
from userprofile.events.pseudonyms import pseudonym_column
from userprofile.pipelines.pseudonym import existing_key
from userprofile.pipelines.refine_entities import mapped
from userprofile.pipelines.refine_events import reading
from userprofile.pipelines.steps import Run
from userprofile.schemas.events import BronzeEvents, SilverEvents
from userprofile.tables.store import TableVersion

_ORDER_OF_FILE = 2**40  # as SilverEvents.event_order counts


def raw_histories(run: Run, *, bronze: TableVersion, events: TableVersion, users: DataFrame) -> pl.DataFrame:
    """All accepted events of the users, whenever they happened, in the columns of EVENT_FIELDS.

    `users` has one column, user_id, of pseudonyms. Whose a raw row is, when it happened and what was done is read from
    the row itself, by the mapping. silver.events only tells which rows were accepted: copies and refused rows count for
    nothing.
    """
    columns = mapped(run.config.source.events.columns)
    accepted = run.store.read(events, SilverEvents).select("event_order")
    theirs = _rows_of(run, run.store.read(bronze, BronzeEvents), users)
    order = F.col("file_number").cast("long") * _ORDER_OF_FILE + F.col("place")
    rows = accepted.join(F.broadcast(theirs.withColumn("event_order", order)), "event_order")
    parsed = parsed_events(rows, columns, reading=reading(run)).withColumn("user_id", F.col("person"))
    return pl.DataFrame(parsed.select(*EVENT_FIELDS).toArrow())


def _rows_of(run: Run, raw: DataFrame, users: DataFrame) -> DataFrame:
    """Bronze rows of the users, with `person`, their pseudonym; raw ids stay in the raw row."""
    user = mapped(run.config.source.events.columns)["user_id"]
    raw_id = F.coalesce(text_of(user), F.lit(user.fill))
    person = pseudonym_column(existing_key(Path(run.config.pseudonym_key)), kind="user")(raw_id).alias("person")
    named = with_fields(raw, [user.sql]).select("_row.*", person).drop("is_malformed")
    return named.join(F.broadcast(users.withColumnRenamed("user_id", "person")), "person")


def users_of(run: Run, rows: pl.DataFrame) -> DataFrame:
    """The users of some rows, each once, as a frame of the column user_id."""
    return run.spark.createDataFrame([(user,) for user in sorted(rows["user_id"].unique())], "user_id string")
