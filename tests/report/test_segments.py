"""Segments of two dates: which number each has, and what is said of how many users stayed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from itertools import permutations

import polars as pl
import pytest
from pyspark.sql import functions as F
from sklearn.metrics import adjusted_rand_score

from userprofile.pipelines.segment_users import USER_SEGMENTS, segment_users
from userprofile.schemas.gold import UserSegments
from userprofile.tables.store import Store

pytestmark = pytest.mark.slow

EARLIER, NOW = "2024-05-01", "2024-05-31"


def of_date(shop, as_of, name=USER_SEGMENTS):
    rows = shop.table(name).filter(pl.col("as_of_date") == date.fromisoformat(as_of))
    return rows.sort([column for column in ("user_id", "segment") if column in rows.columns])


def test_a_first_segmentation_has_numbers_by_size_and_nothing_to_be_held_against(shop):
    segments = of_date(shop, EARLIER, "gold.segments")
    assert segments["segment"].to_list() == [1, 2, 3]
    assert segments["users"].is_sorted(descending=True)
    assert segments["kept"].to_list() == segments["adjusted_rand"].to_list() == [None] * 3


def test_segments_keep_their_numbers_and_say_how_many_users_stayed(shop):
    both = of_date(shop, NOW).join(of_date(shop, EARLIER), "user_id", suffix="_before")
    assert both.height == of_date(shop, EARLIER).height > 0
    now, before = both["segment"], both["segment_before"]
    kept = (now == before).mean()
    assert 0.5 < kept < 1  # some moved
    for numbers in permutations([1, 2, 3]):  # by no others would more users have stayed
        assert (now.replace([1, 2, 3], numbers) == before).mean() <= kept
    segments = of_date(shop, NOW, "gold.segments")
    assert segments["kept"].to_list() == pytest.approx([kept] * 3)
    assert segments["adjusted_rand"].to_list() == pytest.approx([adjusted_rand_score(before, now)] * 3)


@pytest.fixture
def again(spark, shop, tmp_path):
    """The segments of a date once more, after columns of the other date's were changed."""

    def segmented(as_of, **changed):
        root = tmp_path / "warehouse"
        shutil.copytree(shop.folder / "warehouse", root)
        store = Store(spark, str(root / "my_shop"))
        rows = store.read(store.pin(USER_SEGMENTS), UserSegments).localCheckpoint()
        here = F.col("as_of_date") == F.lit(as_of).cast("date")
        columns = {name: F.when(here, F.col(name)).otherwise(F.lit(value)) for name, value in changed.items()}
        store.replace(rows.withColumns(columns), USER_SEGMENTS, UserSegments)
        shop.run(segment_users, "--as-of", as_of, "--force", "--set", f"warehouse={root}")
        return of_date(replace(shop, folder=tmp_path), as_of, "gold.segments")

    return segmented


def test_again_it_is_held_against_the_date_before_and_not_against_itself(shop, again):
    assert again(NOW).equals(of_date(shop, NOW, "gold.segments"))


@pytest.mark.parametrize(
    ("as_of", "changed"),
    [(EARLIER, {"model_version": "of a later date"}), (NOW, {"embedding_space": "another"})],
)
def test_neither_a_later_date_nor_another_space_is_held_against(again, as_of, changed):
    segments = again(as_of, **changed)
    assert segments["kept"].to_list() == [None] * 3
    assert segments["users"].is_sorted(descending=True)


def test_what_is_expected_of_segments_is_measured_on_those_of_the_date(shop, tmp_path):
    root, expected = tmp_path / "warehouse", tmp_path / "expected.yaml"
    shutil.copytree(shop.folder / "warehouse", root)
    expected.write_text("check_tables: {tables: {gold.user_segments: {rows: 1}}}")
    shop.run(segment_users, "--as-of", NOW, "--force", "--conf", str(expected), "--set", f"warehouse={root}")
    checks = replace(shop, folder=tmp_path).table("ops.checks").filter(pl.col("check") == USER_SEGMENTS)
    assert set(checks["rows"]) == {of_date(shop, NOW).height}
