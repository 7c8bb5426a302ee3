from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from userprofile.columns import ACTIONS
from userprofile.events.user_events import Coding, item_codes
from userprofile.schemas.entities import SilverCodes
from userprofile.schemas.events import SilverEvents, UserEvents

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
NOON = dt.datetime(2024, 7, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def an_event(number, **more):
    known = {"event_order": number, "user_id": "u", "action": "view", "event_time": NOON}
    return {**dict.fromkeys(SilverEvents.column_names()), **known, **more}


ITEMS = {
    "item_id": ["1", "2", "3"],
    "category_path": [["a", "b"], ["a", "uncoded"], ["a"]],
    "brand": ["acme", None, "acme"],
    "colour": ["red", None, None],
    "attributes": [
        [{"name": "size", "value": "red"}, {"name": "style", "value": "plain"}, {"name": "style", "value": "bold"}],
        [],
        [],
    ],
}


def coding_of(*attributes):
    """Coding by the items and words above, with these item attributes."""
    codes = SilverCodes.validate(pl.DataFrame(CODES, schema=["kind", "value", "code"], orient="row"), cast=True)
    coded = item_codes(pl.DataFrame(ITEMS), codes, attributes=attributes)
    return Coding(coded, codes.filter(pl.col("kind") == "channel"), arrival_lag=2 * HOUR)


@pytest.fixture
def silver():
    rows = [
        an_event(1, item_id="1", action=ACTIONS[-1], quantity=2, amount=500, discount=0, order_id="o", session_id="s"),
        an_event(2, item_id="2", order_id="o", coupon_id="o", arrived_at=NOON + 3 * HOUR),
        an_event(3, item_id="off the catalogue", is_bot=True, arrived_at=NOON + HOUR, channel="app"),
        an_event(4, item_id=None, action=ACTIONS[0], query="  Red   SHOE "),
        an_event(5, item_id="3", channel="fax", price=500),
    ]
    types = {**SilverEvents.create_empty().schema, "action": pl.String}
    return pl.DataFrame(rows, schema=types)


def test_every_event_travels_with_codes_instead_of_words(silver):
    coding = coding_of()
    coded = coding(silver, coding.columns())
    assert coded.schema == {name: UserEvents.create_empty().schema[name] for name in coded.columns}
    assert sorted(coded.columns) == sorted(UserEvents.column_names())
    found = coded.sort("event_order").to_dicts()
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


def test_an_attribute_that_is_configured_is_coded_by_its_first_value(silver):
    styled = coding_of("style")(silver, ["event_order", "attribute_style"]).sort("event_order")
    assert styled["attribute_style"].to_list() == [60, None, None, None, None]


def test_of_silver_only_what_the_wanted_columns_are_made_of_is_read(silver):
    coding = coding_of()
    for wanted in (["known_at", "action"], ["category_2", "order"]):
        read = coding.reads(wanted)
        assert coding(silver.select(read), wanted).equals(coding(silver, coding.columns()).select(wanted))
    assert coding.reads(["known_at", "action"]) == ["action", "arrived_at", "event_time"]
    assert coding.reads(["category_2", "order"]) == ["item_id", "order_id"]
