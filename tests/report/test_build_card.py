"""The card of a user: what the tables know of them, as far as they have consented."""

from __future__ import annotations

import re
from itertools import pairwise

import polars as pl
import pytest
from markupsafe import escape

from userprofile.pipelines.build_card import build_card
from userprofile.pipelines.build_report import build_report

pytestmark = pytest.mark.slow

WITHHELD = "Withheld: this user has not consented to {}."


@pytest.fixture(scope="module")
def card(shop):
    """The card of a raw user id."""

    def build(raw):
        user = shop.user(raw)
        shop.run(build_card, "--pseudonym", user)
        return (shop.pages / "cards" / f"{user}.html").read_text()

    return build


@pytest.fixture
def profile(profiles, shop):
    def of(raw):
        return profiles.filter(pl.col("user_id") == shop.user(raw)).to_dicts()[0]

    return of


def test_scores_tags_and_history_are_those_of_the_tables(shop, card, profile):
    page, row = card("u2"), profile("u2")
    assert f"{100 * row['purchase_probability']:.1f} %" in page
    assert f"{row['expected_spend'] / 100:,.2f} EUR" in page
    events = shop.table("silver.events").filter(pl.col("user_id") == shop.user("u2"))
    latest = events.sort("event_time", "event_order").tail(1).to_dicts()[0]
    local = events.select(pl.col("event_time").max().dt.convert_time_zone("Europe/Paris")).item()
    first_row = page.partition('aria-label="Last events"')[2].partition("<tbody>")[2].partition("</tr>")[0]
    assert f"{local:%Y-%m-%d %H:%M}" in first_row
    assert f">{latest['action']}<" in first_row
    bought = events.filter(pl.col("action") == "purchase")
    assert f"<dt>Orders</dt><dd>{row['orders_all']:,}</dd>" in page
    assert bought.height >= row["orders_all"] > 0
    assert "Thing &amp; i2-1" in page
    assert {one["name"] for one in row["price_band_affinity"]} == bands_met(shop, "u2")
    assert "Numbers of Price bands, EUR" in page
    assert f"Model {row['model_version']}" in page


def bands_met(shop, raw):
    """The bands of all prices of what the user did that says something for liking."""
    events = shop.table("silver.events").filter(pl.col("user_id") == shop.user(raw))
    prices = events.filter(pl.col("action").is_in(["view", "cart", "purchase", "favourite"]))["price"].drop_nulls()
    bands = list(pairwise(step * 10**decade for decade in range(7) for step in (1, 2, 5)))
    return {f"{low / 100:.12g} to {high / 100:.12g}" for low, high in bands for price in prices if low <= price < high}


def test_needs_consent_and_versions_are_those_of_the_tables(shop, card, profile):
    page, row = " ".join(card("u2").split()), profile("u2")
    features = shop.table("gold.user_features").filter(pl.col("as_of_date") == row["as_of_date"])
    (needs,) = features.filter(pl.col("user_id") == row["user_id"]).to_dicts()
    now = page.partition('<section id="now"')[2].partition("</section>")[0]
    assert re.findall('<tr><th scope="row">(.*?)</th><td>.*?: ([0-9]+) % of', now) == [
        (one["name"], f"{100 * one['score']:.0f}") for one in needs["due_next"]
    ]
    assert re.findall('<span class="chip">(.*?)</span>', now) == [one["name"] for one in needs["top_queries"]]
    assert f"{needs['favourites_open']} item wished for" in now
    assert needs["due_next"]
    assert needs["top_queries"]
    for raw in ("u0", "u1", "u2"):
        states = re.findall('<th scope="row">([a-z]+)</th><td class="state [a-z]+">(.*?)</td>', card(raw))
        assert [purpose for purpose, state in states if state == "granted"] == sorted(
            profile(raw)["consent"], key=["profiling", "personalisation", "marketing"].index
        )
    versions = {one["table"]: one["version"] for run in shop.table("ops.runs").to_dicts() for one in run["outputs"]}
    footer = page.partition("<footer>")[2]
    assert f"silver.events v{versions['silver.events']}, gold.user_features v{row['features_version']}" in footer
    assert f"code {row['code_version']}, configuration {row['config_version']}" in footer


def test_a_rank_is_the_share_of_users_with_less(card, profile, profiles):
    page, row = card("u2"), profile("u2")
    less = (profiles["purchase_probability"] < row["purchase_probability"]).mean()
    told = page.partition("more than ")[2].partition(" %")[0]
    assert float(told) / 100 == pytest.approx(less, abs=0.03)


def test_without_any_consent_only_what_happened_is_told(card, profile):
    page, row = card("u0"), profile("u0")
    assert row["consent"] == []
    for purpose in ("profiling", "personalisation", "marketing"):
        assert WITHHELD.format(purpose) in page
    tags = [f'class="chip">{tag}<' for tag in row["tags"]]
    hidden = [f"{100 * row['purchase_probability']:.1f} %", *tags, "Segment:", "Likely to buy", "Likes "]
    assert [one for one in hidden if one in page] == []
    assert "Last events" in page


def test_each_purpose_shows_its_own_part_and_no_other(card, profile):
    page, row = card("u1"), profile("u1")
    assert row["consent"] == ["profiling"]
    assert f"{100 * row['purchase_probability']:.1f} %" in page
    assert WITHHELD.format("profiling") not in page
    assert "Likely to buy first" not in page
    assert page.count(WITHHELD.format("personalisation")) == 2
    assert WITHHELD.format("marketing") in page
    everything = card("u2")
    assert "Withheld" not in everything
    assert "Likely to buy first" in everything


def test_titles_and_ids_that_are_scripts_stay_text(card):
    page = card("u2")
    assert "&lt;script&gt;alert" in page
    assert "<script" not in page


def test_a_raw_id_that_is_a_script_is_on_no_page(shop, card, profile, report):
    row = profile(shop.nasty_user)
    assert re.fullmatch("[0-9a-f]+", row["user_id"])
    for page in (card(shop.nasty_user), report.read_text()):
        assert "<script" not in page
        assert str(escape(shop.nasty_user)) not in page


def test_a_user_who_is_not_there_is_told_so_and_no_other_is_guessed(shop):
    known = shop.user("u2")
    ended = shop.run(build_card, "--pseudonym", known[:-1], code=2)
    assert f"no user {known[:-1]} has a profile as of 2024-05-31" in ended["said"]
    assert known not in ended["said"]
    assert not (shop.pages / "cards" / f"{known[:-1]}.html").exists()
    nobody = shop.run(build_card, code=2)
    assert "no user is named" in nobody["said"]


def test_the_pages_of_a_report_link_to_cards_that_are_there(report, profiles):
    linked = re.findall(r'href="cards/([0-9a-f]+)\.html"', report.read_text())
    assert linked
    assert set(linked) <= set(profiles["user_id"])
    assert set(linked) <= {path.stem for path in (report.parent / "cards").glob("*.html")}


def test_a_card_of_nobody_stops_no_run_and_leaves_the_page_as_it_is(shop, report):
    page = report.read_text()
    shop.run(build_card, "--pseudonym", "nobody", code=2)
    shop.run(build_report)
    assert report.read_text() == page
