from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from userprofile.explain.wording import Wording


def said(wording: Wording, **reason: Any) -> str:
    row = {"code": "orders", "unit": "count", "value": 3.0, "usual": 9.66, "window_days": 90, "name": None, **reason}
    kinds = {"value": pl.Float64, "usual": pl.Float64, "window_days": pl.Int32, "name": pl.String}
    (text,) = wording.with_text(pl.DataFrame([row], schema_overrides=kinds))["text"]
    return str(text)


NAN = float("nan")


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ({}, "orders in 90 days: 3 (usual 9.7)"),
        ({"window_days": 0}, "orders in all: 3 (usual 9.7)"),
        ({"usual": NAN}, "orders in 90 days: 3"),
        ({"value": NAN}, "orders"),
        (
            {"code": "spend", "unit": "money", "value": 28239.0, "usual": 5000.0, "window_days": 30},
            "spent in 30 days: 282.39 EUR (usual 50 EUR)",
        ),
        (
            {"code": "discounts", "unit": "share", "value": 0.126, "usual": 0.0},
            "saved by discounts: 13 % of spend (usual 0 %)",
        ),
        (
            {"code": "purchase_recency", "unit": "days", "value": 61.7, "usual": 21.0},
            "last purchase 62 days ago, usual gap 21 days",
        ),
        (
            {"code": "category_met", "value": 4.0, "usual": 7.0, "name": "Phones {value}"},
            "Phones {value} visited 4\u00d7 and not bought, last 7 days ago",
        ),
        (
            {"code": "purchase_recency", "unit": "days", "value": 1.2, "usual": 0.8},
            "last purchase 1 day ago, usual gap 1 day",
        ),
        ({"value": 1.0, "usual": 1.0, "window_days": 1}, "orders in 1 day: 1 (usual 1)"),
        ({"code": "other_events", "value": 1.0, "usual": NAN}, "1 other event of late"),
        ({"code": "other_events", "value": 11.0, "usual": NAN}, "11 other events of late"),
        ({"code": "rule_base_rate", "value": NAN}, "as everyone"),
    ],
)
def test_a_reason_reads_as_people_write(wording: Wording, reason: dict[str, Any], text: str) -> None:
    assert said(wording, **reason) == text


def test_rows_keep_their_order(wording: Wording) -> None:
    rows = pl.DataFrame(
        {
            "code": ["tenure", "orders", "tenure"],
            "unit": ["days", "count", "days"],
            "value": [1.0, 2.0, 3.0],
            "usual": [None, None, None],
            "window_days": [0, 30, 0],
            "name": [None, None, None],
        },
        schema_overrides={"usual": pl.Float64, "name": pl.String},
    ).with_columns(pl.col("usual").fill_null(NAN))
    assert wording.with_text(rows)["text"].to_list() == ["known for 1 day", "orders in 30 days: 2", "known for 3 days"]
