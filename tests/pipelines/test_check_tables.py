"""The gate before profiles: what is expected holds, or nothing is published."""

from __future__ import annotations

import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.build_training_set import build_training_set
from userprofile.pipelines.check_tables import check_tables
from userprofile.pipelines.checked_tables import BEFORE_PROFILES
from userprofile.pipelines.infer_profiles import infer_profiles
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events
from userprofile.pipelines.run import run_path


@pytest.fixture
def expecting(tmp_path):
    """Arguments by which something is expected of a table."""

    def arguments(table: str, text: str) -> list[str]:
        path = tmp_path / "expected.yaml"
        path.write_text(f"check_tables: {{tables: {{{table}: {text}}}}}")
        return ["--conf", str(path)]

    return arguments


def rows_of(tmp_path, name: str) -> pl.DataFrame:
    return pl.DataFrame(DeltaTable(tmp_path / "warehouse" / "my_shop" / name).to_pyarrow_table())


@pytest.mark.slow
def test_profiles_that_are_not_as_expected_leave_the_last_ones_in_place(job, refined, expecting, tmp_path):
    assert job("build_features", build_features, "--source", refined).code == 0
    good = job("infer_profiles", infer_profiles, "--source", refined)
    assert good.code == 0, good.errors
    before = DeltaTable(tmp_path / "warehouse" / "my_shop" / "gold" / "user_profiles").version()

    impossible = expecting("gold.user_profiles", "{columns: {orders_all: {most: 0}}}")
    ended = job("infer_profiles", infer_profiles, "--source", refined, *impossible)
    assert ended.code == 3
    assert "gold.user_profiles as of 2024-01-21 is not as expected" in ended.errors
    assert "orders_all: most 1, expected at most 0" in ended.errors
    assert DeltaTable(tmp_path / "warehouse" / "my_shop" / "gold" / "user_profiles").version() == before

    told = rows_of(tmp_path, "ops/checks").filter(pl.col("check") == "gold.user_profiles")
    assert told.filter(~pl.col("passed"))["subject"].to_list() == ["orders_all"]
    assert rows_of(tmp_path, "ops/failures")["step"].to_list() == ["infer_profiles"]

    again = job("infer_profiles", infer_profiles, "--source", refined)
    assert again.code == 0
    assert again.result["steps"] == {"infer_profiles": 0.0}


def test_a_date_with_more_users_than_usual_is_stopped_where_that_is_expected(job, refined, expecting):
    before, now = "2024-01-02", "2024-01-21"  # one user, then two
    for day in (before, now):
        assert job("build_features", build_features, "--source", refined, "--as-of", day).code == 0
    first = job("check_tables", check_tables, "--source", refined, "--as-of", before)
    assert first.code == 0, first.errors
    assert first.result["metrics"]["check_tables"]["tables"] == 2
    grown = job("check_tables", check_tables, "--source", refined, "--as-of", now)
    assert grown.code == 0, grown.errors
    limited = expecting("gold.user_features", "{more: 0.5}")
    stopped = job("check_tables", check_tables, "--source", refined, "--as-of", now, *limited)
    assert (stopped.code, "rows: more 2, expected at most 1.5" in stopped.errors) == (3, True)


@pytest.mark.slow
def test_events_that_are_of_another_kind_than_before_are_stopped_where_that_is_expected(
    job, mapping, log, header, expecting, tmp_path
):
    days = [f"2024-01-{day:02d} 10:00" for day in range(1, 21)]
    rows = [f"u{user},i1,{'view' if day < days[10] else 'cart'},{day},1.00\n" for day in days for user in range(30)]
    assert job("ingest_events", ingest_events, "--source", mapping, "--input", log(header + "".join(rows))).code == 0
    for pipeline in (refine_events, build_features):
        assert job(pipeline.__name__, pipeline, "--source", mapping).code == 0
    expected = expecting("silver.events", "{columns: {action: {drift: 1.0}, price: {drift: 1.0}}}")
    for length, code in ((5, 0), (10, 3)):
        ended = job(
            "check_tables", check_tables, "--source", mapping, *expected, "--set", f"check_tables.days={length}"
        )
        assert ended.code == code, ended.errors
        told = rows_of(tmp_path, "ops/checks").filter(pl.col("check") == "silver.events", pl.col("measure") == "drift")
        assert dict(told.select("subject", "passed").iter_rows()) == {"action": not code, "price": True}


