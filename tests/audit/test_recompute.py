from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from userprofile.audit.recompute import differences
from userprofile.windows import AsOf


@pytest.fixture
def audited(raw_log, covered, as_ofs, given):
    def run(rows):
        return differences(rows, raw_log, features=covered.features, as_ofs=as_ofs, given=given)

    return run


def test_one_wrong_value_is_named_with_its_user(log, covered, rows_of, as_ofs, audited):
    rows = rows_of(log, as_ofs, covered).with_row_index()
    wrong = pl.when(pl.col("index") == 3).then(pl.col("orders_30d") + 1).otherwise("orders_30d")
    (found,) = audited(rows.with_columns(wrong.alias("orders_30d")))
    assert (found.feature, found.pairs, found.stored) == ("orders_30d", 1, found.recomputed + 1)
    assert (found.user_id, found.as_of_date) == rows.select("user_id", "as_of_date").row(3)


def test_null_is_not_zero(log, covered, rows_of, as_ofs, audited):
    rows = rows_of(log, as_ofs, covered)
    zero = rows.filter(pl.col("spend_7d") == 0).height
    swapped = rows.with_columns(pl.when(pl.col("spend_7d") != 0).then("spend_7d").alias("spend_7d"))
    assert {found.feature: found.pairs for found in audited(swapped)} == {"spend_7d": zero}


def test_a_table_that_looked_a_day_ahead_is_found_out(log, covered, rows_of, as_ofs, timezone, audited):
    ahead = [AsOf.at(as_of.date + dt.timedelta(days=1), timezone) for as_of in as_ofs]
    rows = rows_of(log, ahead, covered).with_columns(pl.col("as_of_date") - pl.duration(days=1))
    wrong = {found.feature for found in audited(rows)}
    assert {"tenure_days", "days_since_any", "purchase_count_all", "active_days_7d"} <= wrong


def test_a_row_of_a_user_without_a_history_is_found_out(log, covered, rows_of, as_ofs, audited):
    rows = rows_of(log, as_ofs, covered).head(1).with_columns(user_id=pl.lit("nobody"))
    assert {"tenure_days", "days_since_any"} <= {found.feature for found in audited(rows)}
