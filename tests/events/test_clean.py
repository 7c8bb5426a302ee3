from __future__ import annotations

import datetime as dt
import math
import random
from collections import Counter, defaultdict

import pytest

from userprofile.events import clean
from userprofile.events.mapped import MappedColumn
from userprofile.events.parse import Reading, parsed_events

A, B, C = '{"a": 1}', '{"b": 2}', '{"c": 3}'


def with_ids(frame, repeats_are_real):
    return clean.with_event_id(frame, repeats_are_real=repeats_are_real)


def kept(frame, earlier=None):
    rows = clean.drop_duplicates(frame, earlier).select("raw", "file_number", "place").collect()
    return sorted((row["raw"], row["file_number"], row["place"]) for row in rows)


def test_event_ids_do_not_depend_on_the_order_of_rows_or_on_other_files(raw_rows):
    whole = with_ids(raw_rows([A, B, A], [C, A]), True).collect()
    shuffled = with_ids(raw_rows([A, B, A]).orderBy("raw"), True).collect()
    elsewhere = with_ids(raw_rows([C], [B, A, C, A]).where("file_number = 2"), True).collect()
    ids = {(row["file_number"], row["place"]): row["event_id"] for row in whole}
    assert {(1, row["place"]): row["event_id"] for row in shuffled} == {key: ids[key] for key in ids if key[0] == 1}
    of_row = defaultdict(set)
    for row in [*whole, *shuffled, *elsewhere]:
        of_row[row["raw"]].add(row["event_id"])
    assert {raw: len(found) for raw, found in of_row.items()} == {A: 2, B: 1, C: 1}
    assert len(set().union(*of_row.values())) == 4


def test_events_are_ordered_by_file_then_place(raw_rows):
    rows = with_ids(raw_rows([A, B], [C]), False).orderBy("event_order").collect()
    assert [row["raw"] for row in rows] == [A, B, C]
    assert [row["event_order"] for row in rows] == [2**40 + 1, 2**40 + 2, 2 * 2**40 + 1]


def test_repeats_are_events_where_they_are_real_and_overlapping_exports_count_once(raw_rows):
    rows = raw_rows([A, B, A], [A, C, A, A])
    assert kept(with_ids(rows, True)) == [(A, 1, 1), (A, 1, 3), (A, 2, 4), (B, 1, 2), (C, 2, 2)]


def test_repeats_collapse_to_the_first_where_they_are_duplicates(raw_rows):
    rows = raw_rows([A, B, A], [A, C, A])
    assert kept(with_ids(rows, False)) == [(A, 1, 1), (B, 1, 2), (C, 2, 2)]


def test_events_that_earlier_files_brought_are_left_out(raw_rows):
    both = with_ids(raw_rows([A, B, A], [A, C, A, A]), True).cache()
    earlier, now = both.where("file_number = 1"), both.where("file_number = 2")
    assert kept(now, earlier) == [(A, 2, 4), (C, 2, 2)]


def test_the_logs_own_event_id_is_believed(raw_rows):
    reading = Reading("UTC", None, 0, dt.date(1990, 1, 1), *[dt.timedelta(1)] * 3)
    columns = {name: MappedColumn(name) for name in ("event_id", "user_id", "action", "event_time")}
    event = {"user_id": "u", "action": "view", "event_time": "2024-07-01 10:00:00"}
    rows = raw_rows([event | {"event_id": "1", "more": more} for more in "ab"], [event | {"event_id": "2"}, event])
    parsed = parsed_events(rows, columns, reading=reading)
    accepted = with_ids(parsed.where("reason is null"), False)
    assert {row["event_id"]: row["place"] for row in clean.drop_duplicates(accepted, None).collect()} == {
        "1": 1,
        "2": 1,
    }
    [refused] = parsed.where("reason is not null").collect()
    assert (refused["file_number"], refused["place"], refused["reason"]) == (2, 2, "missing_value")