@pytest.mark.slow
def test_a_feed_that_stalls_publishes_nothing_although_rows_only_grow(job, mapping, log, header, expecting, tmp_path):
    """A hundred events a week, then one a day: more than ever in all, and next to none of late."""

    def events_of(week: int, number: int) -> list[str]:
        days = [f"2024-01-{1 + 7 * week + place % 7:02d} 10:{place % 60:02d}" for place in range(number)]
        return [f"u{place % 30},i1,view,{day},1.00\n" for place, day in enumerate(days)]

    def taken_in(end: str, rows: list[str]):
        path = log(header + "".join(rows), f"until-{end}.csv")
        return job("run", run_path, "--source", mapping, "--input", path, "--as-of", end)

    ended = taken_in("2024-01-22", [row for week in range(3) for row in events_of(week, 100)])
    assert ended.code == 0, ended.errors
    good = rows_of(tmp_path, "gold/user_profiles")
    stalled = taken_in("2024-01-29", events_of(3, 7))
    assert (stalled.code, "rows: rows_of_7_days 7, expected at least 50" in stalled.errors) == (3, True), stalled.errors
    assert rows_of(tmp_path, "gold/user_profiles").equals(good)
    told = rows_of(tmp_path, "ops/checks").filter(pl.col("measure") == "rows_of_7_days").sort("as_of_date")
    assert told.select("value", "base_rate").rows() == [(100, None), (7, 100)]

    late, date = log(header + "".join(events_of(3, 100)), "late.csv"), ("--as-of", "2024-01-29")
    assert job("ingest_events", ingest_events, "--source", mapping, "--input", late).code == 0
    for pipeline in (refine_events, build_features, check_tables):
        ended = job(pipeline.__name__, pipeline, "--source", mapping, *date)
        assert ended.code == 0, ended.errors
    examples = expecting("gold.training_examples", "{rows: 1000000}")
    ended = job("build_training_set", build_training_set, "--source", mapping, *date, *examples)
    assert (ended.code, "gold.training_examples as of 2024-01-29 is not as expected" in ended.errors) == (3, True)


def test_any_table_that_is_there_before_profiles_is_checked_where_it_is_named(job, refined, expecting):
    assert job("build_features", build_features, "--source", refined).code == 0
    for table in BEFORE_PROFILES.keys() - {"silver.item_content"}:
        too_many = expecting(table, "{rows: 1000000, unique: true}")
        ended = job("check_tables", check_tables, "--source", refined, *too_many)
        assert (ended.code, f"{table} as of 2024-01-21 is not as expected" in ended.errors) == (3, True), ended.errors
    absent = job("check_tables", check_tables, "--source", refined, *expecting("silver.item_content", "{rows: 1}"))
    assert (absent.code, "make embed_items" in absent.errors) == (3, True)


@pytest.mark.parametrize(
    ("table", "text", "told"),
    [
        ("gold.users", "{rows: 1}", "check_tables.tables.gold.users: no such table is checked"),
        (
            "gold.user_profiles",
            "{columns: {age: {least: 0}}}",
            "gold.user_profiles.columns: the table has no such column",
        ),
        ("gold.user_profiles", "{columns: {orders_all: {nulls: 2}}}", "nulls"),
        ("silver.items", "{rows: 1, recent_rows: 0.5}", "silver.items.recent_rows: rows of the table have no time"),
        ("silver.events", "{columns: {action: {most: 2}}}", "silver.events.columns.action: no number"),
    ],
)
@pytest.mark.parametrize("pipeline", [check_tables, run_path])
def test_a_wrong_expectation_ends_a_job_before_any_work(
    job, mapping, log, good, expecting, tmp_path, pipeline, table, text, told
):
    wrong = expecting(table, text)
    ended = job(pipeline.__name__, pipeline, "--source", mapping, "--input", log(good), *wrong)
    assert (ended.code, told in ended.errors) == (2, True), ended.errors
    assert list((tmp_path / "warehouse").rglob("_delta_log")) == []
