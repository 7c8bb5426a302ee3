from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE, ACTIONS
from userprofile.errors import UsageError
from userprofile.features.affinity import ACTION_WEIGHTS, affinity
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.concentration import concentration
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import Window

DAY = dt.timedelta(days=1)
HALF_LIFE = 10.0
NOTHING = PopulationStatistics.create_empty()


def shares(history, as_of, kind):
    scores = defaultdict(float)
    for event in history:
        if event[kind] is not None and (weight := ACTION_WEIGHTS.get(ACTIONS[event["action"]])):
            scores[event[kind]] += weight * 2 ** -((as_of.instant - event["event_time"]) / DAY / HALF_LIFE)
    return [score / sum(scores.values()) for score in scores.values()]


def novelty(history, as_of, days):
    start = as_of.instant - days * DAY
    recent, known = set(), set()
    for event in history:
        (recent if event["event_time"] >= start else known).add(event["category_2"])
    recent -= {None}
    return len(recent - known) / len(recent) if recent else None


def repeat_share(history, kind):
    orders = defaultdict(set)
    for event in history:
        if event["action"] == ACTION_CODE["purchase"] and event[kind] is not None:
            orders[event[kind]].add(event["order"] if event["order"] is not None else event["event_time"])
    return sum(len(of_value) >= 2 for of_value in orders.values()) / len(orders) if orders else None


def oracle_of(days):
    def oracle(history, as_of):
        values = {f"{kind}_repeat_share": repeat_share(history, kind) for kind in ("item", "brand")}
        values[f"novelty_share_{days}d"] = novelty(history, as_of, days)
        for kind in ("category_1", "category_2", "brand"):
            parts = shares(history, as_of, kind)
            values[f"{kind}_entropy"] = -sum(part * math.log(part) for part in parts) if parts else None
            values[f"{kind}_herfindahl"] = sum(part**2 for part in parts) if parts else None
        return values

    return oracle


@pytest.mark.parametrize("days", [30, 7])
def test_concentration_agrees_with_plain_python(agrees, days):
    agrees(concentration(half_life_days=HALF_LIFE, novelty_window=Window(days)), oracle_of(days))


def of_few(events, as_ofs, names, *, half_life_days=HALF_LIFE):
    family = concentration(half_life_days=half_life_days)
    catalogue = compose(family, affinity(half_life_days=half_life_days, top=3))
    return features_per_user(events, as_ofs=as_ofs[:1], catalogue=catalogue, statistics=NOTHING, names=names)


def with_brands(random_log, as_ofs, brands, **columns):
    """One event again and again, each time with another brand."""
    one = random_log(1).filter(pl.col("action") == 0, pl.col("known_at") < as_ofs[0].instant).head(1)
    one = one.with_columns(pl.lit(value, one.schema[name]).alias(name) for name, value in columns.items())
    return pl.concat([one.with_columns(pl.lit(brand, pl.Int32).alias("brand")) for brand in brands])


@pytest.mark.parametrize(("brands", "alike"), [([4, 4, 4], 1), ([1, 2], 2), ([1, 2, 3, 4], 4)])
def test_n_values_alike_have_the_entropy_of_n_and_an_index_of_1_by_n(random_log, as_ofs, names, brands, alike):
    (row,) = of_few(with_brands(random_log, as_ofs, brands), as_ofs, names).to_dicts()
    assert row["brand_entropy"] == pytest.approx(math.log(alike))
    assert row["brand_herfindahl"] == pytest.approx(1 / alike)
    assert row["brand_entropy"] >= 0


def test_what_weighs_nothing_has_no_spread(random_log, as_ofs, names):
    returned = with_brands(random_log, as_ofs, [1, 2], action=ACTION_CODE["return"])
    (row,) = of_few(returned, as_ofs, names).to_dicts()
    assert (row["brand_entropy"], row["brand_herfindahl"]) == (None, None)


def test_ancient_events_still_have_a_spread(random_log, as_ofs, names):
    usual, rows = (of_few(random_log(1), as_ofs, names, half_life_days=days) for days in (30.0, 1e-4))
    spread = ["brand_entropy", "brand_herfindahl"]
    assert rows.select(pl.col(spread).is_null()).equals(usual.select(pl.col(spread).is_null()))
    assert rows["brand_herfindahl"].drop_nulls().is_between(0, 1 + 1e-12).all()


@pytest.mark.parametrize("wrong", [{"half_life_days": 0.0}, {"action_weights": {"gaze": 1.0}}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UsageError):
        list(concentration(**{"half_life_days": HALF_LIFE} | wrong))
