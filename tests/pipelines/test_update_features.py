"""Updates of real tables: what they leave equals what build_features makes of the same log, and they do less."""

from __future__ import annotations

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events
from userprofile.pipelines.update_features import update_features

TABLES = ("user_features", "user_sequences", "user_category_features", "item_features", "population_statistics")
LATER = "cyd,i3,view,2024-01-21 10:00,9.00\nann,i1,purchase,2024-01-21 12:00,1.00\n"
LATE = "bob,i2,cart,2024-01-03 10:00,4.00\n"


@pytest.fixture
def gold(tmp_path):
    """Each table's rows as of a date, in one order."""

    def read(day: str) -> dict[str, pl.DataFrame]:
        folder = tmp_path / "warehouse" / "my_shop" / "gold"
        rows = {name: pl.DataFrame(DeltaTable(folder / name).to_pyarrow_table()) for name in TABLES}
        of_day = {name: frame.filter(pl.col("as_of_date") == pl.lit(day).str.to_date()) for name, frame in rows.items()}
        return {name: frame.sort(frame.columns[:4], maintain_order=True) for name, frame in of_day.items()}

    return read


@pytest.fixture
def load(job, log, header):
    """Takes in a further file."""

    def run(mapping: str, name: str, rows: str) -> None:
        for step, pipeline in (("ingest_events", ingest_events), ("refine_events", refine_events)):
            given = ["--input", log(header + rows, name)] if step == "ingest_events" else []
            assert job(step, pipeline, "--source", mapping, *given).code == 0

    return run


@pytest.fixture
def update(job, gold, refined):
    """Updates to a date; the metrics of its step. What it left is compared with a rebuild."""

    def run(day: str) -> dict:
        ended = job("update_features", update_features, "--source", refined, "--as-of", day, "--verbose")
        assert ended.code == 0, ended.errors
        updated = gold(day)
        job("build_features", build_features, "--source", refined, "--as-of", day, "--force")
        for name, rows in gold(day).items():
            assert rows.height or name == "user_category_features"  # this shop has no categories
            assert_frame_equal(updated[name], rows, check_exact=True)
        # The rebuild's files are not those of buckets: leave what an update leaves.
        job("update_features", update_features, "--source", refined, "--as-of", day, "--force")
        return ended.result["metrics"]

    return run


@pytest.mark.slow
def test_any_day_equals_a_rebuild(update, load, refined):
    assert update("2024-01-20")["build_features"]["updated_from"] == ""
    assert update("2024-01-21")["build_features"]["updated_from"] == "2024-01-20"
    load(refined, "later.csv", LATER)
    later = update("2024-01-22")
    assert later["build_features"]["updated_from"] == "2024-01-21"
    assert later["build_features"]["users"] == 3
    load(refined, "late.csv", LATE)
    assert update("2024-01-22")["build_features"]["updated_from"] == "2024-01-21"
