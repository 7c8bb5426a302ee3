"""A small random log twice: as raw rows in Python, and in the coded form that the feature engine reads."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import polars as pl
import pytest

from userprofile.audit.later_events import Compute
from userprofile.audit.past import Given
from userprofile.audit.reference import definition
from userprofile.columns import ACTION_CODE, ACTIONS
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import catalogue, compose
from userprofile.features.entries import Catalogue
from userprofile.features.population import SEPARATOR
from userprofile.schemas.entities import SilverCodes
from userprofile.schemas.events import UserEvents
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import AsOf

TIMEZONE = "Europe/London"
ONE = dt.timedelta(microseconds=1)
DAY = dt.timedelta(days=1)
RAW = {
    "user_id": pl.String,
    "event_time": pl.Datetime("us", "UTC"),
    "arrived_at": pl.Datetime("us", "UTC"),
    "event_order": pl.Int64,
    "action": pl.String,
    "item_id": pl.String,
    "order_id": pl.String,
    "quantity": pl.Int64,
    "amount": pl.Int64,
    "discount": pl.Int64,
    "coupon_id": pl.String,
    "device_id": pl.String,
    "rating": pl.Float64,
    "dwell_seconds": pl.Float64,
}

# What only the coded form has, and no reference: later events must not change what is made of it either.
DETAILS: dict[str, list[Any]] = {
    "category_2": [None, 1, 2, 3, 4],
    "colour": [None, 1, 2, 3],
    "price": [None, 0, 250, 990, 1800],
    "price_band": [1, 4, 7],
    "session": [None, 1, 2, 3, 4, 5, 6],
    "channel": [1, 2, 3, None, 1],
    "query": [None, "tea", "red shoe", "phone", None, None],
    "sentiment": [None, -0.5, 0.0, 0.75, None],
}


def _one_of(values: list[Any]) -> pl.Expr:
    """By the event's number, and each list in a turn of its own."""
    place = (pl.col("event_order") * 7_919 // (len(values) + 1)) % len(values)
    return place.replace_strict(dict(enumerate(values)))


@pytest.fixture(scope="session")
def timezone() -> str:
    return TIMEZONE


@pytest.fixture(scope="session")
def as_ofs() -> list[AsOf]:
    return [AsOf.at(dt.date(2024, 3, 20), TIMEZONE), AsOf.at(dt.date(2024, 4, 10), TIMEZONE)]


def _event(rng: random.Random, number: int, as_ofs: list[AsOf]) -> dict[str, Any]:
    """Often on the edge of a window, with ties, and sometimes heard of later."""
    as_of = rng.choice(as_ofs).instant
    edge = as_of - rng.choice([0, 7, 30, 90, 180]) * DAY + rng.choice([-1, 0, 1]) * ONE
    visit = as_of - dt.timedelta(hours=rng.randint(-200, 3_000) // 40 * 40, minutes=rng.choice([0, 1, 29, 30, 31, 400]))
    time = edge if rng.random() < 0.2 else visit
    return {
        "user_id": f"user {rng.randint(1, 30) // rng.randint(1, 5)}",
        "event_time": time,
        "arrived_at": rng.choice([None, time, time, time + ONE, time + 7 * DAY]),
        "event_order": number,
        "action": rng.choice(["view", "purchase", rng.choice(["cart", "review"]), rng.choice(ACTIONS)]),
        "item_id": rng.choice([None, *(f"item {place}" for place in range(30))]),
        "order_id": rng.choice([None, *(f"order {place}" for place in range(6))]),
        "quantity": rng.choice([None, 1, 2]),
        "amount": rng.choice([None, 0, rng.randint(1, 5_000)]),
        "discount": rng.choice([None, 0, rng.randint(1, 300)]),
        "coupon_id": rng.choice([None, None, "coupon 1", "coupon 2"]),
        "device_id": rng.choice([None, "device 1", "device 2"]),
        "rating": rng.choice([None, 1.0, 3.0, 5.0]),
        "dwell_seconds": rng.choice([None, 0.0, 12.5, 300.0]),
    }


@pytest.fixture(scope="session")
def raw_log(as_ofs: list[AsOf]) -> pl.DataFrame:
    rng = random.Random(3)
    return pl.DataFrame([_event(rng, number, as_ofs) for number in range(900)], schema=RAW)


@pytest.fixture(scope="session")
def log(raw_log: pl.DataFrame) -> pl.DataFrame:
    """The same events as UserEvents."""
    code = pl.col("item_id").str.extract(r"(\d+)").cast(pl.Int32) + 1
    coded = raw_log.with_columns(
        known_at=pl.max_horizontal("event_time", "arrived_at"),
        action=pl.col("action").replace_strict(ACTION_CODE, return_dtype=pl.Int8),
        item=code,
        category_1=code % 3 + 1,
        brand=code % 5 + 1,
        **{name: pl.col(f"{name}_id").str.extract(r"(\d+)").cast(pl.Int64) for name in ("order", "coupon", "device")},
        **{name: _one_of(values) for name, values in DETAILS.items()},
    )
    absent = [name for name in UserEvents.column_names() if name not in coded.columns]
    columns = {name: column.dtype for name, column in UserEvents.columns().items()}
    coded = coded.with_columns(pl.lit(None).alias(name) for name in absent)
    return coded.select(pl.col(name).cast(dtype) for name, dtype in columns.items())


@pytest.fixture(scope="session")
def given(as_ofs: list[AsOf]) -> Given:
    """With as many events of all people as _statistics has shares."""
    counts = {action: place for place, action in enumerate(ACTIONS, 1)}
    return Given(TIMEZONE, dt.timedelta(minutes=30), dt.timedelta(0), {as_of.date: counts for as_of in as_ofs})


@pytest.fixture(scope="session")
def covered() -> Catalogue:
    """Of the default catalogue, what the reference knows."""
    whole = catalogue(timezone=TIMEZONE)
    return compose(feature for feature in whole.features if definition(feature.name, feature.window))


def _statistics(features: Catalogue, dates: list[AsOf]) -> pl.DataFrame:
    """A number for everything that features of the row ask of the population, whatever that is."""
    roots = {root for one in features.per("row") for root in one.expr.meta.root_names() if SEPARATOR in root}
    asked = [root.split(SEPARATOR) for root in sorted(roots)]
    shares = {action: place / 66 for place, action in enumerate(ACTIONS, 1)}
    rows = [(as_of.date, name, key, shares.get(key, 0.5)) for as_of in dates for name, key in asked]
    return PopulationStatistics.validate(
        pl.DataFrame(rows, schema=PopulationStatistics.column_names(), orient="row"), cast=True
    )


@pytest.fixture(scope="session")
def rows_of(as_ofs: list[AsOf]) -> Any:
    """Makes the rows of a catalogue at one or more as-of dates."""
    kinds = [*(f"category_{level}" for level in (1, 2, 3)), "brand", "colour", "price_band", "channel"]
    words = [{"kind": kind, "value": f"{kind} {code}", "code": code} for kind in kinds for code in range(1, 9)]
    names = SilverCodes.validate(pl.DataFrame(words), cast=True)

    def make(events: pl.DataFrame, dates: list[AsOf], features: Catalogue) -> pl.DataFrame:
        statistics = _statistics(features, dates)
        return features_per_user(events, as_ofs=dates, catalogue=features, statistics=statistics, names=names)

    return make


@pytest.fixture
def computing(rows_of: Any) -> Any:
    """What later_events.changes asks for, of a catalogue."""

    def compute(features: Catalogue) -> Compute:
        return lambda events, as_of: rows_of(events, [as_of], features)

    return compute
