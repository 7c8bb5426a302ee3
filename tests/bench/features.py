"""make bench-features: the feature engine against DuckDB and plain PySpark SQL, and against itself on larger logs.

The log is that of features_log.py, 50 events a user. All engines write Parquet; what they wrote is compared value by
value before any ratio counts. A round runs everything once; figures are medians over rounds, of ratios within a round.
Daily updates are measured by the real jobs, on tables of a quarter of the log. SMALL=1: a tenth of all, one round.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from statistics import median

import features_job as job
from features_compare import require_same
from features_cost import Cost, keep_cost
from features_daily import Taken as Days
from features_daily import daily_rounds
from features_log import Log
from features_memory import DRIVER, JVM, WORKER
from features_runs import BUILD, CORES, Taken, result, say, size_run, speed_round
from measure import Measure, is_small, publish

SIZES = (500_000, 2_000_000) if is_small() else (5_000_000, 20_000_000, 80_000_000)
EVENTS = SIZES[1]
EVENTS_PER_USER = 50
EVENTS_PER_PARTITION = EVENTS // 20  # in runs of several sizes, so that SMALL has partitions of a tenth too
ROUNDS = 1 if is_small() else 3
COMMAND = "make bench-features SMALL=1" if is_small() else "make bench-features"
SKEWED = Log(EVENTS, EVENTS // EVENTS_PER_USER, of_one_user=EVENTS // 4)
# As many events a user as in the cost model: 10 billion of 500 million users.
SPARSE = Log(EVENTS, EVENTS // 20)

# A quarter, since tables of codes and words take long to write; as many users, and as many events a day.
DAILY = {days: Log(EVENTS // 4 * days // 180, EVENTS // 4 // EVENTS_PER_USER, days=days) for days in (90, 180, 720)}

Seconds = list[dict[str, float]]
Sizes = list[dict[Log, Taken]]


def main() -> int:
    """Exit code 1 where a must is missed; DifferentResultsError where engines disagree."""
    logs = [Log(events, events // EVENTS_PER_USER) for events in SIZES]
    speeds, sizes = [], []
    for number in range(ROUNDS):
        say(f"round {number + 1} of {ROUNDS}: three engines on {EVENTS:,} events ...")
        speeds.append(speed_round(logs[1]))
        if number == 0:
            require_same_results()
    for number in range(ROUNDS):
        say(f"round {number + 1} of {ROUNDS}: {len(SIZES)} sizes, and a user with {SKEWED.of_one_user:,} events ...")
        runs = (*logs, SKEWED, SPARSE)
        sizes.append({log: size_run(log, events_per_partition=EVENTS_PER_PARTITION) for log in runs})
    shutil.rmtree(BUILD / "results")
    say(f"daily updates, {ROUNDS} days of each log: {', '.join(map(str, DAILY))} days ...")
    daily = {days: daily_rounds(log, days=ROUNDS, rebuild=days == 180) for days, log in DAILY.items()}
    cost = Cost.of([taken[SPARSE] for taken in sizes], SPARSE, cores=CORES)
    measures = [*of_speed(speeds), *of_sizes(sizes, logs), *of_skew(sizes, logs[1]), *of_memory(sizes, logs[1])]
    measures += of_days(daily)
    measures += [Measure(name, value, unit, command=COMMAND) for name, value, unit in cost.figures()]
    if not is_small():
        keep_cost(cost)
    return publish("features", measures)


def require_same_results() -> None:
    """Of one date: all three engines; of each of the eight: one pass and a DuckDB run."""
    say("comparing what they wrote ...")
    require_same(result("ours"), result("PySpark"), on=job.AS_OF.date)
    require_same(result("ours"), result(f"DuckDB_{job.AS_OF.date}"), on=job.AS_OF.date)
    for as_of in job.AS_OFS:
        require_same(result("ours, 8 dates"), result(f"DuckDB_{as_of.date}"), on=as_of.date)


def of_speed(rounds: Seconds) -> Iterator[Measure]:
    """Engine against engine."""
    columns = len(job.whole_catalogue().names)
    for name, upper, lower, must, aim in (
        ("50 columns: ours / DuckDB", "ours", "DuckDB", "<= 1.15", "<= 0.95"),
        ("50 columns: plain PySpark SQL / ours", "PySpark", "ours", ">= 3.0", ">= 4.0"),
        ("8 as-of dates in one pass / 8 DuckDB runs", "ours, 8 dates", "DuckDB, 8 runs", "<= 0.45", "<= 0.30"),
        (
            f"labels to the features of their time, {in_millions(EVENTS // 20, 'labels')}: ours / DuckDB ASOF",
            "ours, labels",
            "DuckDB, labels",
            "<= 1.2",
            "<= 1.0",
        ),
        (f"whole catalogue, {columns} columns / 50 columns", "whole catalogue", "ours", "<= 2.5", "<= 1.8"),
    ):
        value = median(seconds[upper] / seconds[lower] for seconds in rounds)
        yield Measure(name, value, "times", must, aim, COMMAND)
    for what in rounds[0]:
        yield Measure(f"{what}, {in_millions(EVENTS)}", median(one[what] for one in rounds), "s", command=COMMAND)


def of_sizes(rounds: Sizes, logs: list[Log]) -> Iterator[Measure]:
    """Each larger log against the smallest: seconds per event, and the largest worker."""
    smallest = logs[0]
    for log in logs[1:]:
        against = f"{in_millions(log.events)} against {in_millions(smallest.events)}"
        growth = log.events / smallest.events
        time = median(taken[log].seconds / taken[smallest].seconds / growth for taken in rounds)
        memory = median(taken[log].mebibytes[WORKER] / taken[smallest].mebibytes[WORKER] for taken in rounds)
        yield Measure(f"time per event, {against}", time, "times", "<= 1.1", "<= 1.0", COMMAND)
        yield Measure(f"peak memory of a worker, {against}", memory, "times", "<= 1.2", "<= 1.0", COMMAND)


def of_skew(rounds: Sizes, even: Log) -> Iterator[Measure]:
    """A log of as many events, a quarter of them one user's, against the even one."""
    share = f"{in_millions(SKEWED.of_one_user)} of {in_millions(even.events)} are one user's"
    time = median(taken[SKEWED].seconds / taken[even].seconds for taken in rounds)
    memory = median(taken[SKEWED].mebibytes[WORKER] / taken[even].mebibytes[WORKER] for taken in rounds)
    yield Measure(f"time where {share}", time, "times", "<= 1.25", "<= 1.1", COMMAND)
    yield Measure(f"peak memory of a worker where {share}", memory, "times", "<= 1.25", "<= 1.1", COMMAND)