def test_unknown_items_are_flagged_and_kept(spark):
    events = spark.createDataFrame([(1, "known"), (2, "strange"), (3, None)], "n int, item_id string")
    catalogue = spark.createDataFrame([("known",), ("other",)], "item_id string")
    for given, expected in ((catalogue, [False, True, False]), (None, [False, False, False])):
        rows = clean.with_unknown_item(events, given).orderBy("n").collect()
        assert [row["is_unknown_item"] for row in rows] == expected


def lower_median(values):
    return sorted(values)[math.ceil(len(values) / 2) - 1]


def outliers(prices, robust_z):
    """Per category, by the definition, in plain Python."""
    logs = [math.log(price) for price in prices if price]
    if len(logs) < 20:
        return [False] * len(prices)
    median = lower_median(logs)
    deviation = lower_median([abs(value - median) for value in logs])
    if not deviation:
        return [False] * len(prices)
    return [bool(price) and abs(0.6745 * (math.log(price) - median) / deviation) > robust_z for price in prices]


def test_price_outliers_within_their_category(spark):
    rng = random.Random(5)
    prices = {
        "shirts": [round(rng.lognormvariate(7, 0.3)) for _ in range(60)] + [1, 90_000, 0, None],
        "yachts": [round(rng.lognormvariate(16, 0.5)) for _ in range(25)] + [2_000, 0],
        "stamps": [100] * 30 + [9_000],
        "rare": [10] * 10 + [20] * 8 + [10**6],
        "": [round(rng.lognormvariate(5, 1)) for _ in range(21)] + [10**9],
    }
    events = [(f"{category} 1", price) for category, found in prices.items() for price in found]
    frame = spark.createDataFrame(
        [(number, item, price) for number, (item, price) in enumerate(events)], "n int, item_id string, price long"
    )
    categories = spark.createDataFrame(
        [(f"{name} 1", name) for name in prices if name], "item_id string, category string"
    )
    spread = clean.price_spread(frame, categories)
    judged = clean.with_price_outlier(frame, categories, spread, robust_z=4.0).orderBy("n").collect()
    expected = [flag for found in prices.values() for flag in outliers(found, 4.0)]
    assert [(row["item_id"], row["price"]) for row in judged] == events
    assert [row["is_price_outlier"] for row in judged] == expected
    assert {events[n][1] for n, flag in enumerate(expected) if flag} >= {1, 90_000, 2_000, 10**9}
    assert judged[0].asDict().keys() == {"n", "item_id", "price", "is_price_outlier"}


@pytest.mark.parametrize("limit", [3, 4])
def test_bots_browse_more_in_some_hour_than_a_person_can(spark, limit):
    hour, minute = dt.datetime(2024, 7, 1, 10), dt.timedelta(minutes=1)
    log = {
        "bot": ("view", [hour + 10 * n * minute for n in range(4)] + [hour + 60 * 24 * minute]),
        "over two hours": ("view", [hour + (45 + 10 * n) * minute for n in range(4)]),
        "buyer": ("purchase", [hour + n * minute for n in range(9)]),
    }
    rows = [(user, action, time) for user, (action, times) in log.items() for time in times]
    rows += [("mixed", action, hour) for action in ("view", "search", "click", "view")]
    rows += [("shown much", "exposure", hour)] * 9 + [("bot", "purchase", hour)]
    events = spark.createDataFrame(rows, "user_id string, action string, event_time timestamp")
    flagged = clean.with_bot(events, clean.bots(events, events_per_hour=limit)).collect()
    hourly = Counter(
        (user, time.replace(minute=0)) for user, action, time in rows if action in {"view", "search", "click"}
    )
    expected = {user for (user, _), count in hourly.items() if count > limit}
    assert expected == ({"bot", "mixed"} if limit == 3 else set())
    assert len(flagged) == len(rows)
    assert all(row["is_bot"] == (row["user_id"] in expected) for row in flagged)
