from __future__ import annotations

import datetime as dt
from datetime import UTC, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import pytest

from userprofile.columns import Reason
from userprofile.events.mapped import MappedColumn
from userprofile.events.parse import Reading, parsed_events

READING = Reading(
    timezone="Europe/London",
    currency="GBP",
    minor_units=2,
    earliest_date=dt.date(1990, 1, 1),
    future_tolerance=timedelta(days=1),
    late_after=timedelta(days=1),
    allowed_lateness=timedelta(days=30),
)
COLUMNS = {
    "event_id": MappedColumn("coalesce(id, 'some')"),
    "user_id": MappedColumn("user"),
    "action": MappedColumn("what", values={"buy": "purchase", "look": "view"}),
    "event_time": MappedColumn("when"),
    "arrived_at": MappedColumn("arrived"),
    "quantity": MappedColumn("cast(Number as string)"),
    "price": MappedColumn("price"),
    "position": MappedColumn("place"),
    "rating": MappedColumn("stars"),
    "sentiment": MappedColumn("mood"),
    "propensity": MappedColumn("chance"),
    "risk": MappedColumn("verdict", values={"fraud": "true", "fine": "false"}),
    "dwell_seconds": MappedColumn("dwell"),
    "channel": MappedColumn("channel", fill="web"),
    "item_id": MappedColumn("item", required=True),
    "text": MappedColumn("cast(words as int) + 1"),
}
GOOD = {"user": "u", "what": "look", "when": "2024-07-01 10:00:00", "item": "i"}
SOON = "2024-12-02 11:59:59"
NEEDED = {name: COLUMNS[name] for name in ("user_id", "action", "event_time")}

# What is changed in a good row, and the reason expected of it.
CASES: list[tuple[dict | str, Reason | None]] = [
    ({}, None),
    ({"user": " u ", "stars": "100", "mood": "-1", "chance": "0", "dwell": "86400", "place": "-1"}, None),
    ({"what": "view", "Number": "3.0", "price": "0", "words": "no number", "channel": "shop"}, None),
    ({"when": SOON}, None),
    ({"when": "1990-01-01 00:00:00"}, None),
    ({"Number": "0", "price": "9.99"}, None),
    ({"verdict": "fraud"}, None),
    ({"arrived": "2024-07-02 10:00:00"}, None),
    ({"arrived": "2024-07-02 10:00:01"}, None),
    ({"arrived": "2024-07-31 10:00:00"}, None),
    ('{"_malformed_line": "a,b"}', Reason.MALFORMED_ROW),
    ("{broken", Reason.MALFORMED_ROW),
    ('[{"user": "u"}, {"user": "w"}]', Reason.MALFORMED_ROW),
    ('{"user": "u", "what": "look", "when": "2024-07-01", "item": "i"} and more', Reason.MALFORMED_ROW),
    ("null", Reason.MALFORMED_ROW),
    ("5", Reason.MALFORMED_ROW),
    ({"user": "  "}, Reason.MISSING_USER),
    ({"user": None, "when": None}, Reason.MISSING_USER),
    ({"when": ""}, Reason.MISSING_TIME),
    ({"when": "yesterday"}, Reason.UNREADABLE_TIME),
    ({"when": "2024-02-30 00:00:00"}, Reason.UNREADABLE_TIME),
    ({"arrived": "later"}, Reason.UNREADABLE_TIME),
    ({"when": "1989-12-31 23:59:59"}, Reason.PREHISTORIC_TIME),
    ({"when": "2024-12-02 12:00:01"}, Reason.FUTURE_TIME),
    ({"arrived": "2024-07-31 10:00:01"}, Reason.TOO_LATE),
    ({"what": "teleport"}, Reason.UNKNOWN_ACTION),
    ({"what": None}, Reason.UNKNOWN_ACTION),
    ({"Number": "two"}, Reason.UNREADABLE_NUMBER),
    ({"Number": "1.5"}, Reason.UNREADABLE_NUMBER),
    ({"place": "99999999999"}, Reason.UNREADABLE_NUMBER),
    ({"price": "1,50"}, Reason.UNREADABLE_NUMBER),
    ({"price": "NaN"}, Reason.UNREADABLE_NUMBER),
    ({"stars": "good"}, Reason.UNREADABLE_NUMBER),
    ({"price": "-0.01"}, Reason.NEGATIVE_PRICE),
    ({"Number": "-1"}, Reason.NEGATIVE_QUANTITY),
    ({"Number": "-1", "price": "2"}, Reason.NEGATIVE_QUANTITY),
    ({"stars": "101"}, Reason.VALUE_OUT_OF_RANGE),
    ({"stars": "NaN"}, Reason.VALUE_OUT_OF_RANGE),
    ({"mood": "-1.01"}, Reason.VALUE_OUT_OF_RANGE),
    ({"chance": "1.5"}, Reason.VALUE_OUT_OF_RANGE),
    ({"dwell": "-1"}, Reason.VALUE_OUT_OF_RANGE),
    ({"verdict": "perhaps"}, Reason.VALUE_OUT_OF_RANGE),
    ({"price": "90000000000000000", "Number": "9"}, Reason.VALUE_OUT_OF_RANGE),
    ({"item": None}, Reason.MISSING_VALUE),
    ({"id": " "}, Reason.MISSING_VALUE),
]


