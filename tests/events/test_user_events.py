from __future__ import annotations

import datetime as dt

from pyspark.sql.pandas.types import from_arrow_schema

from userprofile.columns import ACTIONS
from userprofile.events.user_events import actions, item_codes, user_events
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.events import SilverEvents, UserEvents
from userprofile.tables.expectations import require_same_schema

CODES = [
    ("item", "1", 10),
    ("item", "2", 11),
    ("item", "off the catalogue", 12),
    ("category_1", "a", 20),
    ("category_2", "a / b", 21),
    ("brand", "acme", 30),
    ("brand", "1", 31),
    ("colour", "red", 40),
    ("channel", "app", 50),
    ("attribute_style", "plain", 60),
]
SILVER = from_arrow_schema(arrow_schema(SilverEvents))
NOON = dt.datetime(2024, 7, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def an_event(number, **more):
    flags = dict.fromkeys([name for name in SILVER.names if name.startswith("is_")], False)
    known = {"event_id": str(number), "file_number": 1, "event_order": number, "user_id": "u", "action": "view"}
    row = {**dict.fromkeys(SILVER.names), **known, "event_time": NOON, **flags, **more}
    return tuple(row[name] for name in SILVER.names)


def test_every_event_travels_with_codes_instead_of_words(spark):
    items = spark.createDataFrame(
        [
            ("1", ["a", "b"], "acme", "red", [("size", "red"), ("style", "plain"), ("style", "bold")]),
            ("2", ["a", "uncoded"], None, None, []),
            ("3", ["a"], "acme", None, []),
        ],
        "item_id string, category_path array<string>, brand string, colour string,"
        " attributes array<struct<name: string, value: string>>",
    )
    codes = spark.createDataFrame(CODES, "kind string, value string, code int")
    rows = [
        an_event(1, item_id="1", action=ACTIONS[-1], quantity=2, amount=500, discount=0, order_id="o", session_id="s"),
        an_event(2, item_id="2", order_id="o", coupon_id="o", arrived_at=NOON + 3 * HOUR),
        an_event(3, item_id="off the catalogue", is_bot=True, arrived_at=NOON + HOUR, channel="app"),
        an_event(4, item_id=None, action=ACTIONS[0], query="  Red   SHOE "),
        an_event(5, item_id="3", channel="fax", price=500),
    ]
    silver = spark.createDataFrame(rows, SILVER)
    coded = user_events(silver, item_codes(items, codes), codes, arrival_lag=2 * HOUR)
    require_same_schema(
        coded.schema, from_arrow_schema(arrow_schema(UserEvents)), what="user events", nullability=False
    )
    found = [row.asDict() for row in coded.orderBy("event_order").collect()]
    words = ("item", "category_1", "category_2", "category_3", "brand")
    assert [tuple(row[name] for name in words) for row in found] == [
        (10, 20, 21, None, 30),
        (11, 20, None, None, None),
        (12, None, None, None, None),
        (None, None, None, None, None),
        (None, None, None, None, None),
    ]
    assert [row["action"] for row in found] == [len(ACTIONS) - 1, 0, 0, 0, 0]
    assert (found[0]["quantity"], found[0]["amount"], found[0]["discount"]) == (2, 500, 0)
    assert found[0]["order"] == found[1]["order"] is not None
    assert found[0]["session"] not in (None, found[0]["order"])
    assert [row["coupon"] is None for row in found] == [True, False, True, True, True]
    assert [(row["known_at"] - found[0]["known_at"]) / HOUR for row in found] == [0, 1, 0, 0, 0]
    assert [row["colour"] for row in found] == [40, None, None, None, None]
    assert [row["channel"] for row in found] == [None, None, 50, None, None]
    assert [row["price_band"] for row in found] == [None, None, None, None, 10]
    assert found[3]["query"] == "red shoe"
    alone = actions(silver, arrival_lag=2 * HOUR)
    assert sorted(alone.collect()) == sorted(coded.select("known_at", "action").collect())
    styled = user_events(silver, item_codes(items, codes, attributes=["style"]), codes)
    assert [row["attribute_style"] for row in styled.orderBy("event_order").collect()] == [60, None, None, None, None]
