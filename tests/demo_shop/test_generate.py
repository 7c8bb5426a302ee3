from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from userprofile.columns import ACTIONS
from userprofile.demo_shop import Generated, Shop, generate
from userprofile.demo_shop.dirt import BREAKS

STRING, TIME, NUMBER = pl.String(), pl.Datetime("us", "UTC"), pl.Float64()
TYPES: dict[str, pl.DataType] = {
    **dict.fromkeys(("event_id", "user_id", "item_id", "action"), STRING),
    **dict.fromkeys(("event_time", "arrived_at"), TIME),
    **dict.fromkeys(("order_id", "session_id", "request_id"), STRING),
    **dict.fromkeys(("position", "quantity", "price", "discount"), NUMBER),
    **{"query": STRING, "rating": NUMBER, "text": STRING, "dwell_seconds": NUMBER},
    **dict.fromkeys(("channel", "device_id", "address_id", "campaign_id", "coupon_id"), STRING),
    "propensity": NUMBER,
}
COLUMNS = list(TYPES)
SHOP = Shop(users=300, days=90, seed=11, bot_share=0.01, fraud_share=0.05, start=date(2023, 11, 5))
DIRTY = replace(SHOP, duplicate_rate=0.03, late_rate=0.02, malformed_rate=0.01)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Generated]:
    folder = tmp_path_factory.mktemp("clean")
    return folder, generate(SHOP, folder)


