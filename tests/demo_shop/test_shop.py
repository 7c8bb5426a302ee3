from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from userprofile.demo_shop import Shop
from userprofile.errors import UsageError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("users", 0),
        ("days", 0),
        ("seed", -1),
        ("items", 10),
        ("duplicate_rate", 1.0),
        ("late_rate", -0.1),
        ("malformed_rate", 1.5),
        ("bot_share", float("nan")),
        ("fraud_share", 1.0),
        ("dispute_share", -0.1),
    ],
)
def test_an_impossible_value_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=name) as refusal:
        replace(Shop(users=10, days=10, seed=1), **{name: value})
    assert str(value) in str(refusal.value)


def test_somebody_must_be_an_ordinary_user() -> None:
    with pytest.raises(UsageError, match=r"bot_share \+ fraud_share"):
        Shop(users=10, days=10, seed=1, bot_share=0.5, fraud_share=0.5)


def test_the_log_spans_its_days_from_midnight_utc() -> None:
    shop = Shop(users=1, days=2, seed=1, start=date(1970, 1, 2))
    assert (shop.opens, shop.closes) == (86_400_000_000, 3 * 86_400_000_000)
