"""Logs that no shop would be proud of, through ingest, refine and features: every row is accounted for, and right."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile.events.pseudonyms import load_or_make_key, pseudonym
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events

pytestmark = pytest.mark.slow

COLUMNS = """
events:
  columns:
    user_id: who
    item_id: what
    action: did
    event_time: {sql: at, pattern: yyyy-MM-dd HH:mm:ss}
    arrived_at: {sql: seen, pattern: yyyy-MM-dd HH:mm:ss}
    price: cost
items:
  columns: {item_id: what}
  category_path: [kind]
"""
HEADER = "who,what,did,at,seen,cost,kind\n"
START = datetime(2024, 1, 1, 9)
DAY = timedelta(days=1)


def row(who, did, at, *, what="i", seen=None, cost="", kind="k"):
    return f"{who},{what},{did},{at},{seen or at},{cost},{kind}\n"


@pytest.fixture
def table(tmp_path):
    def read(name):
        folder = tmp_path / "warehouse" / "my_shop" / name.replace(".", "/")
        return pl.DataFrame(DeltaTable(folder).to_pyarrow_table())

    return read


@pytest.fixture
def features(job, log, table, shop, tmp_path):
    """Rows of a log -> its gold.user_features as of a date, and how refining them ended."""
    mapping = tmp_path / "my_shop.yaml"
    mapping.write_text(shop + COLUMNS)

    def build(rows, as_of):
        shutil.rmtree(tmp_path / "warehouse", ignore_errors=True)
        path = log(HEADER + "".join(rows))
        assert job("ingest_events", ingest_events, "--source", str(mapping), "--input", path).code == 0
        refined = job("refine_events", refine_events, "--source", str(mapping))
        assert refined.code == 0, refined.errors
        built = job("build_features", build_features, "--source", str(mapping), "--as-of", as_of)
        assert built.code == 0, built.errors
        return table("gold.user_features").sort("user_id", "as_of_date"), refined.result["metrics"]["refine_events"]

    return build


def test_long_names_great_prices_many_categories_and_a_day_without_events(compiling_spark, features, table, tmp_path):
    nobody_shorter, kinds = "u" * 10_240, 50_000
    rows = [row("reader", "view", START + number * timedelta(seconds=40), what=f"i{number}", kind=f"k{number}")
            for number in range(kinds)]  # fmt: skip
    rows += [row(nobody_shorter, "purchase", START + day * DAY, cost=10**12) for day in (0, 1, 3)]
    found, counts = features(rows, "2024-01-25")
    assert (counts["accepted"], counts["quarantined"]) == (kinds + 3, 0)
    reader, buyer = found.sort("spend_all").to_dicts()
    assert reader["distinct_category_1_all"] == kinds
    assert len(reader["category_1_affinity"]) == 10
    assert buyer["spend_all"] == 3 * 10**14
    assert (buyer["active_days_all"], buyer["active_gap_days_longest"]) == (3, 2)
    assert len(buyer["user_id"]) == len(reader["user_id"]) < 100
    logs = (tmp_path / "warehouse" / "my_shop").glob("*/*/_delta_log")
    tables = [f"{log.parts[-3]}.{log.parts[-2]}" for log in logs]
    assert [name for name in tables if nobody_shorter in table(name).write_ndjson()] == ["bronze.events"]


def a_gap():
    return [row("ann", "view", START), row("ann", "view", START + 3 * DAY)]


def a_tenth_late():
    rows = [row(f"u{number % 5}", "view", START + number * timedelta(hours=1)) for number in range(90)]
    late = [row("u0", "view", START + number * timedelta(seconds=1), seen=START + 6 * DAY) for number in range(1, 10)]
    too_late = [row("u0", "view", START, seen=START + 40 * DAY)]
    return [*rows, *late, *too_late, row("u0", "view", START + 7 * DAY)]


def two_clocks():
    """Rows of a file in any order of time, and arrivals before their events, on both sides of the date."""
    times = [START + number * timedelta(minutes=37) for number in range(120)]

    def rows(clock, seen):
        return [
            row(f"{clock}{number % 3}", ("view", "cart", "purchase")[number % 7 % 3], at, seen=at + seen, cost=number)
            for number, at in enumerate(times)
        ]

    return rows("forwards", timedelta(0)) + rows("backwards", -2 * DAY)[::-1]


def test_a_day_without_events_late_rows_and_a_clock_that_runs_backwards(features, table, tmp_path):
    """Three logs in one, for the time it takes; users are told apart by their pseudonyms."""
    log = [*a_gap(), *a_tenth_late(), *two_clocks()]
    found, counts = features(log, "2024-01-03,2024-01-04,2024-01-05,2024-01-06,2024-01-09")
    key = load_or_make_key(tmp_path / "secrets" / "pseudonym.key")

    def of(*users, days):
        named = [pseudonym(user, key=key, kind="user") for user in users]
        dates = [date(2024, 1, day) for day in days]
        rows = found.filter(pl.col("user_id").is_in(named), pl.col("as_of_date").is_in(dates))
        return rows.sort("as_of_date")

    # A day without events has a row of every user known before.
    ann = of("ann", days=(3, 4, 5))
    assert ann["days_since_view"].round(3).to_list() == [1.625, 2.625, 0.625]
    assert ann["view_count_7d"].to_list() == [1, 1, 2]

    # Late rows are flagged or kept apart, and known only when they came.
    assert (counts["in"], counts["accepted"], counts["quarantined"]) == (343, 342, 1)
    assert counts["reasons"] == {"too_late": 1}
    assert table("silver.events")["is_late"].sum() == 9
    late = of(*(f"u{number}" for number in range(5)), days=(6, 9))
    per_date = late.group_by("as_of_date", maintain_order=True).agg(pl.col("view_count_all").sum())
    assert per_date["view_count_all"].to_list() == [90, 100]

    # Three users, each once by either clock.
    clocks = of(*(f"{clock}{number}" for clock in ("forwards", "backwards") for number in range(3)), days=(3,))
    alike = Counter(map(repr, clocks.drop("user_id").rows()))
    assert list(alike.values()) == [2, 2, 2]