def merged(change):
    return change if isinstance(change, str) else {**GOOD, **change}


@pytest.fixture(scope="module")
def parsed(raw_rows):
    """The cases' rows, in their order."""
    rows = parsed_events(raw_rows([merged(change) for change, _ in CASES]), COLUMNS, reading=READING)
    return sorted(rows.collect(), key=lambda row: row["place"])


def test_every_row_has_the_reason_expected_of_it_and_no_row_is_lost(parsed):
    assert len(parsed) == len(CASES)
    for row, (change, reason) in zip(parsed, CASES, strict=True):
        assert row["reason"] == (reason and reason.value), change


def test_the_cases_know_every_reason():
    assert {reason for _, reason in CASES} - {None} == set(Reason)


def of_case(parsed, **change):
    return parsed[[case for case, _ in CASES].index(change)]


def test_values_of_a_good_row(parsed):
    row = of_case(parsed)
    assert (row["user_id"], row["action"], row["item_id"], row["channel"]) == ("u", "view", "i", "web")
    assert row["event_time"] == dt.datetime(2024, 7, 1, 9)
    assert [row[name] for name in ("arrived_at", "price", "amount", "quantity", "query", "order_id")] == [None] * 6
    assert row["currency"] == "GBP"
    assert row["filled"] == ["channel"]
    assert row["is_late"] is False


def test_integers_written_with_a_point_words_of_ours_and_casts_that_fail(parsed):
    row = of_case(parsed, what="view", Number="3.0", price="0", words="no number", channel="shop")
    assert (row["action"], row["quantity"], row["price"], row["amount"]) == ("view", 3, 0, 0)
    assert (row["channel"], row["filled"], row["text"]) == ("shop", [], None)


def test_zero_pieces_cost_nothing_and_keep_their_price(parsed):
    row = of_case(parsed, Number="0", price="9.99")
    assert (row["quantity"], row["price"], row["amount"]) == (0, 999, 0)


def test_rows_are_late_by_the_logs_own_arrival_only(parsed):
    assert of_case(parsed, arrived="2024-07-02 10:00:00")["is_late"] is False
    assert of_case(parsed, arrived="2024-07-02 10:00:01")["is_late"] is True
    assert of_case(parsed, arrived="2024-07-31 10:00:00")["is_late"] is True
    assert of_case(parsed, when="1990-01-01 00:00:00")["is_late"] is False


