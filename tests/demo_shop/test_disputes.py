"""Disputes are added to the log and change nothing of it, and who disputes can be told by what they did before."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from userprofile.demo_shop import Generated, Shop, generate
from userprofile.demo_shop.disputes import CHARGEBACK

SHOP = Shop(
    users=1_500, days=180, seed=23, dispute_share=0.05, duplicate_rate=0.01, late_rate=0.01, malformed_rate=0.005
)


def read(folder: Path) -> pl.DataFrame:
    raw = pl.read_csv(folder / "events.csv", infer_schema=False, truncate_ragged_lines=True)
    return raw.with_columns(pl.col("event_time", "arrived_at").str.to_datetime(time_zone="UTC", strict=False)).unique(
        "event_id", maintain_order=True
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Generated]:
    folder = tmp_path_factory.mktemp("shop")
    return folder, generate(SHOP, folder)


@pytest.fixture(scope="module")
def log(made: tuple[Path, Generated]) -> pl.DataFrame:
    return read(made[0])


def test_without_them_the_log_is_the_same_but_for_their_rows(made: tuple[Path, Generated], tmp_path: Path) -> None:
    without = generate(replace(SHOP, dispute_share=0.0), tmp_path)
    rows, fewer = (Counter((folder / "events.csv").read_text().splitlines()) for folder in (made[0], tmp_path))
    assert not fewer - rows
    added = list((rows - fewer).elements())
    assert len(added) == made[1].events - without.events
    assert sum(CHARGEBACK in row for row in added) == made[1].chargebacks > 100
    assert without.chargebacks == 0
    assert all(
        (made[0] / name).read_bytes() == (tmp_path / name).read_bytes() for name in ("items.parquet", "users.parquet")
    )


def test_counts_are_what_was_written(made: tuple[Path, Generated], log: pl.DataFrame) -> None:
    generated = made[1]
    assert generated.events == sum(generated.per_action.values()) + generated.chargebacks
    assert log.height == generated.events + generated.malformed


def test_a_chargeback_follows_a_call_about_a_purchase(log: pl.DataFrame) -> None:
    key = ["user_id", "order_id", "item_id"]
    back = log.filter(action=CHARGEBACK)
    for action in ("purchase", "service_contact"):
        before = log.filter(action=action).group_by(key).agg(pl.col("event_time").min().alias("before"))
        joined = back.join(before, on=key, how="left", nulls_equal=True)
        assert (joined["event_time"] > joined["before"]).all()


def test_a_few_users_dispute_and_they_do_it_again(made: tuple[Path, Generated], log: pl.DataFrame) -> None:
    truth = pl.read_parquet(made[0] / "truth/users.parquet")
    assert 0.03 < truth["disputes"].mean() < 0.07
    assert not truth.filter(pl.col("is_bot") & pl.col("disputes")).height
    back = log.filter(action=CHARGEBACK).group_by("user_id").len().join(truth, on="user_id")
    assert back.filter("disputes")["len"].sum() > 0.8 * made[1].chargebacks
    assert back.filter("disputes")["len"].mean() > 2
