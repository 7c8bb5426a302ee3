from __future__ import annotations

import datetime as dt

from userprofile.columns import ACTION_CODE
from userprofile.features.monetary import monetary
from userprofile.windows import ALL_HISTORY, Window

DAY = dt.timedelta(days=1)


def order_key(event):
    return ("number", event["order"]) if event["order"] is not None else ("instant", event["event_time"])


def known_sum(events):
    amounts = [event["amount"] for event in events if event["amount"] is not None]
    return sum(amounts) if amounts or not events else None


def oracle(history, as_of):
    bought = [event for event in history if event["action"] == ACTION_CODE["purchase"]]
    last_order = [event for event in bought if order_key(event) == order_key(bought[-1])]
    priced = [event for event in bought if event["amount"] is not None and event["discount"] is not None]
    gross = sum(event["amount"] + event["discount"] for event in priced)
    values = {
        "discount_share": sum(event["discount"] for event in priced) / gross if gross else None,
        "last_order_amount": known_sum(last_order) if bought else None,
    }
    for name, days in (("30d", 30), ("90d", 90), ("all", 10_000)):
        inside = [event for event in bought if as_of.instant - days * DAY <= event["event_time"]]
        orders, spend = len({order_key(event) for event in inside}), known_sum(inside)
        average = spend / orders if orders and spend is not None else None
        values |= {f"spend_{name}": spend, f"orders_{name}": orders, f"average_order_value_{name}": average}
    recent, longer = values["spend_30d"], values["spend_90d"]
    trend = (recent / 30) / (longer / 90) if longer and recent is not None else None
    return values | {"spend_trend_30d_90d": trend}


def test_money_agrees_with_plain_python(agrees):
    agrees(monetary([Window(90), Window(30), ALL_HISTORY]), oracle)


def test_each_finite_window_has_a_trend_against_the_next_longer_one():
    names = [feature.name for feature in monetary([ALL_HISTORY, Window(30), Window(7), Window(7), Window(90)])]
    assert [name for name in names if "trend" in name] == ["spend_trend_7d_30d", "spend_trend_30d_90d"]
