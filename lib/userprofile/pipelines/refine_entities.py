"""silver.items, silver.users and silver.codes: what the events speak of."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.config.mapping import Column
from userprofile.events import entities
from userprofile.events.mapped import MappedColumn
from userprofile.events.pseudonyms import pseudonym_column
from userprofile.pipelines.steps import Run
from userprofile.schemas.entities import BronzeEntities, SilverCodes, SilverItems, SilverUsers
from userprofile.schemas.events import SilverEvents
from userprofile.tables.store import TableVersion


def mapped(columns: dict[str, Column]) -> dict[str, MappedColumn]:
    """The mapping's columns as the values that transforms take."""
    return {name: MappedColumn(**column.model_dump()) for name, column in columns.items()}


def refine_items(run: Run, parsed: DataFrame, numbers: set[int], *, keep_known: bool) -> TableVersion:
    """silver.items from the catalogue's files, or from the raw rows of acceptable events where there are none.

    `numbers` are the files that these rows come from. `keep_known` items of other files, unless these rows speak of
    them and are of a later file.
    """
    source = run.config.source
    if source.items is None:
        return run.store.replace_small(SilverItems.create_empty(), "silver.items", SilverItems, where="true")
    keep_known = keep_known and not source.items.is_of_its_own and run.store.exists("silver.items")
    rows = _bronze(run, "bronze.items") if source.items.is_of_its_own else parsed.where("reason is null")
    if keep_known and numbers:
        rows = _without_items_of_later_files(run, rows, numbers)
    items = entities.silver_items(
        rows.select("file_number", "place", "raw"),
        mapped(source.items.columns),
        category_path=source.items.category_path,
        attributes=source.items.attributes,
        currency=source.currency,
        minor_units=source.minor_units,
    )
    if keep_known:
        known = run.store.read(run.store.pin("silver.items"), SilverItems)
        items = items.unionByName(known.join(items, "item_id", "left_anti"))
    return _replace(run, items, "silver.items", SilverItems)


def _without_items_of_later_files(run: Run, rows: DataFrame, numbers: set[int]) -> DataFrame:
    """Only files refined again have later ones; to the others no file of silver.events is opened for this."""
    events = run.store.read(run.store.pin("silver.events"), SilverEvents)
    later = events.where((F.col("file_number") > min(numbers)) & ~F.col("file_number").isin(sorted(numbers)))
    latest = later.groupBy("item_id").agg(F.max("file_number").alias("latest"))
    is_outlived = (rows["item_id"] == latest["item_id"]) & (latest["latest"] > rows["file_number"])
    return rows.join(latest, is_outlived, "left_anti")


def refine_users(run: Run, events: TableVersion, key: bytes) -> TableVersion:
    """silver.users: everyone declared or seen, under pseudonyms."""
    source = run.config.source
    declared = None
    if source.users is not None:
        raw = entities.declared_users(
            _bronze(run, "bronze.users"),
            mapped(source.users.columns),
            attributes=source.users.attributes,
            consent=source.users.consent,
            default_consent=source.default_consent,
        )
        declared = raw.withColumn("user_id", pseudonym_column(key, kind="user")(F.col("user_id")))
    seen = run.store.read(events, SilverEvents)
    users = entities.silver_users(seen, declared, default_consent=source.default_consent)
    return _replace(run, users, "silver.users", SilverUsers)


def refine_codes(run: Run, events: TableVersion, items: TableVersion) -> TableVersion:
    """silver.codes: words never seen before get a code; no code ever changes."""
    words = entities.words_to_code(run.store.read(items, SilverItems), run.store.read(events, SilverEvents))
    known = None
    if run.store.exists("silver.codes"):
        known = run.store.read(run.store.pin("silver.codes"), SilverCodes)
    return _replace(run, entities.with_new_codes(words, known), "silver.codes", SilverCodes)


def _bronze(run: Run, table: str) -> DataFrame:
    return run.store.read(run.store.pin(table), BronzeEntities)


def _replace(run: Run, frame: DataFrame, table: str, schema: type) -> TableVersion:
    run.store.replace(frame, table, schema)
    return run.store.pin(table)
