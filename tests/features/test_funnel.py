from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE
from userprofile.errors import UsageError
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.frequency import frequency
from userprofile.features.funnel import funnel
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import ALL_HISTORY, Window

WINDOWS = [Window(30), ALL_HISTORY]
STRENGTH = 8.0
SHARES = {"view": 0.4, "cart": 0.1, "purchase": 0.3, "exposure": 0.2}  # nobody clicks; more is bought than put in carts
OF_POPULATION = {("view", "cart"): 0.25, ("cart", "purchase"): 1.0, ("exposure", "click"): None}


def shares(as_ofs, of_action):
    rows = [(as_of.date, "action_share", *share) for as_of in as_ofs for share in of_action.items()]
    return pl.DataFrame(rows, schema=PopulationStatistics.create_empty().schema, orient="row")


@pytest.fixture
def rates(as_ofs, names):
    def run(events, of_action=SHARES, **settings):
        catalogue = compose(frequency(WINDOWS), funnel(WINDOWS, **settings))
        statistics = shares(as_ofs, of_action)
        return features_per_user(events, as_ofs=as_ofs, catalogue=catalogue, statistics=statistics, names=names)

    return run


def oracle(history, as_of):
    values = {}
    for name, days in (("30d", 30), ("all", 10_000)):
        inside = [event for event in history if as_of.instant - dt.timedelta(days=days) <= event["event_time"]]
        for (start, success), mean in OF_POPULATION.items():
            n, k = (sum(event["action"] == ACTION_CODE[action] for event in inside) for action in (start, success))
            rate = None if mean is None else (min(k, n) + STRENGTH * mean) / (n + STRENGTH)
            values[f"{start}_to_{success}_{name}"] = rate
        values[f"cart_abandonment_{name}"] = 1 - values[f"cart_to_purchase_{name}"]
    return values


def near(rate):
    return rate if rate is None else pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_rates_agree_with_plain_python(rates, random_log, history_of, as_ofs, seed):
    events = random_log(seed)
    for row in rates(events, prior_strength=STRENGTH).to_dicts():
        as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
        expected = oracle(history_of(events, row["user_id"], as_of), as_of)
        assert {name: row[name] for name in expected} == {name: near(rate) for name, rate in expected.items()}


def test_one_who_does_nothing_is_as_the_population(rates, random_log):
    row, *_ = rates(random_log(0).filter(pl.col("action") == ACTION_CODE["search"])).to_dicts()
    assert row["view_to_cart_all"] == pytest.approx(0.25)
    assert row["cart_abandonment_all"] == pytest.approx(0.0)


def test_rates_are_shares_however_much_is_bought_without_a_cart(rates, random_log):
    rows = rates(random_log(0), prior_strength=1e-9)
    for name in ("view_to_cart_all", "cart_to_purchase_all", "cart_abandonment_30d"):
        assert rows[name].is_between(0, 1).all()


def test_without_statistics_rates_are_null(rates, random_log):
    rows = rates(random_log(0), of_action={})
    assert rows["view_count_all"].sum() > 0
    assert rows["view_to_cart_all"].null_count() == rows["cart_abandonment_all"].null_count() == rows.height


def test_a_prior_without_strength_is_refused():
    with pytest.raises(UsageError):
        list(funnel(WINDOWS, prior_strength=0))
