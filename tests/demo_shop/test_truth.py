"""Is the planted truth there to be found? Each test recovers one part of it by a simple statistic."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from userprofile.demo_shop import Shop, generate
from userprofile.demo_shop.taxonomy import PER_DEPARTMENT

SHOP = Shop(users=1_500, days=180, seed=23, bot_share=0.01, fraud_share=0.03)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    generate(SHOP, folder)
    return folder


@pytest.fixture(scope="module")
def log(folder: Path) -> pl.DataFrame:
    raw = pl.scan_csv(folder / "events.csv", infer_schema=False)
    numbers = ("quantity", "price", "discount", "rating", "propensity")
    instant = pl.col("event_time").str.to_datetime(time_unit="us", time_zone="UTC")
    return raw.with_columns(pl.col(numbers).cast(pl.Float64), pl.col("position").cast(pl.Int64), instant).collect()


@pytest.fixture(scope="module")
def users(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "truth/users.parquet")


@pytest.fixture(scope="module")
def items(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "truth/items.parquet")


@pytest.fixture(scope="module")
def leaves(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "truth/categories.parquet")


def correlation(frame: pl.DataFrame, left: str, right: str) -> float:
    return frame.select(pl.corr(left, right, method="spearman")).item()


def mean(values: pl.Series) -> float:
    """Also the share of what is true."""
    return float(values.to_numpy().mean())


def test_affinities_are_distributions_and_bots_have_none(users: pl.DataFrame, leaves: pl.DataFrame) -> None:
    assert users.filter("is_bot").select(pl.col("affinity").is_null().all()).item()
    people = users.filter(~pl.col("is_bot"))["affinity"]
    assert (people.list.len() == leaves.height).all()
    assert np.allclose(people.list.sum(), 1)


def test_what_a_user_buys_most_is_among_the_highest_affinities(
    log: pl.DataFrame, users: pl.DataFrame, items: pl.DataFrame, leaves: pl.DataFrame
) -> None:
    bought = log.filter(action="purchase").join(items, on="item_id").join(leaves, on="subcategory")
    top = bought.group_by("user_id").agg(pl.col("leaf").mode().min(), pl.len()).filter(pl.col("len") >= 10)
    ranks = pl.col("affinity").list.eval(pl.element().rank("ordinal", descending=True))
    rank = top.join(users, on="user_id").select(ranks.list.get(pl.col("leaf"))).to_series()
    assert rank.len() > 50
    assert mean(rank <= 3) > 0.7  # by chance 3 of 36


def test_a_visit_often_follows_up_on_the_visit_before(
    log: pl.DataFrame, items: pl.DataFrame, leaves: pl.DataFrame
) -> None:
    viewed = log.filter(action="view").sort("event_time").join(items, on="item_id", maintain_order="left")
    visits = viewed.group_by("user_id", "session_id", maintain_order=True).agg(pl.col("subcategory").mode().min())
    pairs = visits.with_columns(before=pl.col("subcategory").shift().over("user_id")).drop_nulls("before")
    pairs = pairs.join(leaves.select(before="subcategory", follow_up="follow_up"), on="before")
    pairs = pairs.join(leaves.select(follow_up="subcategory", after_that="follow_up"), on="follow_up")
    next_one, one_further = pairs["subcategory"] == pairs["follow_up"], pairs["subcategory"] == pairs["after_that"]
    assert mean(next_one) > mean(one_further) + 0.1


def test_nobody_acts_before_joining_or_from_the_churn_date_on(log: pl.DataFrame, users: pl.DataFrame) -> None:
    lives = log.join(users, on="user_id")
    assert lives.height == log.height
    assert lives.filter(pl.col("event_time") < pl.col("joined_at")).is_empty()
    assert lives.filter(pl.col("event_time").dt.date() >= pl.col("churn_date")).is_empty()
    assert 0.2 < mean(users["churn_date"].is_not_null()) < 0.7


def test_activity_follows_the_planted_rate_and_has_a_heavy_tail(log: pl.DataFrame, users: pl.DataFrame) -> None:
    sessions = log.group_by("user_id").agg(pl.col("session_id").n_unique().alias("sessions"))
    closes = pl.lit(SHOP.start + timedelta(days=SHOP.days))
    lived = (pl.col("churn_date").fill_null(closes) - pl.col("joined_at").dt.date()).dt.total_days()
    seen = users.filter(~pl.col("is_bot")).join(sessions, on="user_id", how="left").fill_null(0)
    seen = seen.with_columns(expected=pl.col("sessions_per_day") * lived)
    assert correlation(seen, "sessions", "expected") > 0.8
    assert np.quantile(seen["sessions"], 0.99) > 8 * np.median(seen["sessions"])


def test_the_week_has_its_rhythm(log: pl.DataFrame, folder: Path) -> None:
    begins = log.drop_nulls("session_id").group_by("session_id").agg(pl.col("event_time").min())
    hour = (pl.col("event_time").dt.weekday() - 1).cast(pl.Int64) * 24 + pl.col("event_time").dt.hour()
    counted = begins.group_by(hour_of_week=hour).len("sessions")
    week = pl.read_parquet(folder / "truth/week.parquet").join(counted, on="hour_of_week", how="left").fill_null(0)
    assert correlation(week, "weight", "sessions") > 0.8


def test_the_price_sensitive_buy_cheaper(log: pl.DataFrame, users: pl.DataFrame, items: pl.DataFrame) -> None:
    bought = log.filter(action="purchase").join(items, on="item_id").join(users, on="user_id")
    dearness = dict(bought.group_by("price_sensitivity").agg(pl.mean("dearness")).iter_rows())
    assert dearness[0.0] > dearness[0.8] + 0.3 > dearness[1.6] + 0.6


@pytest.mark.parametrize(("attribute", "by_chance"), [("style", 1 / 5), ("colour", 1 / 6)])
def test_users_look_at_their_favourite_looks(
    log: pl.DataFrame, users: pl.DataFrame, items: pl.DataFrame, attribute: str, by_chance: float
) -> None:
    looks = log.filter(action="view").join(users.filter(~pl.col("is_bot")), on="user_id").join(items, on="item_id")
    assert mean(looks[attribute] == looks[f"favourite_{attribute}"]) > 1.3 * by_chance


def test_the_loyal_come_back_to_an_item(log: pl.DataFrame, users: pl.DataFrame) -> None:
    looks = (
        log.filter(action="view").group_by("user_id").agg(again=1 - pl.col("item_id").n_unique() / pl.len(), n=pl.len())
    )
    looks = looks.filter(pl.col("n") >= 30).join(users.filter(~pl.col("is_bot")), on="user_id")
    assert correlation(looks, "again", "loyalty") > 0.4


def test_a_coupon_moves_those_with_uplift_and_only_those(log: pl.DataFrame, users: pl.DataFrame) -> None:
    sent = log.filter(pl.col("campaign_id").is_not_null(), action="exposure")
    sent = sent.select("user_id", "campaign_id", sent_at="event_time", treated=pl.col("coupon_id").is_not_null())
    assert 0.45 < mean(sent["treated"]) < 0.55
    bought = log.filter(action="purchase").select("user_id", "event_time")
    within = sent.join(bought, on="user_id").filter(
        pl.col("event_time").is_between(pl.col("sent_at"), pl.col("sent_at") + pl.duration(days=14))
    )
    counted = within.group_by("user_id", "campaign_id").len("bought")
    told = sent.join(counted, on=["user_id", "campaign_id"], how="left").with_columns(pl.col("bought").fill_null(0))
    told = told.join(users, on="user_id").with_columns(moved=pl.col("coupon_uplift") >= 0.8)

    def effect(moved: bool) -> float:
        group = told.filter(moved=moved)
        return mean(group.filter("treated")["bought"]) - mean(group.filter(~pl.col("treated"))["bought"])

    assert effect(True) > 0.25
    assert abs(effect(False)) < effect(True) / 2


def test_coupons_give_the_discount_of_their_campaign(log: pl.DataFrame) -> None:
    bought = log.filter(action="purchase")
    full = pl.col("price") * pl.col("quantity")
    redeemed = bought.filter(pl.col("coupon_id").is_not_null())
    assert redeemed.height > 50
    assert redeemed.filter((pl.col("discount") - 0.15 * full).abs() > 0.01).is_empty()
    assert (bought.filter(pl.col("coupon_id").is_null())["discount"] == 0).all()


def test_clicks_show_the_position_bias(log: pl.DataFrame, folder: Path) -> None:
    positions = pl.read_parquet(folder / "truth/positions.parquet")
    clicks = log.filter(action="click").group_by("position").len("clicks")
    biased = positions.join(clicks, on="position").sort("position")
    assert biased.height == positions.height
    assert np.allclose(biased["clicks"] / biased["clicks"][0], biased["examination"], atol=0.1)
    assert biased["clicks"][0] > 3 * biased["clicks"][-1]  # though each slot shows the same items as often


def test_items_are_shown_as_often_as_the_propensities_say(log: pl.DataFrame, items: pl.DataFrame) -> None:
    shown = log.filter(pl.col("position").is_not_null(), action="exposure").join(items, on="item_id")
    chances = shown.group_by("subcategory", "item_id").agg(
        pl.first("propensity"), pl.n_unique("propensity").alias("told"), pl.len()
    )
    assert (chances["told"] == 1).all()
    chances = chances.with_columns(share=pl.col("len") / pl.col("len").sum().over("subcategory"))
    frequent = chances.filter(pl.col("len").sum().over("subcategory") > 1000, pl.col("propensity") > 0.03)
    assert frequent.height > 20
    assert mean((frequent["share"] / frequent["propensity"] - 1).abs()) < 0.15


def test_searchers_look_at_what_the_query_means(log: pl.DataFrame, items: pl.DataFrame, folder: Path) -> None:
    intents = pl.read_parquet(folder / "truth/queries.parquet")
    assert intents["query"].n_unique() == intents.height
    searched = (
        log.filter(action="search").join(intents, on="query", how="left").select("session_id", meant="subcategory")
    )
    assert searched["meant"].null_count() == 0
    looks = log.filter(action="view").join(searched, on="session_id").join(items, on="item_id")
    assert mean(looks["subcategory"] == looks["meant"]) > 0.8


def test_a_ring_shares_device_address_and_coupon(log: pl.DataFrame, users: pl.DataFrame, folder: Path) -> None:
    rings = pl.read_parquet(folder / "truth/fraud_rings.parquet")
    assert rings.height == round(SHOP.fraud_share * SHOP.users) == users["ring_id"].is_not_null().sum()
    bought = log.filter(action="purchase").join(rings, on="user_id", how="left")
    for shared in ("device_id", "address_id", "coupon_id"):
        owners = log.drop_nulls(shared).group_by(shared).agg(pl.col("user_id").unique())
        together = owners.filter(pl.col("user_id").list.len() > 1).explode("user_id")
        assert together.height > 0
        assert together.join(rings, on="user_id", how="anti").is_empty()
    addresses = bought.drop_nulls("ring_id").group_by("ring_id").agg(pl.col("address_id").n_unique())
    assert (addresses["address_id"] == 1).all()
    assert bought.drop_nulls("ring_id")["coupon_id"].is_not_null().any()


def test_bots_only_view_and_faster_than_anyone(log: pl.DataFrame, users: pl.DataFrame) -> None:
    bots = users.filter("is_bot")
    assert bots.height == round(SHOP.bot_share * SHOP.users)
    theirs = log.join(bots, on="user_id", how="semi")
    assert theirs["user_id"].n_unique() == bots.height
    assert theirs["action"].unique().to_list() == ["view"]
    gap = pl.col("event_time").diff().dt.total_milliseconds().median()
    pace = log.filter(action="view").sort("event_time").group_by("user_id", "session_id").agg(gap=gap, views=pl.len())
    pace = pace.filter(pl.col("views") > 3).join(users, on="user_id")
    assert max(pace.filter("is_bot")["gap"]) < 1_500 < min(pace.filter(~pl.col("is_bot"))["gap"])


def test_quality_decides_ratings_and_returns(log: pl.DataFrame, items: pl.DataFrame) -> None:
    known = log.join(items, on="item_id")
    reviews = known.filter(action="review")
    assert correlation(reviews, "rating", "quality") > 0.6
    back, bought = known.filter(action="return"), known.filter(action="purchase")
    assert mean(back["quality"]) < mean(bought["quality"]) - 0.3


def test_texts_carry_what_was_planted(folder: Path, items: pl.DataFrame, log: pl.DataFrame) -> None:
    shown = pl.read_parquet(folder / "items.parquet").join(items, on="item_id", suffix="_true")
    told = shown.drop_nulls("description")
    assert 0.85 < told.height / shown.height < 0.95
    for planted in ("colour_true", "shape"):
        assert told.select(pl.col("description").str.contains(pl.col(planted), literal=True).all()).item()
    known = shown.drop_nulls("colour")
    assert (known["colour"] == known["colour_true"]).all()
    pictures = pl.format("images/{}_{}_", "colour_true", "shape")
    assert shown.select(pl.col("image").str.starts_with(pictures).all()).item()
    assert all((folder / image).is_file() for image in shown["image"].unique())
    reviews = log.filter(action="review").join(items, on="item_id")
    assert reviews.select(pl.col("text").str.contains(pl.col("colour"), literal=True).all()).item()


def test_age_leans_to_a_department(folder: Path, users: pl.DataFrame) -> None:
    declared = pl.read_parquet(folder / "users.parquet").join(users.filter(~pl.col("is_bot")), on="user_id")
    leaning = declared.with_columns(first=pl.col("affinity").list.head(PER_DEPARTMENT).list.sum())
    young, others = leaning.filter(age_band="18-24"), leaning.filter(pl.col("age_band") != "18-24")
    assert mean(young["first"]) > mean(others["first"]) + 0.1
    assert 0.1 < declared["age_band"].null_count() / declared.height < 0.2
