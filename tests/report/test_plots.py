"""Kinds of plots: the numbers behind them, and what is told to who cannot see them."""

from __future__ import annotations

import re

import polars as pl

from userprofile.report.month_plots import month_lines, stacked_months
from userprofile.report.people import cohorts
from userprofile.report.plots import bars, gains
from userprofile.report.quality import Judged, verdict
from userprofile.report.score_plots import Measured, Spread, calibration, measures, spread_plot


def label(plot):
    return re.search(r'aria-label="([^"]*)"', plot.svg)[1]


def test_bars_tell_their_numbers():
    plot = bars("b", "Users", {"a": 1_234, "b": 5}, unit="Users")
    assert plot.rows == [("a", "1,234"), ("b", "5")]
    assert label(plot) == "Users: a 1,234; b 5"
    assert bars("b", "Shares", {"a": 0.125}, unit="Share", shares=True).rows == [("a", "12.5 %")]


def test_a_name_too_long_for_a_phone_is_cut_in_the_plot_and_whole_in_the_table():
    name = "x" * 60
    plot = bars("b", "t", {name: 1}, unit="u")
    assert plot.rows[0][0] == name
    assert f"{'x' * 29}…</text>" in plot.svg


def test_months_have_a_row_each_and_a_column_a_part():
    plot = stacked_months("m", "Events", ["2024-01", "2024-02"], {"view": [1, 2], "cart": [3, 0]})
    assert plot.columns == ("Month", "view", "cart")
    assert plot.rows == [("2024-01", "1", "3"), ("2024-02", "2", "0")]
    assert label(plot) == "Events, 2024-01 to 2024-02, at most 4"
    assert month_lines("l", "Users", ["2024-01", "2024-02"], {"all": [0, 0]}).rows == [
        ("2024-01", "0"),
        ("2024-02", "0"),
    ]


def test_models_are_in_order_of_what_they_reached():
    models = [Measured("simple", 3.0), Measured("net_work", 1.0, 0.5, 1.5)]
    plot = measures("m", "t", models, serves="net_work", unit="mae", larger_is_better=False)
    assert plot.rows == [("net work, serves", "1 [0.5, 1.5]"), ("simple", "3")]
    best = Judged("spend", "net_work", "mae", False, models)
    assert verdict(best) == "mae 1 [0.5, 1.5]; the best other, simple, reaches 3"
    undefined = Judged("purchase", "lightgbm", "auc", True, [Measured("simple", 0.5)])
    assert verdict(undefined) == "auc is undefined on so few test users"


def test_spreads_curves_and_gains_tell_their_numbers():
    spread = spread_plot(Spread("purchase", "How sure", [0, 0.5, 1], [3, 40], True))
    assert spread.rows == [("0.0 % to 50.0 %", "3"), ("50.0 % to 100.0 %", "40")]
    assert label(spread) == "How sure: most users, 40, have 50.0 % to 100.0 %"
    curve = calibration(
        "c", "True?", [{"said": 0.1, "came": 0.1, "rows": 9.0}, {"said": 0.5, "came": 0.7, "rows": 9.0}]
    )
    assert "50.0 % was said and 70.0 % came" in label(curve)
    assert gains("g", "Tags", {"new": (3, 0)}).rows == [("new", "3", "0")]


def test_a_cohort_has_a_share_for_every_month_also_for_one_in_which_nobody_bought():
    rows = [("2023-12", "2023-12", 4), ("2023-12", "2024-02", 1), ("2024-02", "2024-02", 2)]
    found = cohorts(pl.DataFrame(rows, schema=["cohort", "month", "users"], orient="row"))
    assert [(one.month, one.users, one.shares) for one in found] == [
        ("2023-12", 4, [1.0, 0.0, 0.25]),
        ("2024-02", 2, [1.0]),
    ]
    assert cohorts(pl.DataFrame(schema={"cohort": pl.String, "month": pl.String, "users": pl.Int64})) == []