INSTANT = dt.datetime(2024, 7, 1, 10, 0, 0, 250_000, tzinfo=UTC)
TIMES = [
    (MappedColumn("t"), "2024-07-01T10:00:00.25Z", INSTANT),
    (MappedColumn("t"), "2024-07-01 12:00:00.25+02:00", INSTANT),
    (MappedColumn("t"), "2024-07-01 12:00:00.25 Europe/Berlin", INSTANT),
    (MappedColumn("t"), "2024-07-01 11:00:00.25", INSTANT),
    (MappedColumn("t"), "2024-07-01", dt.datetime(2024, 6, 30, 23, tzinfo=UTC)),
    (MappedColumn("t", epoch="seconds"), "1719828000.25", INSTANT),
    (MappedColumn("t", epoch="milliseconds"), "1719828000250", INSTANT),
    (MappedColumn("t", epoch="microseconds"), "1719828000250000", INSTANT),
    (MappedColumn("t", epoch="seconds"), "noon", None),
    (MappedColumn("t", pattern="dd/MM/yyyy HH:mm"), "01/07/2024 11:00", INSTANT.replace(microsecond=0)),
    (MappedColumn("t", pattern="dd/MM/yyyy HH:mm"), "2024-07-01 11:00", None),
    (MappedColumn("t", pattern="dd/MM/yyyy HH:mm XXX"), "01/07/2024 12:00 +02:00", INSTANT.replace(microsecond=0)),
    (MappedColumn("t", pattern="yyyy-MM-dd HH:mm:ss z"), "2024-07-01 10:00:00 UTC", INSTANT.replace(microsecond=0)),
    (MappedColumn("t", pattern="yyyyMMdd'T'HH"), "20240701T11", INSTANT.replace(microsecond=0)),
    (MappedColumn("t", pattern="yyyyMMdd"), "20240102", dt.datetime(2024, 1, 2, tzinfo=UTC)),
]
# Around the hour that is skipped, and the one that comes twice.
LOCAL = [
    "2024-03-31 00:59:59",
    "2024-03-31 01:30:00",
    "2024-03-31 02:00:00",
    "2024-10-27 00:59:59",
    "2024-10-27 01:30:00",
    "2024-12-24 18:00:00",
]


def test_times_of_all_kinds_become_utc(raw_rows):
    zone = ZoneInfo(READING.timezone)
    local = [
        (MappedColumn("t"), text, dt.datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC))
        for text in LOCAL
    ]
    cases = TIMES + local
    kinds = list(dict.fromkeys(column for column, _, _ in cases))
    read = {}
    for kind in kinds:
        texts = [text for column, text, _ in cases if column == kind]
        columns = NEEDED | {"event_time": kind}
        frame = parsed_events(raw_rows([GOOD | {"t": text} for text in texts]), columns, reading=READING)
        micros = frame.selectExpr("place", "unix_micros(event_time) as micros").orderBy("place").collect()
        read |= {(kind, text): row["micros"] for text, row in zip(texts, micros, strict=True)}
    for column, text, expected in cases:
        micros = expected and (expected - dt.datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        assert read[column, text] == micros, (column, text)


PRICES = ["0", "0.005", "0.0049", "1.005", "2.675", "19.99", "1e2", "12345678901.23", "3", None]
QUANTITIES = ["0", "1", "3", "7", None]


@pytest.mark.parametrize("given", ["price", "amount"])
@pytest.mark.parametrize(("currency", "minor_units"), [("GBP", 2), ("JPY", 0)])
def test_money_in_minor_units_rounded_half_up_and_price_and_amount_out_of_one(raw_rows, given, currency, minor_units):
    reading = Reading(**{**vars(READING), "currency": currency, "minor_units": minor_units})
    columns = NEEDED | {
        "quantity": COLUMNS["quantity"],
        given: MappedColumn("money"),
        "discount": MappedColumn("money"),
    }
    cases = [(money, quantity) for money in PRICES for quantity in QUANTITIES]
    rows = raw_rows([GOOD | {"money": money, "Number": quantity} for money, quantity in cases])
    parsed = parsed_events(rows, columns, reading=reading).orderBy("place").collect()
    for row, (money, quantity) in zip(parsed, cases, strict=True):
        assert row["reason"] is None
        minor = None if money is None else half_up(Decimal(money).scaleb(minor_units))
        pieces = None if quantity is None else int(quantity)
        assert (row["discount"], row["quantity"]) == (minor, pieces)
        expected = by_price(minor, pieces) if given == "price" else by_amount(minor, pieces)
        assert (row["price"], row["amount"]) == expected, (money, quantity)


def half_up(number):
    return int(number.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def by_price(price, pieces):
    return price, None if price is None else price * (1 if pieces is None else pieces)


def by_amount(amount, pieces):
    if amount is None or pieces == 0:
        return None, amount
    return half_up(Decimal(amount) / (pieces or 1)), amount


def test_a_log_without_money_has_no_currency(raw_rows):
    [row] = parsed_events(raw_rows([GOOD]), NEEDED, reading=READING).collect()
    assert (row["currency"], row["price"], row["amount"]) == (None, None, None)
