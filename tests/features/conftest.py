"""A small random log with everything that can go wrong in it, and the comparison with slow plain Python."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable
from typing import Any

import polars as pl
import pytest

from userprofile.columns import ACTIONS
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.entries import Feature
from userprofile.schemas.entities import SilverCodes
from userprofile.schemas.events import UserEvents
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import AsOf

Row = dict[str, Any]
Oracle = Callable[[list[Row], AsOf], Row]

TIMEZONE = "Europe/London"
ONE = dt.timedelta(microseconds=1)


@pytest.fixture(scope="session")
def timezone() -> str:
    return TIMEZONE


@pytest.fixture(scope="session")
def as_ofs() -> list[AsOf]:
    """One in winter time, one in summer time."""
    return [AsOf.at(dt.date(2024, 3, 20), TIMEZONE), AsOf.at(dt.date(2024, 4, 10), TIMEZONE)]


def _a_time(rng: random.Random, as_ofs: list[AsOf]) -> dt.datetime:
    """Often on the very edge of a window, and often shared with another event."""
    as_of = rng.choice(as_ofs).instant
    if rng.random() < 0.3:
        return as_of - dt.timedelta(days=rng.choice([0, 7, 30, 90, 180])) + rng.choice([-1, 0, 1]) * ONE
    return as_of - dt.timedelta(hours=rng.choice([rng.randint(-200, 400), rng.randint(0, 5_000)]))


def _an_event(rng: random.Random, number: int, as_ofs: list[AsOf]) -> Row:
    user = rng.randint(1, 8)
    time = _a_time(rng, as_ofs)
    category = rng.choice([None, 1, 2, 3])
    return {
        "user_id": f"user {user}",
        "event_time": time,
        "known_at": time + rng.choice([0, 0, 0, 0, 1, 7 * 86_400_000_000]) * ONE,
        "event_order": number,
        "action": rng.choice([0, 0, 0, 2, 4, 4, 4, rng.randrange(len(ACTIONS))]) if user > 2 else rng.choice([0, 1, 2]),
        "item": rng.choice([None, *range(1, 12)]),
        "category_1": category,
        "category_2": category and rng.choice([None, category * 10, category * 10 + 1]),
        "category_3": None,
        "brand": rng.choice([None, *range(1, 15)]),
        "quantity": rng.choice([None, 1, 2]),
        "amount": rng.choice([None, 0, rng.randint(1, 5_000)]) if user != 4 else None,
        "discount": rng.choice([None, 0, rng.randint(1, 300)]),
        "order": rng.choice([None, rng.randint(1, 6)]),
        "session": None,
        "coupon": rng.choice([None, None, 1, 2, 3]),
        **_details(rng),
    }


def _details(rng: random.Random) -> Row:
    """What only some logs have."""
    price = rng.choice([None, 0, rng.randint(1, 5_000)])
    return {
        "colour": rng.choice([None, 1, 2, 3]),
        "price": price,
        "price_band": None if price is None else rng.randint(1, 12),
        "device": rng.choice([None, 1, 2]),
        "channel": rng.choice([None, 1, 2, 3]),
        "query": rng.choice([None, "phone", "red shoe", "tea"]),
        "rating": rng.choice([None, 1.0, 3.0, 5.0]),
        "sentiment": rng.choice([None, -0.5, 0.0, 0.75]),
        "dwell_seconds": rng.choice([None, 0.0, 12.5, 300.0]),
        "attribute_style": rng.choice([None, 1, 2]),
    }


@pytest.fixture(scope="session")
def random_log(as_ofs: list[AsOf]) -> Callable[[int], pl.DataFrame]:
    """UserEvents by seed: eight users in no order; two never buy, one has no amounts."""

    def make(seed: int, events: int = 300) -> pl.DataFrame:
        rng = random.Random(seed)
        rows = [_an_event(rng, number, as_ofs) for number in range(events)]
        rng.shuffle(rows)
        schema = {name: column.dtype for name, column in UserEvents.columns().items()}
        return pl.DataFrame(rows, schema={**schema, "attribute_style": pl.Int32})

    return make


@pytest.fixture(scope="session")
def names() -> pl.DataFrame:
    levels = ["category_1", "category_2", "category_3"]
    kinds = [*levels, "brand", "colour", "price_band", "channel", "attribute_style"]
    rows = [{"kind": kind, "value": f"{kind} / {code}", "code": code} for kind in kinds for code in range(1, 40)]
    return SilverCodes.validate(pl.DataFrame(rows), cast=True)


@pytest.fixture(scope="session")
def statistics(as_ofs: list[AsOf]) -> pl.DataFrame:
    thresholds = {
        "rfm_recency_days": (1, 3, 9, 27),
        "rfm_frequency": (2, 4, 6, 8),
        "rfm_monetary": (1e3, 4e3, 9e3, 2e4),
    }
    rows = [
        {"as_of_date": as_of.date, "statistic": name, "key": key, "value": float(value)}
        for as_of in as_ofs
        for name, values in thresholds.items()
        for key, value in zip(("0.2", "0.4", "0.6", "0.8"), values, strict=True)
    ]
    shares = {"action_share": {action: 1 / len(ACTIONS) for action in ACTIONS}}
    shares |= {"category_1_price_median": {"1": 900.0, "3": 1_500.0}}
    rows += [
        {"as_of_date": as_of.date, "statistic": name, "key": key, "value": value}
        for as_of in as_ofs
        for name, values in shares.items()
        for key, value in values.items()
    ]
    return PopulationStatistics.validate(pl.DataFrame(rows), cast=True)


@pytest.fixture(scope="session")
def history_of() -> Callable[[pl.DataFrame, str, AsOf], list[Row]]:
    """What a slow plain Python program knows of a user at an instant, oldest first."""

    def select(events: pl.DataFrame, user_id: str, as_of: AsOf) -> list[Row]:
        rows = [row for row in events.to_dicts() if row["user_id"] == user_id and row["known_at"] < as_of.instant]
        return sorted(rows, key=lambda row: (row["event_time"], row["event_order"]))

    return select


@pytest.fixture(scope="session")
def agrees(
    random_log: Callable[[int], pl.DataFrame],
    history_of: Callable[[pl.DataFrame, str, AsOf], list[Row]],
    as_ofs: list[AsOf],
    statistics: pl.DataFrame,
    names: pl.DataFrame,
) -> Callable[[Iterable[Feature], Oracle], None]:
    """Checks every column of a family against the oracle, for every user and date of five random logs."""

    def check(family: Iterable[Feature], oracle: Oracle) -> None:
        catalogue = compose(family)
        for seed in range(5):
            events = random_log(seed)
            rows = features_per_user(events, as_ofs=as_ofs, catalogue=catalogue, statistics=statistics, names=names)
            assert rows.height >= 2 * 7
            for row in rows.to_dicts():
                as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
                expected = oracle(history_of(events, row["user_id"], as_of), as_of)
                assert sorted(expected) == sorted(catalogue.names)
                computed = {name: row[name] for name in expected}
                assert computed == {name: _near(value) for name, value in expected.items()}, (seed, row["user_id"])

    return check


def _near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
