"""Tables of events: as received, as understood, and as refused."""

from __future__ import annotations

import dataframely as dy

from userprofile.columns import ACTIONS


def utc(*, nullable: bool = False) -> dy.Datetime:
    """A point in time: microseconds, UTC."""
    return dy.Datetime(time_unit="us", time_zone="UTC", nullable=nullable)


def raw_row() -> dy.String:
    """A raw row as received: the JSON line itself, or a JSON object of the row's fields as text."""
    return dy.String(nullable=False)


class BronzeEvents(dy.Schema):
    """bronze.events: one row per row of a source file, as received. Raw user ids live here and nowhere else."""

    file_number = dy.Int32(primary_key=True)  # 1, 2, 3 ... in order of ingestion
    place = dy.Int64(primary_key=True, min=1)  # record number in its file, header not counted
    file_id = dy.String(nullable=False)  # SHA-256 of the file's bytes
    source_file = dy.String(nullable=False)
    loaded_at = utc()
    raw = raw_row()


class SilverEvents(dy.Schema):
    """silver.events: one row per accepted event. Money is in minor units of `currency`; null is absence."""

    event_id = dy.String(primary_key=True)
    file_number = dy.Int32(nullable=False)  # with event_order, the way back to the raw row
    event_order = dy.Int64(nullable=False)  # file_number * 2**40 + place: breaks ties of event_time
    user_id = dy.String(nullable=False)  # keyed pseudonym
    item_id = dy.String(nullable=True)
    action = dy.Enum(list(ACTIONS), nullable=False)
    event_time = utc()
    arrived_at = utc(nullable=True)  # the log's own arrival time, where it has one
    order_id = dy.String(nullable=True)
    session_id = dy.String(nullable=True)
    request_id = dy.String(nullable=True)
    position = dy.Int32(nullable=True)
    quantity = dy.Int64(nullable=True, min=0)
    price = dy.Int64(nullable=True, min=0)  # of one unit
    amount = dy.Int64(nullable=True, min=0)  # of the whole row, after discount
    discount = dy.Int64(nullable=True)  # of the whole row
    currency = dy.String(nullable=True)
    query = dy.String(nullable=True)
    rating = dy.Float64(nullable=True)
    text = dy.String(nullable=True)
    sentiment = dy.Float64(nullable=True, min=-1, max=1)
    dwell_seconds = dy.Float64(nullable=True, min=0)
    channel = dy.String(nullable=True)
    device_id = dy.String(nullable=True)  # keyed pseudonym
    address_id = dy.String(nullable=True)  # keyed pseudonym
    campaign_id = dy.String(nullable=True)
    coupon_id = dy.String(nullable=True)
    propensity = dy.Float64(nullable=True, min=0, max=1)
    risk = dy.Bool(nullable=True)  # fraud, a chargeback or abuse; null where the log does not tell
    is_late = dy.Bool(nullable=False)
    is_price_outlier = dy.Bool(nullable=False)
    is_unknown_item = dy.Bool(nullable=False)
    is_bot = dy.Bool(nullable=False)


class QuarantineEvents(dy.Schema):
    """quarantine.events: one row per refused raw row, whole, with the first reason that refused it."""

    file_number = dy.Int32(primary_key=True)
    place = dy.Int64(primary_key=True)
    source_file = dy.String(nullable=False)
    reason = dy.String(nullable=False)
    raw = raw_row()


class CodedEvents(dy.Schema):
    """What is coded of events themselves: codes instead of words (silver.codes has the words). Not a table.

    `order`, `session`, `coupon` and `device` are 64-bit hashes, only good for equality.
    """

    user_id = dy.String(nullable=False)
    event_time = utc()
    known_at = utc()  # from when on a feature may rest on it: events/user_events.py
    event_order = dy.Int64(nullable=False)
    action = dy.Int8(nullable=False)  # columns.ACTION_CODE
    item = dy.Int32(nullable=True)
    quantity = dy.Int64(nullable=True)
    price = dy.Int64(nullable=True)  # of one unit
    price_band = dy.Int8(nullable=True)  # events/price_bands.py
    amount = dy.Int64(nullable=True)
    discount = dy.Int64(nullable=True)
    order = dy.Int64(nullable=True)
    session = dy.Int64(nullable=True)
    coupon = dy.Int64(nullable=True)
    device = dy.Int64(nullable=True)
    channel = dy.Int32(nullable=True)
    query = dy.String(nullable=True)  # the search term, lower case, single spaces
    rating = dy.Float64(nullable=True)
    sentiment = dy.Float64(nullable=True)
    dwell_seconds = dy.Float64(nullable=True)


class UserEvents(CodedEvents):
    """What reaches a per-user function: whole users, with codes of what their items are. Not a table.

    Further columns are codes of item attributes, `attribute_<name>`, as configured.
    """

    category_1 = dy.Int32(nullable=True)
    category_2 = dy.Int32(nullable=True)
    category_3 = dy.Int32(nullable=True)
    brand = dy.Int32(nullable=True)
    colour = dy.Int32(nullable=True)
    risk = dy.Bool(nullable=True)  # a label, no feature: what it says may have been found out long after the event


class SilverUserEvents(CodedEvents):
    """silver.user_events: silver.events as codes, whole users together: what update_features carries from day to day.

    What items are is looked up when it is read, as it is then.
    """

    bucket = dy.Int32(nullable=False)  # all users whose pseudonyms leave it as the remainder: spark/columnar.py
    is_bot = dy.Bool(nullable=False)
    loaded = dy.Int64(nullable=False)  # the version of silver.events that it was read from
