"""What moved of a user from one date to the next: by rule, and as the table that scoring leaves."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from deltalake import DeltaTable
from pyspark.sql.pandas.types import from_arrow_schema

from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.infer_profiles import infer_profiles
from userprofile.pipelines.profile_changes import changes, noise_of
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.profiles import ProfileChanges, UserProfiles

THEN, NOW = date(2024, 5, 1), date(2024, 5, 15)
NOISE = {"purchase": 0.1, "churn": 0.3, "risk": 0.1, "spend": 50.0, "days_to_purchase": 1.0}


@pytest.fixture
def moved(spark):
    """Rows of changes by user, of the profiles of two dates by user."""
    schema = from_arrow_schema(arrow_schema(UserProfiles))

    def rows(then, now):
        sides = [
            spark.createDataFrame(
                [
                    tuple(
                        {"user_id": user, "as_of_date": day, "model_version": f"m{day.day}", **known}.get(name)
                        for name in schema.names
                    )
                    for user, known in of_users.items()
                ],
                _nullable(schema),
            )
            for day, of_users in ((THEN, then), (NOW, now))
        ]
        frame = pl.DataFrame(changes(sides[1], sides[0], NOISE).toArrow())
        return {row["user_id"]: row for row in frame.select(ProfileChanges.column_names()).to_dicts()}

    return rows


def _nullable(schema):
    for field in schema.fields:
        field.nullable = True
    return schema


@pytest.mark.parametrize(
    ("score", "column", "before", "now", "moves"),
    [
        ("purchase", "purchase_probability", 0.25, 0.5, True),
        ("purchase", "purchase_probability", 0.25, 0.3, False),
        ("churn", "churn_probability", 0.25, 0.5, False),  # both models are off by more
        ("churn", "churn_probability", 0.9, 0.5, True),
        ("risk", "risk_probability", None, 0.5, False),
        ("spend", "expected_spend", 1000, 1099, False),
        ("spend", "expected_spend", 1000, 900, True),
        ("spend", "expected_spend", 100, 149, False),  # the models are off by more
        ("spend", "expected_spend", 0, 0, False),
        ("days_to_purchase", "days_to_purchase", 2.0, 2.5, False),
        ("days_to_purchase", "days_to_purchase", 8.0, 4.0, True),
        ("days_to_purchase", "days_to_purchase", 8.0, None, False),
    ],
)
def test_a_score_moves_where_it_leaves_the_noise(moved, score, column, before, now, moves):
    (row,) = moved({"u": {"tags": [], column: before}}, {"u": {"tags": [], column: now}}).values()
    assert [(one["score"], one["before"], one["now"]) for one in row["scores_moved"]] == [(score, before, now)] * moves


def test_noise_is_how_far_off_two_models_were():
    one = {"calibration_error": {"purchase": 0.06, "churn": None}, "served_by": {"spend": "lightgbm"}}
    one["test"] = {"spend": {"lightgbm": {"mae": 900.0}, "network": {"mae": 2000.0}}}
    other = {"calibration_error": {"purchase": 0.07, "churn": 0.02}, "served_by": {}}
    assert noise_of([one, other]) == {
        "purchase": pytest.approx(0.13), "churn": 0.1, "risk": 0.1, "spend": 900.0, "days_to_purchase": 1.0,
    }  # fmt: skip
    assert noise_of([{}, {}])["spend"] == 0.0


def test_tags_come_and_go_and_who_is_new_has_no_row(moved):
    then = {"a": {"tags": ["new", "rising"]}, "b": {"tags": []}}
    now = {"a": {"tags": ["rising", "at risk"]}, "b": {"tags": []}, "c": {"tags": ["new"]}}
    rows = moved(then, now)
    assert set(rows) == {"a", "b"}
    assert (rows["a"]["tags_gained"], rows["a"]["tags_lost"]) == (["at risk"], ["new"])
    assert rows["a"]["before_date"] == THEN
    assert (rows["a"]["model_version"], rows["a"]["before_model_version"]) == ("m15", "m1")
    assert rows["b"]["tags_gained"] == rows["b"]["tags_lost"] == rows["b"]["scores_moved"] == []


@pytest.mark.slow
def test_the_table_follows_the_dates_in_any_order(job, refined, tmp_path):
    dates = ["2024-01-02", "2024-01-10", "2024-01-21"]

    def table():
        rows = DeltaTable(tmp_path / "warehouse/my_shop/gold/profile_changes").to_pyarrow_table()
        return sorted(set(pl.DataFrame(rows).select(pl.col("as_of_date", "before_date").cast(pl.String)).iter_rows()))

    def scored(day, *more):
        ended = job("infer_profiles", infer_profiles, "--source", refined, "--as-of", day, *more)
        assert ended.code == 0, ended.errors

    assert job("build_features", build_features, "--source", refined, "--as-of", ",".join(dates)).code == 0
    scored(dates[0])
    assert not (tmp_path / "warehouse/my_shop/gold/profile_changes").exists()
    scored(dates[2])
    assert table() == [(dates[2], dates[0])]
    scored(dates[1])
    assert table() == [(dates[1], dates[0]), (dates[2], dates[1])]
    scored(dates[1], "--force")
    assert table() == [(dates[1], dates[0]), (dates[2], dates[1])]
