"""bronze -> silver.events, silver.items, silver.users, silver.codes and quarantine.events."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.columns import Reason
from userprofile.config.load import config_version
from userprofile.errors import DataGateError, UsageError
from userprofile.events import clean
from userprofile.events.parse import Reading, parsed_events
from userprofile.events.pseudonyms import load_or_make_key, pseudonym_column
from userprofile.events.sentiment import sentiment
from userprofile.pipelines.refine_entities import mapped, refine_codes, refine_items, refine_users
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.schemas.entities import SilverItems
from userprofile.schemas.events import BronzeEvents, QuarantineEvents, SilverEvents
from userprofile.tables.store import TableVersion
from userprofile.versions import code_version

SECTIONS = ["source", "refine_events"]
ACCEPTABLE, DROPPED = "acceptable", "without_user_dropped"
_OUTLIER_LEVELS = 2  # of the category path: deeper ones hold too few prices to know their spread
_PSEUDONYMS = {"user_id": "user", "device_id": "device", "address_id": "address"}


def refine_events(run: Run) -> Step:
    """Refine the files that have not been; all of them where mapping, checks or code changed since."""
    bronze = [run.pinned("bronze.events", made_by="ingest_events")]
    for table in ("bronze.items", "bronze.users"):
        if run.store.exists(table):
            bronze.append(run.store.pin(table))
    work = partial(_refine, run, bronze)
    return run.step("refine_events", work, inputs=bronze, sections=SECTIONS)


def replay_quarantine(run: Run) -> Step:
    """Refine once more, by the present mapping, the files that have rows in quarantine."""
    bronze = [run.pinned("bronze.events", made_by="ingest_events")]
    quarantine = run.pinned("quarantine.events", made_by="refine_events")
    numbers = _file_numbers(run.store.read(quarantine, QuarantineEvents))
    work = partial(_refine_files, run, bronze, numbers)
    # Without what is in quarantine: what one replay leaves there, the next need not try again.
    return run.step("replay_quarantine", work, inputs=bronze, sections=SECTIONS)


def _refine(run: Run, bronze: Sequence[TableVersion]) -> Outcome:
    numbers = _file_numbers(run.store.read(bronze[0], BronzeEvents))
    refined = set() if run.force else _refined_before(run)
    return _refine_files(run, bronze, numbers - refined, everything=not refined)


def _refined_before(run: Run) -> set[int]:
    """Files that the last refining knew; none where mapping, checks or code have changed since."""
    now = (config_version(run.config, *SECTIONS), code_version())
    last, latest = run.last("refine_events"), run.last("refine_events", "replay_quarantine")
    if last is None or any((row["config_version"], row["code_version"]) != now for row in (last, latest) if row):
        return set()
    version = next(pinned["version"] for pinned in last["inputs"] if pinned["table"] == "bronze.events")
    return _file_numbers(run.store.read(TableVersion("bronze.events", version, 0), BronzeEvents))


def _refine_files(run: Run, bronze: Sequence[TableVersion], numbers: set[int], *, everything: bool = False) -> Outcome:
    raw = run.store.read(bronze[0], BronzeEvents).where(F.col("file_number").isin(sorted(numbers)))
    # A file that cannot be split left one partition, which one core would have to parse alone.
    raw = raw.repartition(max(raw.rdd.getNumPartitions(), run.spark.sparkContext.defaultParallelism), "place")
    rows = raw.count()
    key = _key(run)
    parsed = _parsed(run, raw, key).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        counts = _counts(parsed)
        _require_all(rows, counts)
        if numbers or not run.store.exists("silver.events"):
            _require_gate(run, counts)
        items = refine_items(run, parsed, numbers, keep_known=not everything)
        where = f"file_number in ({', '.join(map(str, sorted(numbers))) or 'null'})"
        accepted = _accepted(run, parsed, numbers, items)
        written = run.store.replace(accepted, "silver.events", SilverEvents, where=where).rows
        refused = parsed.where(F.col("reason").isNotNull() & (F.col("reason") != DROPPED)).select(
            "file_number", "place", "source_file", "reason", "raw"
        )
        quarantined = run.store.replace(refused, "quarantine.events", QuarantineEvents, where=where).rows
    finally:
        parsed.unpersist()
    metrics = _balance(counts, written, quarantined)
    events = run.store.pin("silver.events")
    outputs = [
        events,
        run.store.pin("quarantine.events"),
        items,
        refine_codes(run, events, items),
        refine_users(run, events, key),
    ]
    return Outcome(outputs, metrics)


def _parsed(run: Run, raw: DataFrame, key: bytes) -> DataFrame:
    source = run.config.source
    parsed = parsed_events(raw, mapped(source.events.columns), reading=reading(run))
    if source.row_without_user == "count_and_drop":
        dropped = F.col("reason") == Reason.MISSING_USER.value
        parsed = parsed.withColumn("reason", F.when(dropped, F.lit(DROPPED)).otherwise(F.col("reason")))
    if source.text_language and "sentiment" not in source.events.columns:
        parsed = parsed.withColumn("sentiment", sentiment(F.col("text")))
    named = {name: kind for name, kind in _PSEUDONYMS.items() if name in source.events.columns}
    return parsed.withColumns({name: pseudonym_column(key, kind=kind)(F.col(name)) for name, kind in named.items()})


def reading(run: Run) -> Reading:
    """How this log's text is read."""
    source, checks = run.config.source, run.config.refine_events
    return Reading(
        source.timezone, source.currency, source.minor_units, checks.earliest_date,
        checks.future_tolerance, checks.late_after, checks.allowed_lateness,
    )  # fmt: skip


