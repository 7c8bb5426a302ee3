from __future__ import annotations

import datetime as dt
import json

from userprofile.audit.drift import Drift
from userprofile.audit.findings import Findings
from userprofile.audit.later_events import Change
from userprofile.audit.recompute import Difference
from userprofile.audit.signals import Signal

DAY = dt.date(2024, 3, 20)
FOUND = Findings(
    source="my_shop",
    as_of=DAY,
    version=3,
    pairs=200,
    left_out=1,
    columns=("orders_7d", "peek", "brand_affinity", "spend_all"),
    covered=("orders_7d", "spend_all"),
    differences=[Difference("spend_all", 7, "a1b2", DAY, 100, None)],
    changes=[Change("peek", "events at as_of", 190)],
    signals=[Signal("peek", 0.999, 0.5, 0.001, too_good=True), Signal("orders_7d", None, 0.0, 0.001, too_good=False)],
    drifts=[
        Drift("orders_7d", "2024-02-01", "2024-03-01", 0.2, 0.05),
        Drift("orders_7d", "2024-03-01", "2024-03-20", 0.3, 0.05),
        Drift("spend_all", "a", "b", 0.3, 0.5),
    ],
    unscored="no gold.user_features",
)


def test_leaks_come_from_raw_rows_and_from_later_events():
    assert FOUND.leaking == ["peek", "spend_all"]


def test_the_page_says_what_a_reader_asks():
    page = FOUND.to_markdown()
    assert "**2 of 4 columns leak.**" in page
    assert "| spend_all | 7 | a1b2 | 2024-03-20 | 100 | null |" in page
    assert "| peek | events at as_of | 190 |" in page
    assert "| peek | 0.999 |" in page
    assert "| orders_7d | 0.3 | 2024-03-01 | 2024-03-20 | 0.05 | large | 2 |" in page
    assert "| a | b |" not in page
    assert "Recomputed from raw rows, and tried with later events: 2 columns.\n\norders_7d, spend_all" in page
    assert "Only tried with later events: 2 columns.\n\npeek, brand_affinity" in page
    assert "no gold.user_features" in page


def test_the_data_say_the_same():
    tree = json.loads(FOUND.to_json())
    assert tree["leaking"] == ["peek", "spend_all"]
    assert tree["differences"][0]["recomputed"] is None
    assert [drift["strength"] for drift in tree["drifts"]] == ["noticeable", "large", ""]
