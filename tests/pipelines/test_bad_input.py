"""Whatever is wrong with the input: one clear message, the right exit code, nothing lost, no stack trace."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from deltalake import DeltaTable

from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.build_training_set import build_training_set
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events, replay_quarantine


def quiet(ended) -> bool:
    return "Traceback" not in ended.errors and "at org.apache" not in ended.errors + ended.printed


def test_a_missing_file_is_named(job, mapping):
    ended = job("ingest_events", ingest_events, "--source", mapping, "--input", "nowhere.csv")
    assert ended.code == 2
    assert "nowhere.csv" in ended.errors
    assert quiet(ended)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda good: b"", "is empty"),
        (lambda good: gzip.compress(good * 500)[:-30], "gzip"),
        (lambda good: good + "zoë,i1,view,2024-01-01 10:00,1\n".encode("latin-1"), "is not utf-8"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_and_nothing_is_taken_in(job, mapping, good, log, tmp_path, content, says):
    path = tmp_path / ("broken.csv.gz" if says == "gzip" else "broken.csv")
    path.write_bytes(content(good.encode()))
    ended = job("ingest_events", ingest_events, "--source", mapping, "--input", log(good), str(path))
    assert ended.code == 3
    assert says in ended.errors
    assert path.name in ended.errors
    assert quiet(ended)
    assert not (tmp_path / "warehouse" / "my_shop" / "bronze" / "events").exists()


def test_a_wrong_delimiter_is_guessed_at(job, mapping, good, log):
    ended = job("ingest_events", ingest_events, "--source", mapping, "--input", log(good.replace(",", ";")))
    assert ended.code == 2
    assert "delimiter" in ended.errors
    assert "who;what;did;at;cost" in ended.errors
    assert quiet(ended)


def test_a_missing_column_is_named_with_the_columns_seen(job, mapping, good, log):
    text = good.replace("cost", "total")
    ended = job("ingest_events", ingest_events, "--source", mapping, "--input", log(text))
    assert ended.code == 2
    assert quiet(ended)
    assert "price" in ended.errors
    assert "who, what, did, at, total" in ended.errors


def test_bad_rows_go_to_quarantine_and_the_balance_holds(job, mapping, good, log):
    bad = "cid,i1,teleport,2024-01-03 10:00,1\ncid,i1,view,2024-01-03 10:00,-4\nann,i1,view,2024-01-01 10:00,1.00\n"
    path = log(good + bad)
    assert job("ingest_events", ingest_events, "--source", mapping, "--input", path).code == 0
    ended = job("refine_events", refine_events, "--source", mapping)
    figures = ended.result["metrics"]["refine_events"]
    assert ended.code == 0, ended.errors
    assert (figures["in"], figures["accepted"], figures["duplicate"], figures["quarantined"]) == (6, 3, 1, 2)
    assert figures["reasons"] == {"unknown_action": 1, "negative_price": 1}


def test_a_mended_mapping_brings_rows_back_from_quarantine(job, mapping, header, good, log):
    """Of one of two files, which were refined together: rows of the other share its files in the tables."""
    path = log(good + "cid,i1,teleport,2024-01-03 10:00,1\n")
    other = log(header + "".join(f"dora,i1,view,2024-01-0{day} 10:00,1\n" for day in range(1, 10)), "other.csv")
    job("ingest_events", ingest_events, "--source", mapping, "--input", path, other)
    job("refine_events", refine_events, "--source", mapping)
    mended = Path(mapping).read_text().replace("action: did", "action: {sql: did, values: {teleport: view}}")
    Path(mapping).write_text(mended)
    ended = job("replay_quarantine", replay_quarantine, "--source", mapping)
    figures = ended.result["metrics"]["replay_quarantine"]
    assert ended.code == 0, ended.errors
    assert (figures["in"], figures["accepted"], figures["quarantined"]) == (4, 4, 0)
    assert ended.result["tables"]["silver.events"]["rows"] == 13
    assert ended.result["tables"]["quarantine.events"]["rows"] == 0


def test_a_price_is_odd_beside_those_of_earlier_files_too(job, mapping, header, log, tmp_path):
    """A day's file alone holds too few prices to know what is usual."""
    usual = "".join(f"ann,i1,view,2024-01-01 10:{minute},{price}\n" for minute, price in enumerate(range(10, 40), 10))
    first = log(header + usual)
    second = log(header + "bob,i1,view,2024-01-02 10:00,25\nbob,i1,view,2024-01-02 11:00,9999\n", "next.csv")
    for path in (first, second):
        assert job("ingest_events", ingest_events, "--source", mapping, "--input", path).code == 0
        assert job("refine_events", refine_events, "--source", mapping).code == 0
    events = DeltaTable(tmp_path / "warehouse" / "my_shop" / "silver" / "events").to_pyarrow_table().to_pylist()
    assert [event["price"] for event in events if event["is_price_outlier"]] == [999_900]


