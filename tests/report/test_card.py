"""The card out of plain values: reasons, and what the log does not know."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import polars as pl
import pytest

from userprofile.columns import ACTIONS
from userprofile.report.card import card_page
from userprofile.report.facts import Facts
from userprofile.report.page import template_of
from userprofile.report.report import examples_section

PROFILE = {
    "user_id": "0123abcd", "as_of_date": date(2024, 5, 31), "model_version": "m", "days_since_any": 3.2,
    "days_since_purchase": None, "tenure_days": 40.0, "orders_all": 0, "spend_all": None, "currency": None,
    "rfm_segment": None, "category_1_affinity": [], "category_2_affinity": [], "brand_affinity": [],
    "price_band_affinity": None, "tags": ["new"],
    "purchase_probability": 0.25, "churn_probability": None, "expected_spend": None, "days_to_purchase": None,
    "risk_probability": None,
    "next_action": None, "next_categories": None, "next_item": None, "window_items": None,
    "served_by": [{"score": "purchase", "model": "rfm_logistic"}], "scores_missing_because": None,
    "attributes": None, "consent": ["profiling", "personalisation", "marketing"], "events_version": 1,
    "features_version": 2, "training_version": None, "code_version": "c", "config_version": "k",
    "scored_at": datetime(2024, 6, 1, 8, tzinfo=UTC),
}  # fmt: skip
FEATURES = dict.fromkeys(
    ("due_next", "top_queries", "favourites_open", "first_seen", "last_seen", "active_days_all", "sessions_all",
     "average_order_value_all", "distinct_items_all", "return_count_all", "complaint_count_all", "rating_mean",
     "channel_shares")
)  # fmt: skip
SEQUENCE = pl.DataFrame(
    {
        "action": ["view", "purchase", "view"], "category": ["<b>", None, "Tea"], "price_band": [None, 3, 3],
        "gap_days": [0.0, 1.5, 0.0], "age_days": [3.0, 1.5, 1.5], "item": [7, 7, None],
    }
)  # fmt: skip


@pytest.fixture
def page():
    def of(sequence=SEQUENCE, changes=None, features=None, ranks=None, **profile):
        months = pl.DataFrame({"month": ["2024-05"], **{act: [int(act == "view")] for act in ACTIONS}})
        return card_page(
            Facts(
                source="shop", profile={**PROFILE, **profile}, features={**FEATURES, **(features or {})}, months=months,
                events=pl.DataFrame(), sequence=sequence, titles={}, ranks=ranks or {}, minor_units=2,
                horizon_days=28, changes=changes,
            )
        )  # fmt: skip

    return of


def test_what_is_not_known_is_not_told_as_zero(page):
    told = page()
    assert "Known for 40 days, has not bought yet; last seen 3 days ago." in told
    assert "Spent" not in told
    assert "None" not in told
    assert "No reasons are there for this score." in told
    assert "25.0 %" in told


def test_nobody_has_more_than_all_users(page):
    assert "more than 99 % of users" in page(ranks={"purchase_probability": 0.9996})


def test_a_score_has_its_own_reasons_and_three_at_most(page):
    reasons = [
        {"score": score, "direction": direction, "share": 0.125, "text": f"{score} reason {place} <i>"}
        for score, direction, count in (("purchase", "raises", 4), ("churn", "lowers", 1))
        for place in range(count)
    ]
    told = page(reasons=reasons)
    assert told.count('<li class="raises">purchase reason') == 3
    assert "churn reason" not in told
    assert 'purchase reason 0 &lt;i&gt; <small class="quiet">raises it, 12.5 % of what moved it</small>' in told
    assert "No reasons" not in told


def test_without_scores_the_reason_is_told(page):
    told = page(purchase_probability=None, served_by=None, scores_missing_because="the log is too short")
    assert "No scores: the log is too short." in told


def test_a_score_that_is_not_known_is_told_with_its_own_reason(page):
    served = [{"score": name, "model": "network"} for name in ("purchase", "churn", "days_to_purchase")]
    because = "spend: nobody spends in the training rows; risk: the log does not say which events are a <risk>"
    told = page(served_by=served, scores_missing_because=because)
    assert dict(re.findall("<dt>(.*?)</dt><dd>Not known: (.*?)[.]</dd>", told)) == {
        "Leaves: buys nothing within 28 days": "the user has not bought of late, and so cannot leave",
        "Expected to spend within 28 days": "nobody spends in the training rows",
        "Half of such users buy within": "fewer than half of such users buy within 28 days",
        "Fraud, a chargeback or abuse within 28 days": "the log does not say which events are a &lt;risk&gt;",
    }
    assert "Not known: the model has not learnt it." in page()


def test_a_sequence_is_told_event_by_event_with_what_was_seen_before(page):
    table = page().partition("Numbers of The last 3 events")[2].partition("</table>")[0]
    rows = [row.count("yes") for row in table.partition("<tbody>")[2].split("</tr>")[:3]]
    assert rows == [0, 1, 0]
    assert "&lt;b&gt;" in table
    assert "The last" not in page(sequence=SEQUENCE.clear())


def test_what_changed_since_the_date_before_is_told_to_who_may_see_scores(page):
    moved = [
        {"score": "purchase", "before": 0.125, "now": 0.5, "noise": 0.1},
        {"score": "spend", "before": 1000.0, "now": 250.0, "noise": 100.0},
    ]
    changes = {
        "before_date": date(2024, 5, 1),
        "tags_gained": ["<new>"],
        "tags_lost": ["lapsed"],
        "scores_moved": moved,
    }
    told = " ".join(page(changes=changes).partition('id="changes"')[2].partition("</p>")[0].split())
    assert "Since 2024-05-01:" in told
    assert 'gained <span class="chip">&lt;new&gt;</span>' in told
    assert 'lost <span class="chip">lapsed</span>' in told
    assert "Buys within 28 days: 12.5 % → 50.0 %; Expected to spend within 28 days: 10.00 → 2.50" in told
    nothing = {**changes, "tags_gained": [], "tags_lost": [], "scores_moved": []}
    assert "nothing moved" in page(changes=nothing)
    assert 'id="changes"' not in page()
    assert 'id="changes"' not in page(changes=changes, consent=["personalisation"])


def test_an_id_that_is_markup_stays_text(page):
    told = page(user_id='"><b>', sequence=SEQUENCE.clear())
    assert "<b>" not in told
    assert "<code>&#34;&gt;&lt;b&gt;</code>" in told
    examples = [{"user_id": '"><b>', "tags": [], "rfm_segment": None, "spend_all": None}]
    shown = template_of("sections/examples.html").render(values=examples_section(examples).values)
    assert "<b>" not in shown
    assert "&#34;&gt;&lt;b&gt;" in shown


def test_prices_that_a_user_leans_to_are_told_in_the_currency(page):
    prices = [{"name": "5 to 10", "score": 0.75}, {"name": "1 to 2", "score": 0.25}]
    told = page(price_band_affinity=prices, currency="EUR").partition("Numbers of Price bands, EUR")[2]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", told.partition("<tbody>")[2].partition("</tbody>")[0])
    assert cells == ["5 to 10", "75.0 %", "1 to 2", "25.0 %"]
    assert "Price bands</figcaption>" in page(price_band_affinity=prices)
    assert "Price bands" not in page()


def test_what_a_user_declares_is_told_as_the_profile_has_it(page):
    declared = [{"name": "age_band", "value": "25-34"}, {"name": "region", "value": "<b>"}]
    assert "Declares age band 25-34, region &lt;b&gt;." in page(attributes=declared)
    assert "Declares" not in page()


def section(told, name):
    return " ".join(told.partition(f'<section id="{name}"')[2].partition("</section>")[0].split())


def test_what_is_due_again_and_wanted_now_is_told_as_the_features_have_it(page):
    due = [{"name": "<i>Tea", "score": 1.254}, {"name": "Jam", "score": 0.9}]
    queries = [{"name": "green <b>", "score": 0.75}, {"name": "pots", "score": 0.25}]
    told = section(page(features={"due_next": due, "top_queries": queries, "favourites_open": 1}), "now")
    assert re.findall("<tr><th scope=.row.>(.*?)</th><td>(.*?)</td></tr>", told) == [
        ("&lt;i&gt;Tea", "overdue: 125 % of the usual time has passed"),
        ("Jam", "due soon: 90 % of the usual time has passed"),
    ]
    assert re.findall('<span class="chip">(.*?)</span>', told) == ["green &lt;b&gt;", "pots"]
    assert "1 item wished for and not bought since." in told
    nothing = section(page(features={"due_next": [], "top_queries": [], "favourites_open": 0}), "now")
    assert "Nothing is due." in nothing
    assert "No searches are known." in nothing
    assert "0 items wished for" in nothing


@pytest.mark.parametrize("consent", [[], ["marketing"], ["profiling", "research"]])
def test_the_scope_of_consent_is_told_purpose_by_purpose_and_kept(page, consent):
    due = [{"name": "Tea", "score": 1.25}]
    told = page(consent=consent, features={"due_next": due, "favourites_open": 3})
    rows = re.findall('<th scope="row">(.*?)</th><td class="state (.*?)">(.*?)</td>', section(told, "consent"))
    assert rows == [
        (purpose, "done" if purpose in consent else "failed", "granted" if purpose in consent else "not granted")
        for purpose in ("profiling", "personalisation", "marketing")
    ]
    assert ("of the usual time has passed" in told) == ("marketing" in consent)
    assert "wished for" not in told


def test_the_versions_that_made_it_are_told(page):
    told = page(model_version="shop-<1>", training_version=7).partition("<footer>")[2]
    assert (
        "Model shop-&lt;1&gt;, scored 2024-06-01 08:00 UTC; silver.events v1, gold.user_features v2,"
        " gold.training_examples v7; code c, configuration k."
    ) in told
    assert "gold.training_examples" not in page()