def of_memory(rounds: Sizes, log: Log) -> Iterator[Measure]:
    """The largest process of each kind; driver and executor are one JVM here."""
    for kind in (WORKER, JVM, DRIVER):
        value = median(taken[log].mebibytes[kind] for taken in rounds)
        yield Measure(f"peak memory, {kind}, {in_millions(log.events)}", value, "MiB", command=COMMAND)


def of_days(rounds: dict[int, list[Days]]) -> Iterator[Measure]:
    """A day's update against a rebuild of the same date, and against that of a shorter history."""
    against_rebuild = median(taken.update / taken.rebuild for taken in rounds[180] if taken.rebuild)
    yield Measure("daily update / rebuild, 180 days", against_rebuild, "times", "<= 0.25", "<= 0.10", COMMAND)
    seconds = {days: median(taken.update for taken in some) for days, some in rounds.items()}
    growth = seconds[720] / seconds[90]
    yield Measure("daily update, 720 days of history / 90 days", growth, "times", "<= 1.1", "<= 1.0", COMMAND)
    for days, value in seconds.items():
        yield Measure(f"daily update, {in_millions(DAILY[days].events)} of {days} days", value, "s", command=COMMAND)


def in_millions(count: int, what: str = "events") -> str:
    return f"{count / 1e6:g} M {what}"


if __name__ == "__main__":
    sys.exit(main())
