"""Whatever is wrong with the input: one clear message, the right exit code, nothing lost, no stack trace."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.build_training_set import build_training_set
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events, replay_quarantine

MAPPING = """
timezone: UTC
currency: EUR
gap: 0d
horizon: 7d
settings: {refine_events: {max_quarantined_share: 0.5}}
events:
  columns:
    user_id: who
    item_id: what
    action: did
    event_time: {sql: at, pattern: yyyy-MM-dd HH:mm}
    price: cost
"""
HEADER = "who,what,did,at,cost\n"
GOOD = (
    HEADER + "ann,i1,view,2024-01-01 10:00,1.00\nbob,i1,purchase,2024-01-02 11:00,2.50\nann,i2,view,2024-01-20 09:00,\n"
)


@pytest.fixture
def mapping(tmp_path: Path) -> str:
    path = tmp_path / "my_shop.yaml"
    path.write_text(MAPPING)
    return str(path)


def log(tmp_path: Path, text: str, name: str = "log.csv") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


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
        (b"", "is empty"),
        (gzip.compress(GOOD.encode() * 500)[:-30], "gzip"),
        (GOOD.encode() + "zoë,i1,view,2024-01-01 10:00,1\n".encode("latin-1"), "is not utf-8"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_and_nothing_is_taken_in(job, mapping, tmp_path, content, says):
    path = tmp_path / ("broken.csv.gz" if says == "gzip" else "broken.csv")
    path.write_bytes(content)
    good = log(tmp_path, GOOD)
    ended = job("ingest_events", ingest_events, "--source", mapping, "--input", good, str(path))
    assert ended.code == 3
    assert says in ended.errors
    assert path.name in ended.errors
    assert quiet(ended)
    assert not (tmp_path / "warehouse" / "my_shop" / "bronze" / "events").exists()


def test_a_wrong_delimiter_is_guessed_at(job, mapping, tmp_path):
    ended = job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, GOOD.replace(",", ";")))
    assert ended.code == 2
    assert "delimiter" in ended.errors
    assert "who;what;did;at;cost" in ended.errors
    assert quiet(ended)


def test_a_missing_column_is_named_with_the_columns_seen(job, mapping, tmp_path):
    text = GOOD.replace("cost", "total")
    ended = job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, text))
    assert ended.code == 2
    assert quiet(ended)
    assert "price" in ended.errors
    assert "who, what, did, at, total" in ended.errors


def test_bad_rows_go_to_quarantine_and_the_balance_holds(job, mapping, tmp_path):
    bad = "cid,i1,teleport,2024-01-03 10:00,1\ncid,i1,view,2024-01-03 10:00,-4\nann,i1,view,2024-01-01 10:00,1.00\n"
    path = log(tmp_path, GOOD + bad)
    assert job("ingest_events", ingest_events, "--source", mapping, "--input", path).code == 0
    ended = job("refine_events", refine_events, "--source", mapping)
    figures = ended.result["metrics"]["refine_events"]
    assert ended.code == 0, ended.errors
    assert (figures["in"], figures["accepted"], figures["duplicate"], figures["quarantined"]) == (6, 3, 1, 2)
    assert figures["reasons"] == {"unknown_action": 1, "negative_price": 1}


def test_a_mended_mapping_brings_rows_back_from_quarantine(job, mapping, tmp_path):
    path = log(tmp_path, GOOD + "cid,i1,teleport,2024-01-03 10:00,1\n")
    job("ingest_events", ingest_events, "--source", mapping, "--input", path)
    job("refine_events", refine_events, "--source", mapping)
    Path(mapping).write_text(MAPPING.replace("action: did", "action: {sql: did, values: {teleport: view}}"))
    ended = job("replay_quarantine", replay_quarantine, "--source", mapping)
    figures = ended.result["metrics"]["replay_quarantine"]
    assert ended.code == 0, ended.errors
    assert (figures["in"], figures["accepted"], figures["quarantined"]) == (4, 4, 0)
    assert ended.result["tables"]["silver.events"]["rows"] == 4
    assert ended.result["tables"]["quarantine.events"]["rows"] == 0


def test_too_much_quarantine_stops_the_run_and_writes_nothing(job, mapping, tmp_path):
    path = log(tmp_path, HEADER + "ann,i1,view,yesterday,1\nbob,i1,view,yesterday,1\ncid,i1,view,2024-01-01 10:00,1\n")
    job("ingest_events", ingest_events, "--source", mapping, "--input", path)
    ended = job("refine_events", refine_events, "--source", mapping)
    assert ended.code == 3
    assert "2 unreadable_time" in ended.errors
    assert quiet(ended)
    assert not (tmp_path / "warehouse" / "my_shop" / "silver" / "events").exists()


def test_no_row_left_is_an_end_of_its_own(job, mapping, tmp_path):
    path = log(tmp_path, HEADER + ",i1,view,2024-01-01 10:00,1\n")
    drop = ["--set", "source.row_without_user=count_and_drop"]
    job("ingest_events", ingest_events, "--source", mapping, "--input", path, *drop)
    ended = job("refine_events", refine_events, "--source", mapping, *drop)
    assert ended.code == 3
    assert "no row is left" in ended.errors
    assert quiet(ended)


def test_a_header_alone_is_an_end_of_its_own(job, mapping, tmp_path):
    job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, HEADER))
    ended = job("refine_events", refine_events, "--source", mapping)
    assert ended.code == 3
    assert "no row is left" in ended.errors
    assert quiet(ended)


@pytest.mark.parametrize("as_of", ["2023-12-31", "2024-01-01", "2024-01-22"])
def test_an_as_of_date_outside_the_log_is_refused_with_its_range(job, mapping, tmp_path, as_of):
    job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, GOOD))
    job("refine_events", refine_events, "--source", mapping)
    ended = job("build_features", build_features, "--source", mapping, "--as-of", as_of)
    assert ended.code == 2
    assert "2024-01-02 to 2024-01-21" in ended.errors
    assert quiet(ended)


def test_a_horizon_that_never_matures_skips_the_training_set_with_its_reason(job, mapping, tmp_path):
    job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, GOOD))
    job("refine_events", refine_events, "--source", mapping)
    long = ["--set", "source.horizon=400d"]
    ended = job("build_training_set", build_training_set, "--source", mapping, *long)
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


def test_a_file_without_rows_does_not_hide_the_next_one(job, mapping, tmp_path):
    job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, HEADER, "empty.csv"))
    ended = job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, GOOD, "good.csv"))
    assert ended.result["metrics"]["ingest_events"]["events_rows_added"] == 3


def test_going_back_to_an_earlier_mapping_refines_again(job, mapping, tmp_path):
    job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, GOOD))
    later = MAPPING.replace("max_quarantined_share: 0.5", "max_quarantined_share: 0.5, earliest_date: 2024-01-02")
    for text, accepted in ((MAPPING, 3), (later, 2), (MAPPING, 3)):
        Path(mapping).write_text(text)
        ended = job("refine_events", refine_events, "--source", mapping)
        assert ended.result["tables"]["silver.events"]["rows"] == accepted, ended.errors


def test_a_second_file_adds_to_the_first_and_its_copies_are_duplicates(job, mapping, tmp_path):
    job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, GOOD, "one.csv"))
    job("refine_events", refine_events, "--source", mapping)
    more = GOOD + "cid,i3,view,2024-01-21 09:00,1\n"
    job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, more, "two.csv"))
    ended = job("refine_events", refine_events, "--source", mapping)
    figures = ended.result["metrics"]["refine_events"]
    assert (figures["in"], figures["accepted"], figures["duplicate"]) == (4, 1, 3)
    assert ended.result["tables"]["silver.events"]["rows"] == 4


def test_a_lost_pseudonym_key_stops_the_run(job, mapping, tmp_path):
    job("ingest_events", ingest_events, "--source", mapping, "--input", log(tmp_path, GOOD))
    job("refine_events", refine_events, "--source", mapping)
    (tmp_path / "secrets" / "pseudonym.key").unlink()
    ended = job("refine_events", refine_events, "--source", mapping, "--force")
    assert ended.code == 2
    assert "pseudonym key" in ended.errors
