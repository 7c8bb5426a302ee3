"""A small random log around the edges of label windows, and what slow plain Python sees in one."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from userprofile.schemas.events import UserEvents
from userprofile.windows import AsOf, LabelWindow, Window

ONE = dt.timedelta(microseconds=1)
DAY = dt.timedelta(days=1)
PURCHASE = 4


@pytest.fixture(scope="session")
def as_ofs() -> list[AsOf]:
    """Between them the clock is put forward."""
    return [AsOf.at(dt.date(2024, 3, 20), "Europe/London"), AsOf.at(dt.date(2024, 4, 10), "Europe/London")]


@pytest.fixture(scope="session")
def label_window() -> LabelWindow:
    return LabelWindow(gap=2 * DAY, horizon=14 * DAY)


@pytest.fixture(scope="session")
def log_end() -> dt.datetime:
    return dt.datetime(2024, 5, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="session")
def event() -> Callable[..., dict[str, Any]]:
    """A purchase, unless told otherwise."""

    def make(time: dt.datetime, **fields: Any) -> dict[str, Any]:
        nothing = dict.fromkeys(UserEvents.columns())
        return (
            nothing
            | {"user_id": "user", "event_time": time, "known_at": time, "event_order": 0, "action": PURCHASE}
            | fields
        )

    return make


@pytest.fixture(scope="session")
def frame() -> Callable[[list[dict[str, Any]]], pl.DataFrame]:
    schema = {name: column.dtype for name, column in UserEvents.columns().items()}
    return lambda rows: pl.DataFrame(rows, schema=schema)


@pytest.fixture(scope="session")
def random_log(
    as_ofs: list[AsOf], event: Callable[..., Any], frame: Callable[..., Any]
) -> Callable[[int], pl.DataFrame]:
    def make(seed: int, events: int = 120) -> pl.DataFrame:
        rng = random.Random(seed)

        def a_time() -> dt.datetime:
            edge = rng.choice(as_ofs).instant + rng.choice([0, 2, 16]) * DAY + rng.choice([-1, 0, 1]) * ONE
            return rng.choice([edge, rng.choice(as_ofs).instant + rng.uniform(-30, 20) * DAY])

        rows = [
            event(
                a_time(),
                user_id=f"user {rng.randint(1, 12)}",
                event_order=number,
                action=rng.choice([0, PURCHASE]),
                item=rng.choice([None, rng.randint(1, 9)]),
                category_1=rng.choice([None, 1, 2, 3]),
                amount=rng.choice([None, rng.randint(0, 900)]),
            )
            for number in range(events)
        ]
        rng.shuffle(rows)
        return frame(rows)

    return make


@pytest.fixture(scope="session")
def bought_of(label_window: LabelWindow) -> Callable[[pl.DataFrame, str, AsOf], list[dict[str, Any]]]:
    """A user's purchases in the label window, oldest first."""

    def select(events: pl.DataFrame, user_id: str, as_of: AsOf) -> list[dict[str, Any]]:
        start, end = as_of.instant + 2 * DAY, as_of.instant + 16 * DAY
        mine = [row for row in events.to_dicts() if row["user_id"] == user_id and row["action"] == PURCHASE]
        inside = [row for row in mine if start <= row["event_time"] < end]
        return sorted(inside, key=lambda row: (row["event_time"], row["event_order"]))

    return select


@pytest.fixture(scope="session")
def agrees(random_log, bought_of, as_ofs, label_window, log_end):
    """Checks one label against the oracle, for every user and date of eight random logs."""
    from userprofile.labels.assemble import labels_per_user

    def check(name: str, oracle: Callable[[list[dict[str, Any]]], Any]) -> None:
        for seed in range(8):
            events = random_log(seed)
            rows = labels_per_user(
                events, as_ofs=as_ofs, label_window=label_window, category_level=1, active=Window(20), log_end=log_end
            )
            for row in rows.to_dicts():
                as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
                assert row[name] == oracle(bought_of(events, row["user_id"], as_of)), (seed, row)

    return check
