from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from userprofile.pipelines import dates
from userprofile.pipelines.steps import Run
from userprofile.tables.store import TableVersion

EVENTS = TableVersion("silver.events", 0, 2)


def a_run(spark, times, reads):
    frame = spark.createDataFrame([(time,) for time in times], "event_time timestamp")
    store = SimpleNamespace(read=lambda *_: reads.append(times) or frame)
    return Run("same id", None, spark, store, datetime(2024, 1, 1, tzinfo=UTC), print)


def test_a_run_asks_for_the_range_of_a_version_once_and_no_run_gets_anothers(spark):
    first, last, later = (datetime(2024, 1, day, 12, tzinfo=UTC) for day in (1, 5, 9))
    reads = []
    one, other = a_run(spark, [first, last], reads), a_run(spark, [first, later], reads)
    assert dates.log_range(one, EVENTS) == dates.log_range(one, EVENTS) == dates.LogRange(first, last, 2)
    assert dates.log_range(other, EVENTS).last == later
    assert len(reads) == 2