@pytest.fixture(scope="module")
def log(made: tuple[Path, Generated]) -> pl.DataFrame:
    return pl.read_csv(made[0] / "events.csv", schema_overrides=TYPES)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[list[str]], Generated]:
    folder = tmp_path_factory.mktemp("dirty")
    generated = generate(DIRTY, folder)
    with (folder / "events.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:], generated


def test_the_same_shop_gives_the_same_bytes(made: tuple[Path, Generated], tmp_path: Path) -> None:
    again = generate(SHOP, tmp_path)
    assert again == made[1]
    assert digests(tmp_path) == digests(made[0])


def test_another_seed_gives_another_shop(made: tuple[Path, Generated], tmp_path: Path) -> None:
    generate(replace(SHOP, seed=12), tmp_path)
    ours, theirs = digests(made[0]), digests(tmp_path)
    assert ours.keys() == theirs.keys()
    for name in ("events.csv", "items.parquet", "users.parquet", "truth/users.parquet", "truth/items.parquet"):
        assert ours[name] != theirs[name]


def test_counts_are_what_was_written(made: tuple[Path, Generated], log: pl.DataFrame) -> None:
    folder, generated = made
    assert log.columns == COLUMNS
    assert generated.rows == generated.events == log.height == sum(generated.per_action.values())
    assert generated.per_action == {action: (log["action"] == action).sum() for action in ACTIONS}
    assert min(generated.per_action.values()) > 0
    for table, rows in (("users", SHOP.users), ("items", SHOP.items)):
        frame = pl.read_parquet(folder / f"{table}.parquet")
        assert frame.height == rows == frame.n_unique(subset=frame.columns[0])
    assert log["event_id"].n_unique() == log.height


def test_a_user_has_sixty_to_a_hundred_events_in_half_a_year(tmp_path: Path) -> None:
    generated = generate(Shop(users=2_000, days=180, seed=5), tmp_path)
    assert 60 < generated.events / generated.users < 110


def test_everything_happens_inside_the_log_and_sessions_are_short(log: pl.DataFrame) -> None:
    start = datetime(2023, 11, 5, tzinfo=UTC)
    assert log.filter(~pl.col("event_time").is_between(start, start + timedelta(days=90), closed="left")).is_empty()
    assert log["arrived_at"].is_sorted()
    assert (log["arrived_at"] >= log["event_time"]).all()
    sessions = log.drop_nulls("session_id").group_by("session_id")
    spans = sessions.agg(pl.col("event_time").max() - pl.col("event_time").min(), pl.col("user_id").n_unique())
    assert (spans["user_id"] == 1).all()
    assert (spans["event_time"] < timedelta(hours=6)).all()


def test_each_action_carries_its_own_columns(log: pl.DataFrame) -> None:
    def told(action: str, name: str) -> bool:
        return bool(log.filter(action=action)[name].is_not_null().all())

    def silent(action: str, name: str) -> bool:
        return bool(log.filter(action=action)[name].is_null().all())

    assert told("search", "query")
    assert silent("view", "query")
    assert all(
        told("purchase", name) for name in ("order_id", "quantity", "price", "discount", "address_id", "item_id")
    )
    assert all(told("review", name) for name in ("rating", "text", "item_id", "order_id"))
    assert all(told("return", name) for name in ("order_id", "quantity", "price"))
    assert told("complaint", "text")
    assert told("service_contact", "text")
    assert told("exposure", "propensity")
    assert silent("view", "order_id")
    assert log.filter(~pl.col("rating").is_between(1, 5)).is_empty()
    assert log.filter(~pl.col("propensity").is_between(0, 1)).is_empty()
    assert log.filter((pl.col("price") <= 0) | (pl.col("quantity") < 1)).is_empty()


def test_money_is_written_with_two_decimals(made: tuple[Path, Generated]) -> None:
    raw = pl.read_csv(made[0] / "events.csv", infer_schema=False)
    for name in ("price", "discount"):
        assert raw[name].drop_nulls().str.contains(r"^\d+\.\d\d$").all()
    assert raw["event_time"].str.contains(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$").all()


def test_a_click_is_on_something_shown_before_on_that_page(log: pl.DataFrame) -> None:
    place = ("user_id", "request_id", "item_id", "position")
    shown = log.filter(pl.col("action") == "exposure").select(*place, shown_at="event_time")
    clicks = log.filter(pl.col("action") == "click").join(shown, on=place, how="left")
    assert clicks.height == (log["action"] == "click").sum()
    assert (clicks["event_time"] > clicks["shown_at"]).all()


def test_returns_and_reviews_follow_a_purchase_of_the_item(log: pl.DataFrame) -> None:
    key = ("user_id", "order_id", "item_id")
    bought = log.filter(action="purchase").select(*key, bought_at="event_time")
    after = log.filter(pl.col("action").is_in(["return", "review", "complaint", "service_contact"]))
    joined = after.join(bought, on=key, how="left")
    assert joined.height == after.height
    assert (joined["event_time"] > joined["bought_at"]).all()


def test_dirt_comes_at_the_asked_rates(dirty: tuple[list[list[str]], Generated], made: tuple[Path, Generated]) -> None:
    rows, generated = dirty
    clean = made[1].events
    assert generated.events == clean
    assert generated.duplicates == round(0.03 * clean)
    assert generated.late == round(0.02 * clean)
    assert generated.malformed == round(0.01 * clean)
    assert len(rows) == generated.rows


def test_dirt_is_of_the_promised_kinds_and_the_rest_is_the_clean_log(
    dirty: tuple[list[list[str]], Generated], log: pl.DataFrame
) -> None:
    rows, generated = dirty
    action, price = COLUMNS.index("action"), COLUMNS.index("price")

    def fault(row: list[str]) -> str | None:
        if len(row) != len(COLUMNS):
            return "fields"
        if row[action] not in ACTIONS:
            return "action"
        if row[price].startswith("-"):
            return "price"
        return None if row[COLUMNS.index("event_time")].startswith("202") else "time"

    faults = [fault(row) for row in rows]
    each = generated.malformed / len(BREAKS)
    for kind, share in {"fields": 2, "action": 1, "price": 1, "time": 1}.items():  # rows too short and too long
        assert abs(faults.count(kind) - share * each) <= share
    sound = [tuple(row) for row, kind in zip(rows, faults, strict=True) if kind is None]
    assert len(sound) - len(set(sound)) == generated.duplicates
    assert {row[0] for row in sound} == set(log["event_id"])

    def delay(row: tuple[str, ...]) -> timedelta:
        return datetime.fromisoformat(row[5]) - datetime.fromisoformat(row[4])

    assert sum(delay(row) >= timedelta(days=1) for row in set(sound)) == generated.late


@pytest.mark.parametrize("seed", range(5))
def test_the_smallest_shop_stands(seed: int, tmp_path: Path) -> None:
    generated = generate(Shop(users=1, days=1, seed=seed, items=36, malformed_rate=0.5), tmp_path)
    assert pl.read_csv(tmp_path / "events.csv", truncate_ragged_lines=True).height == generated.rows
