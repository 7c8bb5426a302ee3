from __future__ import annotations

import random
import statistics as plain
from collections import defaultdict

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE
from userprofile.features.assemble import features_per_user
from userprofile.features.baskets import baskets
from userprofile.features.catalogue import compose
from userprofile.features.frequency import frequency
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import ALL_HISTORY

COUNTS = ("return_count_all", "purchase_count_all")
CATALOGUE = compose((feature for feature in frequency([ALL_HISTORY]) if feature.name in COUNTS), baskets())

# Per date and category: most of category 2 was free, and later the population knows nothing of category 3.
MEDIANS = ({1: 700.0, 2: 0.0, 3: 30.0}, {1: 900.0, 2: 0.0})


@pytest.fixture(scope="module")
def medians(as_ofs):
    rows = [
        {"as_of_date": as_of.date, "statistic": "category_1_price_median", "key": str(category), "value": median}
        for as_of, of_date in zip(as_ofs, MEDIANS, strict=True)
        for category, median in of_date.items()
    ]
    return PopulationStatistics.validate(pl.DataFrame(rows), cast=True)


@pytest.fixture(scope="module")
def log(random_log):
    """Some events name a coupon."""

    def make(seed):
        events, rng = random_log(seed), random.Random(seed)
        coupons = pl.Series([rng.choice([None, None, 1, 2]) for _ in range(events.height)], dtype=pl.Int64)
        return events.with_columns(coupons.alias("coupon"))

    return make


def spread(name, values):
    return {
        f"{name}_mean": sum(values) / len(values) if values else None,
        f"{name}_sd": plain.stdev(values) if len(values) > 1 else None,
        f"{name}_max": max(values, default=None),
    }


def oracle(history, median):
    bought = [event for event in history if event["action"] == ACTION_CODE["purchase"]]
    returned = sum(event["action"] == ACTION_CODE["return"] for event in history)
    orders = defaultdict(list)
    for event in bought:
        orders[event["order"] or ("at", event["event_time"])].append(event)
    items = [sum(1 if event["quantity"] is None else event["quantity"] for event in order) for order in orders.values()]
    amounts = [[event["amount"] for event in order if event["amount"] is not None] for order in orders.values()]
    with_coupon = [any(event["coupon"] is not None for event in order) for order in orders.values()]
    ratios = [
        event["price"] / median(event["category_1"])
        for event in bought
        if event["price"] is not None and median(event["category_1"])
    ]
    return {
        **spread("basket_items", items),
        **spread("basket_value", [sum(known) for known in amounts if known]),
        "coupon_share": sum(with_coupon) / len(with_coupon) if with_coupon else None,
        "return_rate": returned / len(bought) if bought else None,
        "price_to_category_median": sum(ratios) / len(ratios) if ratios else None,
        "return_count_all": returned,
        "purchase_count_all": len(bought),
    }


@pytest.mark.parametrize("seed", range(5))
def test_baskets_agree_with_plain_python(log, history_of, as_ofs, medians, names, seed):
    events = log(seed)
    rows = features_per_user(events, as_ofs=as_ofs, catalogue=CATALOGUE, statistics=medians, names=names)
    assert rows["price_to_category_median"].count() >= rows.height / 2
    for row in rows.to_dicts():
        place = [as_of.date for as_of in as_ofs].index(row.pop("as_of_date"))
        expected = oracle(history_of(events, row.pop("user_id"), as_ofs[place]), MEDIANS[place].get)
        assert row == {
            name: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
            for name, value in expected.items()
        }


def test_the_entries_say_when_they_are_null():
    for feature in baskets():
        assert feature.dtype.nullable
        assert feature.null
        assert feature.unit
        assert "before as_of" in feature.says
