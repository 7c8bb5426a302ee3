"""Updates of real tables: what they leave equals what build_features makes of the same log, and they do less."""

from __future__ import annotations

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
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
def update(job, refined):
    """Updates to a date; the metrics of its steps."""

    def run(day: str, *more: str) -> dict:
        ended = job("update_features", update_features, "--source", refined, "--as-of", day, *more)
        assert ended.code == 0, ended.errors
        return ended.result["metrics"]

    return run


@pytest.fixture
def require_a_rebuilds(job, gold, refined):
    """Compares the rows of a date with those that a rebuild puts in their place, to the last bit."""

    def check(day: str) -> None:
        updated = gold(day)
        ended = job("build_features", build_features, "--source", refined, "--as-of", day, "--force")
        assert ended.code == 0, ended.errors
        for name, rows in gold(day).items():
            assert rows.height or name == "user_category_features", "this shop has no categories"
            assert_frame_equal(updated[name], rows, check_exact=True)

    return check


@pytest.mark.slow
def test_days_one_after_the_other_equal_a_rebuild(update, load, require_a_rebuilds, job, refined):
    """A day skipped, a file of a new day, a file with a late event, and the same day again."""
    first = update("2024-01-20")
    assert "start_date" not in first["build_features"]
    assert first["deal_events"]["new_events"] == 3
    load(refined, "later.csv", LATER)
    later = update("2024-01-22")
    assert (later["build_features"]["start_date"], later["build_features"]["users"]) == ("2024-01-20", 3)
    assert (later["deal_events"]["new_events"], later["deal_events"]["events"]) == (2, 5)
    load(refined, "late.csv", LATE)
    assert update("2024-01-22")["build_features"]["start_date"] == "2024-01-20"
    again = job("update_features", update_features, "--source", refined, "--as-of", "2024-01-22")
    assert "build_features: done before" in again.printed
    require_a_rebuilds("2024-01-22")


@pytest.mark.slow
def test_what_a_killed_run_left_is_not_counted_twice(update, load, require_a_rebuilds, refined, tmp_path):
    """Its commit stands, and no run is on record for it: the events are dealt anew."""
    update("2024-01-20")
    carried = tmp_path / "warehouse" / "my_shop" / "silver" / "user_events"
    write_deltalake(carried, DeltaTable(carried).to_pyarrow_table(), mode="append")
    load(refined, "later.csv", LATER)
    assert update("2024-01-22")["deal_events"]["new_events"] == 5
    require_a_rebuilds("2024-01-22")


@pytest.mark.slow
def test_rows_of_another_configuration_are_no_start_and_those_of_a_rebuild_are(
    update, load, require_a_rebuilds, job, refined
):
    update("2024-01-19")
    assert update("2024-01-20", "--set", "build_features.affinity_top=3")["build_features"].get("start_date") is None
    job("build_features", build_features, "--source", refined, "--as-of", "2024-01-20")
    load(refined, "later.csv", LATER)
    assert update("2024-01-22")["build_features"]["start_date"] == "2024-01-20"
    require_a_rebuilds("2024-01-22")


@pytest.mark.slow
def test_rows_of_a_table_that_was_compacted_are_no_start(job, update, load, refined, tmp_path):
    """Names of its files no longer tell whose rows they hold."""
    # So many that pseudonyms, which are random, deal them to more than one place.
    many = "".join(f"user{number},i3,view,2024-01-21 10:00,9.00\n" for number in range(40))
    load(refined, "later.csv", f"{LATER}{many}cyd,i3,view,2024-01-22 10:00,9.00\n")
    job("build_features", build_features, "--source", refined, "--as-of", "2024-01-22")
    features = DeltaTable(tmp_path / "warehouse" / "my_shop" / "gold" / "user_features")
    assert features.optimize.compact()["numFilesRemoved"] > 1
    ended = job("update_features", update_features, "--source", refined, "--as-of", "2024-01-23")
    assert ended.result["metrics"]["build_features"].get("start_date") is None
    assert "starts from nothing: every user is computed anew" in ended.printed
