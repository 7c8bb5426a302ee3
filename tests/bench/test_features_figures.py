"""From seconds and sizes to measures, the cost table, and which process is of which kind."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SECONDS = {
    "DuckDB": 10.0,
    "DuckDB, 8 runs": 80.0,
    "ours": 8.0,
    "PySpark": 40.0,
    "ours, 8 dates": 20.0,
    "ours, labels": 3.0,
    "DuckDB, labels": 4.0,
    "population": 3.0,
    "whole catalogue": 16.0,
}


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.delenv("SMALL", raising=False)
    import features

    return features


def taken(seconds: float, worker: float = 100.0) -> Any:
    from features_runs import Taken

    mebibytes = {"Python worker": worker, "JVM": 900.0, "driver": 200.0}
    return Taken(seconds, mebibytes, read=400, shuffled=800, written=3_000)


def test_ratios_are_medians_of_rounds_never_ratios_of_medians(features: ModuleType) -> None:
    rounds = [SECONDS, {**SECONDS, "ours": 16.0, "DuckDB": 16.0}, {**SECONDS, "ours": 30.0, "DuckDB": 60.0}]
    values = {one.measure: (one.value, one.must, one.aim) for one in features.of_speed(rounds)}
    assert values["50 columns: ours / DuckDB"] == (0.8, "<= 1.15", "<= 0.95")
    assert values["50 columns: plain PySpark SQL / ours"] == (2.5, ">= 3.0", ">= 4.0")
    assert values["8 as-of dates in one pass / 8 DuckDB runs"] == (0.25, "<= 0.45", "<= 0.30")
    (labels,) = (name for name in values if name.startswith("labels to the features of their time, 1 M labels"))
    assert values[labels] == (0.75, "<= 1.2", "<= 1.0")
    (whole,) = (name for name in values if name.startswith("whole catalogue, ") and "/" in name)
    assert values[whole] == (1.0, "<= 2.5", "<= 1.8")
    assert values["ours, 20 M events"] == (16.0, "", "")


def test_a_day_is_measured_against_its_own_rebuild_and_against_a_shorter_history(features: ModuleType) -> None:
    rounds = {
        days: [features.Days(seconds, 4 * seconds if days == 180 else None) for seconds in (30.0, 10.0, 20.0)]
        for days in (90, 180)
    }
    rounds[180][0] = features.Days(30.0, 60.0)
    rounds[720] = [features.Days(24.0, None)] * 3
    values = {one.measure: (one.value, one.must) for one in features.of_days(rounds)}
    assert values["daily update / rebuild, 180 days"] == (0.25, "<= 0.25")
    assert values["daily update, 720 days of history / 90 days"] == (1.2, "<= 1.1")
    assert values["daily update, 20 M events of 720 days"] == (24.0, "")


def test_growth_is_per_event_and_against_the_smallest_log(features: ModuleType) -> None:
    logs = [features.Log(events, events // 50) for events in features.SIZES]
    round_ = dict(zip(logs, (taken(10.0), taken(44.0, worker=120.0), taken(128.0, worker=90.0)), strict=True))
    values = [(one.measure, pytest.approx(one.value)) for one in features.of_sizes([round_], logs)]
    assert values == [
        ("time per event, 20 M events against 5 M events", 1.1),
        ("peak memory of a worker, 20 M events against 5 M events", 1.2),
        ("time per event, 80 M events against 5 M events", 0.8),
        ("peak memory of a worker, 80 M events against 5 M events", 0.9),
    ]


def test_skew_is_against_as_many_even_events(features: ModuleType) -> None:
    even = features.Log(features.EVENTS, features.EVENTS // features.EVENTS_PER_USER)
    assert (features.SKEWED.events, features.SKEWED.users) == (even.events, even.users)
    time, memory = features.of_skew([{even: taken(10.0), features.SKEWED: taken(12.0, worker=300.0)}], even)
    assert (time.value, time.meets(time.must)) == (1.2, True)
    assert (memory.value, memory.meets(memory.must)) == (3.0, False)


def test_the_cost_of_a_cluster_follows_from_that_of_an_event(features: ModuleType) -> None:
    from features_cost import BEGIN, END, Cost, filled

    cost = Cost.of([taken(5.0), taken(9.0), taken(6.0)], features.Log(events=100, users=5), cores=2)
    assert cost == Cost(read=4.0, shuffled=8.0, written=600.0, core_seconds=120_000.0)
    figures = {name: value for name, value, _ in cost.of_cluster()}
    assert figures["shuffled"] == pytest.approx(0.08)
    assert figures["written, one as-of date"] == pytest.approx(0.3)
    assert figures["tasks after the shuffle"] == 10_000
    assert figures["cluster time"] == pytest.approx(10_000 * 120_000 / 3600)
    page = filled(f"# Cost\n\n{BEGIN}\nold\n{END}\n\nText\n", cost)
    assert page.startswith(f"# Cost\n\n{BEGIN}\n`make bench-features`, ")
    assert "| shuffled, compressed | 8 | bytes/event | measured |" in page
    assert page.endswith(f"{END}\n\nText\n")
    assert "old" not in page
    with pytest.raises(ValueError, match="no place for the table"):
        filled("# Cost\n", cost)


def test_the_page_has_a_place_for_the_table(features: ModuleType) -> None:
    from features_cost import PAGE, Cost, filled

    assert filled(PAGE.read_text(), Cost(1.0, 1.0, 1.0, 1.0)).count("| measured |") == 4


class Process(SimpleNamespace):
    def name(self) -> str:
        return str(self.called)

    def children(self, recursive: bool = False) -> list[Process]:
        below = list(self.started)
        return [*below, *(one for child in below for one in child.children(recursive=True))] if recursive else below


def test_workers_are_the_python_below_a_jvm(features: ModuleType) -> None:
    from features_memory import by_kind

    workers = [Process(called="python3.11", started=[]) for _ in range(2)]
    daemon = Process(called="python3.11", started=workers)
    starting = Process(called="Executor task l", started=[])
    jvm, other = Process(called="java", started=[daemon, starting]), Process(called="python3.11", started=[])
    driver = Process(called="python3.11", started=[jvm, other])
    found = by_kind(driver, driver.children())
    assert found == {"driver": [driver], "JVM": [jvm], "Python worker": [daemon, *workers]}


def test_a_peak_stays_when_the_memory_is_given_back(features: ModuleType) -> None:
    from features_memory import PeakMemory

    with PeakMemory() as memory:
        before = memory.mebibytes["driver"]
        held = b"x" * (64 * 2**20)
        memory._sample()
        del held
    assert memory.mebibytes["driver"] >= before + 60


def test_partitions_are_as_large_as_the_job_makes_them(features: ModuleType) -> None:
    from features_runs import CORES, partitions_of

    assert len(os.sched_getaffinity(0)) == CORES
    assert partitions_of(20_000_001) == max(21, CORES)
    assert partitions_of(1) == CORES
