"""Several as-of dates in one pass, and a backfill that goes on where it stopped."""

from __future__ import annotations

import re

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from userprofile.pipelines.backfill import backfill
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.infer_profiles import infer_profiles


@pytest.fixture
def table(tmp_path):
    def read(name: str) -> pl.DataFrame:
        rows = DeltaTable(tmp_path / "warehouse" / "my_shop" / name.replace(".", "/")).to_pyarrow_table()
        return pl.DataFrame(rows).sort("user_id", "as_of_date")

    return read


def test_several_dates_in_one_pass_are_each_alone(job, refined, table):
    both = job("build_features", build_features, "--source", refined, "--as-of", "2024-01-21,2024-01-02")
    assert both.code == 0, both.errors
    together = table("gold.user_features")
    assert sorted(together["as_of_date"].cast(pl.String)) == ["2024-01-02", "2024-01-21", "2024-01-21"]
    alone = job("build_features", build_features, "--source", refined, "--as-of", "2024-01-02", "--force")
    assert alone.result["metrics"]["build_features"]["users"] == 1
    assert_frame_equal(table("gold.user_features"), together, check_exact=True)


def test_a_backfill_goes_on_where_it_stopped_and_names_what_was_done(job, refined, table):
    small = ["--set", "backfill.dates_per_pass=2"]
    job("build_features", build_features, "--source", refined, "--as-of", "2024-01-03")
    whole = job("backfill", backfill, "--source", refined, "--from", "2024-01-03", "--to", "2024-01-05", *small)
    assert "(1 dates: 2024-01-03)" in whole.printed
    assert re.search(r"2 of 3 dates done, at most \d+ s left", whole.printed)
    assert table("gold.user_features")["as_of_date"].n_unique() == 3


@pytest.mark.parametrize(
    "span", [["--from", "2024-01-05"], ["--from", "2024-01-05", "--to", "2024-01-04"], ["--to", "2024-01-05"], []]
)
def test_a_span_that_is_none_is_refused(job, refined, span):
    ended = job("backfill", backfill, "--source", refined, *span)
    assert ended.code == 2
    assert "FROM=" in ended.errors


def test_a_job_of_one_date_refuses_several(job, refined):
    ended = job("infer_profiles", infer_profiles, "--source", refined, "--as-of", "2024-01-02,2024-01-03")
    assert ended.code in (2, 3)
    assert "table gold.user_features has not been written" in ended.errors or "one as-of date" in ended.errors
