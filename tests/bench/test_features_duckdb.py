"""DuckDB's way to the fifty columns, value by value against the library's, on a small log; without Spark."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.events import UserEvents
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import AsOf


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import features_job

    return features_job


def test_fifty_columns_of_the_library(job: ModuleType) -> None:
    assert job.fifty_columns().names == list(job.FIFTY)
    assert len(set(job.FIFTY)) == 50


def test_only_columns_that_are_read_are_shuffled(job: ModuleType) -> None:
    read = job.columns_read(job.fifty_columns())
    assert {"user_id", "event_time", "known_at", "event_order", "action", "item", "brand", "amount", "order"} <= set(
        read
    )
    assert not {"query", "price", "dwell_seconds", "session"} & set(read)
    assert set(read) <= set(job.columns_read(job.whole_catalogue())) <= set(UserEvents.columns())


def on_edges(events: pl.DataFrame, as_of: AsOf) -> pl.DataFrame:
    """Some events exactly where a window begins, and as many a microsecond before."""
    place = pl.int_range(pl.len())
    edges = [as_of.instant - timedelta(days=days, microseconds=early) for days in (0, 7, 30, 90) for early in (0, 1)]
    moved = pl.col("event_time")
    for number, edge in enumerate(edges):
        moved = pl.when(place % 50 == number).then(pl.lit(edge, dtype=pl.Datetime("us", "UTC"))).otherwise(moved)
    lag = pl.col("known_at") - pl.col("event_time")
    return events.with_columns(event_time=moved, known_at=moved + lag)


@pytest.mark.parametrize("date", [0, 3])
def test_duckdb_and_the_library_agree(job: ModuleType, tmp_path: Path, date: int) -> None:
    pytest.importorskip("duckdb")
    import features_duckdb
    import features_shop
    from features_compare import differences
    from features_log import Log, drawn

    (tmp_path / "log").mkdir()
    wanted, as_of = job.fifty_columns(), job.AS_OFS[date]
    events = on_edges(drawn(Log(events=6_000, users=120, late=0.2), 0), as_of)
    events.write_parquet(tmp_path / "log" / "part.parquet")
    engine = job.Engine([as_of], wanted, job.LAST_EVENTS, PopulationStatistics.create_empty(), features_shop.names())
    for name in ("ours", "DuckDB"):
        (tmp_path / name).mkdir()
    ours = engine(events.select(job.columns_read(wanted)))
    ours.select(arrow_schema(engine.schema()).names).write_parquet(tmp_path / "ours" / "rows.parquet")
    assert features_duckdb.run(tmp_path / "log", tmp_path / "DuckDB" / "rows.parquet", as_of) > 0
    assert list(differences(tmp_path / "ours", tmp_path / "DuckDB", on=as_of.date)) == []
    assert ours.height > 100
    assert ours["sequence_item"].list.len().max() == job.LAST_EVENTS
    assert ours.select(pl.col("category_2_affinity").list.len().max()).item() == job.TOP
