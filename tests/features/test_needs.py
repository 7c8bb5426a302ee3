from __future__ import annotations

import datetime as dt
import statistics as plain
from collections import defaultdict

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE, ACTIONS
from userprofile.errors import UsageError
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.needs import needs
from userprofile.schemas.gold import PopulationStatistics

DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)
HALF_LIFE, TOP = 10.0, 2
NOTHING = PopulationStatistics.create_empty()


def fading(event, as_of):
    return 2 ** -((as_of.instant - event["event_time"]) / DAY / HALF_LIFE)


def ranked(scores):
    total = sum(scores.values())
    strongest = sorted(scores, key=lambda value: (-scores[value], value))[:TOP]
    return [(value, pytest.approx(scores[value] / total)) for value in strongest]


def led_to_by_search(history):
    """The first view, click, cart or purchase after each search, if it comes within half an hour."""
    search = None
    for event in history:
        action = ACTIONS[event["action"]]
        if action == "search":
            search = event["event_time"]
        elif action in ("view", "click", "cart", "purchase"):
            if search is not None and event["event_time"] - search <= 30 * MINUTE:
                yield event
            search = None


def oracle_of(level):
    def oracle(history, as_of):
        queries, categories, wished = defaultdict(float), defaultdict(float), {}
        for event in history:
            if ACTIONS[event["action"]] == "search" and event["query"] is not None:
                queries[event["query"]] += fading(event, as_of)
            if ACTIONS[event["action"]] in ("favourite", "purchase") and event["item"] is not None:
                wished[event["item"]] = ACTIONS[event["action"]] == "favourite"
        for event in led_to_by_search(history):
            if event[f"category_{level}"] is not None:
                categories[event[f"category_{level}"]] += fading(event, as_of)
        ratings = [event["rating"] for event in history if event["rating"] is not None]
        sentiments = [event["sentiment"] for event in history if event["sentiment"] is not None]
        return {
            "top_queries": [{"name": query, "score": share} for query, share in ranked(queries)],
            "searched_category_affinity": [
                {"name": f"category_{level} / {code}", "score": share} for code, share in ranked(categories)
            ],
            "rating_mean": plain.fmean(ratings) if ratings else None,
            "rating_sd": plain.stdev(ratings) if len(ratings) >= 2 else None,
            "rating_count": len(ratings),
            "sentiment_mean": plain.fmean(sentiments) if sentiments else None,
            "favourites_open": sum(wished.values()),
        }

    return oracle


def test_needs_agree_with_plain_python(agrees):
    agrees(needs(half_life_days=HALF_LIFE, top=TOP), oracle_of(2))


def crowded(events, as_of):
    """Events as close together as in a session, a third of them searches."""
    minutes = (pl.col("event_order") % 97) * 17 % 300
    return events.with_columns(
        pl.lit(as_of.instant).cast(pl.Datetime("us", "UTC")).dt.offset_by("-5h").alias("event_time")
        + pl.duration(minutes=minutes),
        action=pl.when(pl.col("event_order") % 3 == 0).then(ACTION_CODE["search"]).otherwise("action").cast(pl.Int8),
    ).with_columns(known_at=pl.col("event_time"))


@pytest.mark.parametrize(("seed", "level"), [(0, 1), (1, 2), (2, 2)])
def test_searches_of_a_session_lead_to_categories(random_log, history_of, as_ofs, names, seed, level):
    as_of = as_ofs[0]
    events = crowded(random_log(seed), as_of)
    catalogue = compose(needs(half_life_days=HALF_LIFE, top=TOP, level=level))
    rows = features_per_user(events, as_ofs=[as_of], catalogue=catalogue, statistics=NOTHING, names=names).to_dicts()
    for row in rows:
        expected = oracle_of(level)(history_of(events, row["user_id"], as_of), as_of)
        assert row["searched_category_affinity"] == expected["searched_category_affinity"]
        assert row["top_queries"] == expected["top_queries"]
    assert sum(bool(row["searched_category_affinity"]) for row in rows) >= 6


@pytest.fixture
def session(random_log, as_ofs, names):
    """What is found to follow from searches where one person acts at these minutes, each act on a category."""

    def run(*acts):
        one = random_log(1).head(1)
        rows = [
            one.with_columns(
                pl.lit(as_ofs[0].instant - DAY + minute * MINUTE).cast(pl.Datetime("us", "UTC")).alias("event_time"),
                pl.lit(as_ofs[0].instant - DAY).cast(pl.Datetime("us", "UTC")).alias("known_at"),
                pl.lit(order, pl.Int64).alias("event_order"),
                pl.lit(ACTION_CODE[action], pl.Int8).alias("action"),
                pl.lit(category, pl.Int32).alias("category_2"),
                pl.lit(user).alias("user_id"),
            )
            for order, (user, minute, action, category) in enumerate(acts)
        ]
        catalogue = compose(needs(half_life_days=HALF_LIFE, top=TOP))
        events = pl.concat(rows)
        found = features_per_user(events, as_ofs=as_ofs[:1], catalogue=catalogue, statistics=NOTHING, names=names)
        lists = found["searched_category_affinity"].to_list()
        return [[pair["name"].removeprefix("category_2 / ") for pair in pairs] for pairs in lists]

    return run


def test_only_the_first_act_after_a_search_follows_from_it(session):
    assert session(("a", 0, "search", None), ("a", 5, "view", 10), ("a", 6, "view", 11)) == [["10"]]
    assert session(("a", 0, "search", None), ("a", 5, "favourite", 10), ("a", 6, "cart", 11)) == [["11"]]


def test_a_search_leads_for_half_an_hour(session):
    assert session(("a", 0, "search", None), ("a", 30, "view", 10)) == [["10"]]
    assert session(("a", 0, "search", None), ("a", 30.001, "view", 10)) == [[]]


def test_another_user_s_search_leads_nowhere(session):
    assert session(("a", 0, "search", None), ("b", 5, "view", 10)) == [[], []]


@pytest.mark.parametrize(
    "wrong",
    [{"half_life_days": 0.0}, {"top": 0}, {"level": 4}, {"search_leads_for": dt.timedelta(0)}],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UsageError):
        list(needs(**{"half_life_days": HALF_LIFE, "top": TOP} | wrong))