def _accepted(run: Run, parsed: DataFrame, numbers: set[int], items: TableVersion) -> DataFrame:
    checks, source = run.config.refine_events, run.config.source
    earlier = None
    if run.store.exists("silver.events"):
        whole = run.store.read(run.store.pin("silver.events"), SilverEvents)
        earlier = whole.where(~F.col("file_number").isin(sorted(numbers)))
    catalogue = run.store.read(items, SilverItems)
    has_catalogue = source.items is not None and source.items.is_of_its_own
    category = F.array_join(F.slice("category_path", 1, _OUTLIER_LEVELS), " / ").alias("category")
    categories = catalogue.select("item_id", category)
    acceptable = parsed.where("reason is null")
    bots = clean.bots(acceptable, events_per_hour=checks.bot_events_per_hour)
    prices = acceptable.select("item_id", "price")
    if earlier is not None:
        bots = bots.union(earlier.where("is_bot").select("user_id")).distinct()
        prices = prices.union(earlier.select("item_id", "price"))
    return (
        acceptable.transform(clean.with_event_id, repeats_are_real=source.exact_repeats == "real")
        .transform(clean.drop_duplicates, earlier)
        .transform(clean.with_unknown_item, catalogue if has_catalogue else None)
        .transform(
            clean.with_price_outlier,
            categories,
            clean.price_spread(prices, categories),
            robust_z=checks.outlier_robust_z,
        )
        .transform(clean.with_bot, bots)
        .select(*SilverEvents.column_names())
    )


def _key(run: Run) -> bytes:
    """The pseudonym key; only made where no user has a pseudonym yet."""
    path = Path(run.config.pseudonym_key).expanduser()
    if not path.exists() and run.store.exists("silver.events"):
        raise UsageError(
            f"the pseudonym key {path} is missing, and silver.events has pseudonyms made with it",
            expected="the key file that the first run made",
            received="no file: with a new key every user would be another one",
            fix="bring the file back, or set pseudonym_key; or start a new warehouse",
        )
    return load_or_make_key(path)


def _require_all(rows: int, counts: dict[str, int]) -> None:
    """Raises AssertionError unless every raw row has come to exactly one end."""
    ends = sum(counts.get(name, 0) for name in (ACCEPTABLE, DROPPED, *Reason))
    if ends != rows:
        raise AssertionError(f"{rows} raw rows, but {ends} judged")


def _counts(parsed: DataFrame) -> dict[str, int]:
    """Rows per reason ("accepted" where there is none), and filled values per column as `filled_<column>`."""
    reasons = parsed.groupBy(F.coalesce("reason", F.lit(ACCEPTABLE)).alias("name")).count()
    filled = (
        parsed.select(F.explode("filled").alias("name"))
        .groupBy(F.concat(F.lit("filled_"), "name").alias("name"))
        .count()
    )
    return {row["name"]: row["count"] for row in reasons.union(filled).collect()}


def _require_gate(run: Run, counts: dict[str, int]) -> None:
    quarantined = sum(counts.get(reason, 0) for reason in Reason)
    rows = quarantined + counts.get(ACCEPTABLE, 0)
    allowed = run.config.refine_events.max_quarantined_share
    reasons = ", ".join(f"{counts[reason]:,} {reason}" for reason in Reason if counts.get(reason))
    if rows and quarantined > allowed * rows:
        raise DataGateError(
            f"{quarantined:,} of {rows:,} rows would be quarantined; nothing was written",
            expected=f"at most {allowed:.0%}",
            received=f"{quarantined / rows:.1%}: {reasons}",
            fix="mend the mapping or the file, or raise refine_events.max_quarantined_share with --set",
        )
    if not counts.get(ACCEPTABLE):
        raise DataGateError(
            "no row is left",
            expected="at least one event",
            received=reasons or f"{counts.get(DROPPED, 0)} rows, none of which names a user",
            fix="check the file, and the mapping of user_id",
        )


def _balance(counts: dict[str, int], accepted: int, quarantined: int) -> dict[str, Any]:
    """in = accepted + duplicate + quarantined, over rows that name a user or are quarantined for naming none."""
    acceptable = counts.get(ACCEPTABLE, 0)
    refused = {reason.value: counts[reason] for reason in Reason if counts.get(reason)}
    duplicates = acceptable - accepted
    rows = acceptable + sum(refused.values())
    if duplicates < 0 or rows != accepted + duplicates + quarantined:
        raise AssertionError(f"{rows} in, but {accepted} accepted + {duplicates} duplicate + {quarantined} quarantined")
    filled = {name: count for name, count in counts.items() if name.startswith("filled_")}
    dropped = {"without_user_dropped": counts[DROPPED]} if counts.get(DROPPED) else {}
    balance = {"in": rows, "accepted": accepted, "duplicate": duplicates, "quarantined": quarantined}
    return {**balance, **dropped, **filled, "reasons": refused}


def _file_numbers(frame: DataFrame) -> set[int]:
    return {row["file_number"] for row in frame.select("file_number").distinct().collect()}