def test_what_a_later_file_says_of_an_item_outlives_the_replay_of_an_earlier_one(job, mapping, header, log, tmp_path):
    """Where items come from events; their brand here is the text of the price."""
    Path(mapping).write_text(Path(mapping).read_text() + "items:\n  columns: {item_id: what, brand: cost}\n")
    earlier = log(
        header + "ann,i1,view,2024-01-01 10:00,1\nann,i2,view,2024-01-01 11:00,1\ncid,i3,teleport,2024-01-03 10:00,1\n"
    )
    later = log(header + "ann,i1,view,2024-01-02 10:00,2\n", "later.csv")
    for path in (earlier, later):
        job("ingest_events", ingest_events, "--source", mapping, "--input", path)
        job("refine_events", refine_events, "--source", mapping)
    mended = Path(mapping).read_text().replace("action: did", "action: {sql: did, values: {teleport: view}}")
    Path(mapping).write_text(mended)
    assert job("replay_quarantine", replay_quarantine, "--source", mapping).code == 0
    items = DeltaTable(tmp_path / "warehouse" / "my_shop" / "silver" / "items").to_pyarrow_table()
    assert dict(zip(items["item_id"].to_pylist(), items["brand"].to_pylist(), strict=True)) == {
        "i1": "2", "i2": "1", "i3": "1",
    }  # fmt: skip


def test_too_much_quarantine_stops_the_run_and_writes_nothing(job, mapping, header, log, tmp_path):
    path = log(header + "ann,i1,view,yesterday,1\nbob,i1,view,yesterday,1\ncid,i1,view,2024-01-01 10:00,1\n")
    job("ingest_events", ingest_events, "--source", mapping, "--input", path)
    ended = job("refine_events", refine_events, "--source", mapping)
    assert ended.code == 3
    assert "2 unreadable_time" in ended.errors
    assert quiet(ended)
    assert not (tmp_path / "warehouse" / "my_shop" / "silver" / "events").exists()


def test_no_row_left_is_an_end_of_its_own(job, mapping, header, log):
    path = log(header + ",i1,view,2024-01-01 10:00,1\n")
    drop = ["--set", "source.row_without_user=count_and_drop"]
    job("ingest_events", ingest_events, "--source", mapping, "--input", path, *drop)
    ended = job("refine_events", refine_events, "--source", mapping, *drop)
    assert ended.code == 3
    assert "no row is left" in ended.errors
    assert quiet(ended)


def test_a_header_alone_is_an_end_of_its_own(job, mapping, header, log):
    job("ingest_events", ingest_events, "--source", mapping, "--input", log(header))
    ended = job("refine_events", refine_events, "--source", mapping)
    assert ended.code == 3
    assert "no row is left" in ended.errors
    assert quiet(ended)


@pytest.mark.parametrize("as_of", ["2023-12-31", "2024-01-01", "2024-01-22"])
def test_an_as_of_date_outside_the_log_is_refused_with_its_range(job, refined, as_of):
    ended = job("build_features", build_features, "--source", refined, "--as-of", as_of)
    assert ended.code == 3
    assert "2024-01-02 to 2024-01-21" in ended.errors
    assert quiet(ended)


def test_a_horizon_that_never_matures_skips_the_training_set_with_its_reason(job, refined):
    long = ["--set", "source.horizon=400d"]
    ended = job("build_training_set", build_training_set, "--source", refined, *long)
    assert ended.code == 0
    assert "no label can mature" in ended.result["metrics"]["build_training_set"]["skipped"]


def test_a_job_before_its_time_names_the_one_that_comes_first(job, mapping):
    ended = job("build_features", build_features, "--source", mapping)
    assert ended.code == 3
    assert "make refine_events" in ended.errors
    assert quiet(ended)


def test_a_wrong_setting_stops_before_any_work(job, mapping, tmp_path):
    ended = job("ingest_events", ingest_events, "--source", mapping, "--set", "train_model.epochs=-1")
    assert ended.code == 2
    assert "train_model.epochs" in ended.errors
    assert not (tmp_path / "warehouse").exists()


def test_a_file_without_rows_does_not_hide_the_next_one(job, mapping, header, good, log):
    job("ingest_events", ingest_events, "--source", mapping, "--input", log(header, "empty.csv"))
    ended = job("ingest_events", ingest_events, "--source", mapping, "--input", log(good, "good.csv"))
    assert ended.result["metrics"]["ingest_events"]["events_rows_added"] == 3


def test_going_back_to_an_earlier_mapping_refines_again(job, refined):
    now = Path(refined).read_text()
    later = now.replace("max_quarantined_share: 0.5", "max_quarantined_share: 0.5, earliest_date: 2024-01-02")
    for text, accepted in ((later, 2), (now, 3)):
        Path(refined).write_text(text)
        ended = job("refine_events", refine_events, "--source", refined)
        assert ended.result["tables"]["silver.events"]["rows"] == accepted, ended.errors


def test_a_second_file_adds_to_the_first_and_its_copies_are_duplicates(job, refined, good, log):
    more = good + "cid,i3,view,2024-01-21 09:00,1\n"
    job("ingest_events", ingest_events, "--source", refined, "--input", log(more, "two.csv"))
    ended = job("refine_events", refine_events, "--source", refined)
    figures = ended.result["metrics"]["refine_events"]
    assert (figures["in"], figures["accepted"], figures["duplicate"]) == (4, 1, 3)
    assert ended.result["tables"]["silver.events"]["rows"] == 4


def test_a_lost_pseudonym_key_stops_the_run(job, refined, tmp_path):
    (tmp_path / "secrets" / "pseudonym.key").unlink()
    ended = job("refine_events", refine_events, "--source", refined, "--force")
    assert ended.code == 2
    assert "pseudonym key" in ended.errors
