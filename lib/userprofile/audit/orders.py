"""The reference's definitions of what a user orders: baskets, spend, coupons, returns, and when the next is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from statistics import fmean, stdev
from typing import Any

from userprofile.audit.past import DAY, Definition, Event, Past, of_some
from userprofile.columns import Action


def _order(event: Event) -> tuple[str, Any]:
    return ("instant", event["event_time"]) if event["order_id"] is None else ("number", event["order_id"])


def _orders(past: Past) -> list[list[Event]]:
    """Purchases of each order."""
    orders: dict[Any, list[Event]] = {}
    for event in past.did(Action.PURCHASE):
        orders.setdefault(_order(event), []).append(event)
    return list(orders.values())


def _known_sum(events: Sequence[Event]) -> int | None:
    amounts = [event["amount"] for event in events if event["amount"] is not None]
    return sum(amounts) if amounts else None


def _money(action: str, past: Past) -> int | None:
    """None done is 0; done for unknown amounts is unknown."""
    did = past.did(action)
    return _known_sum(did) if did else 0


def _spend_of_a_buyer(past: Past) -> int | None:
    return _known_sum(past.did(Action.PURCHASE))


def _average_order_value(past: Past) -> float | None:
    spend = _spend_of_a_buyer(past)
    return None if spend is None else spend / len(_orders(past))


def _discount_share(past: Past) -> float | None:
    bought = past.did(Action.PURCHASE)
    priced = [event for event in bought if event["amount"] is not None and event["discount"] is not None]
    gross = sum(event["amount"] + event["discount"] for event in priced)
    return sum(event["discount"] for event in priced) / gross if gross > 0 else None


def _last_order_amount(past: Past) -> int | None:
    bought = past.did(Action.PURCHASE)
    return _known_sum([event for event in bought if _order(event) == _order(bought[-1])])


def spend_trend(short: int, long: int, past: Past) -> float | None:
    """Of a Past whose window is the long one, in days."""
    recent = replace(past, since=past.as_of.instant - short * DAY)
    in_short, in_long = (_money(Action.PURCHASE, one) for one in (recent, past))
    return (in_short / short) / (in_long / long) if in_long and in_short is not None else None


def _items(past: Past) -> list[float]:
    return [sum(1 if event["quantity"] is None else event["quantity"] for event in order) for order in _orders(past)]


def _values(past: Past) -> list[float]:
    return [value for order in _orders(past) if (value := _known_sum(order)) is not None]


def _coupons(past: Past) -> list[float]:
    return [len({event["coupon_id"] for event in order} - {None}) for order in _orders(past)]


def _with_coupon(past: Past) -> list[float]:
    return [count > 0 for count in _coupons(past)]


def _interpurchase_days(past: Past) -> float | None:
    bought, orders = past.did(Action.PURCHASE), len(_orders(past))
    return (bought[-1]["event_time"] - bought[0]["event_time"]) / DAY / (orders - 1) if orders > 1 else None


def _overdue_ratio(past: Past) -> float | None:
    expected = _interpurchase_days(past)
    return past.days_before(past.did(Action.PURCHASE)[-1]) / expected if expected else None


def _return_rate(past: Past) -> float | None:
    bought = len(past.did(Action.PURCHASE))
    return len(past.did(Action.RETURN)) / bought if bought else None


def _return_share_of_spend(past: Past) -> float | None:
    returned, paid = (_money(action, past) for action in (Action.RETURN, Action.PURCHASE))
    return returned / paid if paid and returned is not None else None


def _purchase_days(past: Past) -> dict[date, list[Event]]:
    """Purchases of each calendar day, in order."""
    days: dict[date, list[Event]] = {}
    for event in past.did(Action.PURCHASE):
        days.setdefault(past.local_day(event), []).append(event)
    return days


def _btyd_frequency(past: Past) -> int | None:
    days = _purchase_days(past)
    return len(days) - 1 if days else None


def _btyd_recency(past: Past) -> int | None:
    days = _purchase_days(past)
    return (max(days) - min(days)).days if days else None


def _btyd_age(past: Past) -> int | None:
    days = _purchase_days(past)
    return (past.as_of.date - min(days)).days if days else None


def _values_of_repeats(past: Past) -> list[float]:
    repeats = list(_purchase_days(past).values())[1:]
    return [value for day in repeats if (value := _known_sum(day)) is not None]


def _item_repeat_share(past: Past) -> float | None:
    orders: dict[str, set[Any]] = {}
    for event in past.did(Action.PURCHASE):
        if event["item_id"] is not None:
            orders.setdefault(event["item_id"], set()).add(_order(event))
    return sum(len(of_item) > 1 for of_item in orders.values()) / len(orders) if orders else None


def _spread(values_of: Callable[[Past], list[float]], name: str) -> dict[str, Definition]:
    return {
        f"{name}_mean": partial(of_some, fmean, values_of, 1),
        f"{name}_sd": partial(of_some, stdev, values_of, 2),
        f"{name}_max": partial(of_some, max, values_of, 1),
    }


DEFINITIONS: dict[str, Definition] = {
    "spend": partial(_money, Action.PURCHASE),
    "orders": lambda past: len(_orders(past)),
    "average_order_value": _average_order_value,
    "discount_share": _discount_share,
    "last_order_amount": _last_order_amount,
    **_spread(_items, "basket_items"),
    **_spread(_values, "basket_value"),
    "coupon_share": partial(of_some, fmean, _with_coupon, 1),
    "coupons_per_order": partial(of_some, fmean, _coupons, 1),
    "return_rate": _return_rate,
    "return_share_of_spend": _return_share_of_spend,
    "interpurchase_days_mean": _interpurchase_days,
    "overdue_ratio": _overdue_ratio,
    "rfm_frequency": lambda past: len(_orders(past)) or None,
    "rfm_monetary": _spend_of_a_buyer,
    "btyd_frequency": _btyd_frequency,
    "btyd_recency_days": _btyd_recency,
    "btyd_age_days": _btyd_age,
    "btyd_monetary_value": partial(of_some, fmean, _values_of_repeats, 1),
    "item_repeat_share": _item_repeat_share,
}
