from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from userprofile.errors import DataGateError, UsageError
from userprofile.events.files import Form, field_names, find_files, inspect_file, require_whole

TEXT = "user,item\n1,caf\u00e9\n"


@pytest.fixture
def write(tmp_path):
    """Writes bytes under a name and gives the URI."""

    def put(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path.as_uri()

    return put


def test_files_by_path_glob_folder_and_uri(write, tmp_path, monkeypatch):
    names = ["b.csv", "a.csv", "day/c.csv", "day/night/d.csv", "day/_SUCCESS", "day/.part.crc"]
    uri = {name: write(name, b"x") for name in names}
    assert find_files([str(tmp_path / "a.csv")], folder=None) == [uri["a.csv"]]
    assert find_files([str(tmp_path / "*.csv")], folder=None) == [uri["a.csv"], uri["b.csv"]]
    assert find_files([str(tmp_path / "day")], folder=None) == [uri["day/c.csv"], uri["day/night/d.csv"]]
    assert find_files([uri["b.csv"], str(tmp_path / "b.csv")], folder=None) == [uri["b.csv"]]
    monkeypatch.chdir(tmp_path / "day")
    assert find_files(["c.csv"], folder=tmp_path) == [uri["day/c.csv"]]


def test_relative_names_are_found_below_the_data_folder(write, tmp_path):
    uri = write("logs/a.csv", b"x")
    assert find_files(["logs/*.csv"], folder=tmp_path) == [uri]


def test_a_file_here_goes_before_one_in_the_data_folder(write, tmp_path, monkeypatch):
    here, _ = write("here/a.csv", b"x"), write("there/a.csv", b"y")
    monkeypatch.chdir(tmp_path / "here")
    assert find_files(["a.csv"], folder=tmp_path / "there") == [here]


def test_data_that_a_package_carries():
    [uri] = find_files(["package:yaml/__init__.py"], folder=None)
    assert Path(uri.removeprefix("file://")).parts[-2:] == ("yaml", "__init__.py")


@pytest.mark.parametrize("name", ["day [1].csv", "caf\u00e9 & 100%.csv", "a+b.csv"])
def test_names_with_marks_are_names(write, tmp_path, name):
    uri = write(name, TEXT.encode())
    assert find_files([str(tmp_path / name)], folder=None) == [uri]
    assert inspect_file(uri, encoding="utf-8", is_text=True).problem == ""


@pytest.mark.parametrize(
    "pattern",
    ["gone.csv", "*.nothing", "package:yaml/gone", "package:no_such_package/a", "file:///gone/away.csv", "."],
)
def test_a_pattern_that_names_nothing_is_named(pattern, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no file is called") as raised:
        find_files([pattern], folder=tmp_path)
    assert raised.value.received == pattern
    assert raised.value.what.endswith(pattern)


def test_whole_files_have_no_problem_and_their_content_names_them(write):
    first, again, zipped = write("a.csv", TEXT.encode()), write("b.txt", TEXT.encode()), write("c.gz", b"")
    looked_at = [inspect_file(uri, encoding="utf-8", is_text=True) for uri in (first, again)]
    assert [file.problem for file in looked_at] == ["", ""]
    assert looked_at[0].file_id == looked_at[1].file_id
    assert looked_at[0].bytes == len(TEXT.encode())
    assert inspect_file(write("d.csv", b"user,item\n"), encoding="utf-8", is_text=True).file_id != looked_at[0].file_id
    assert inspect_file(zipped, encoding="utf-8", is_text=True).problem == "is empty"


WHOLE = gzip.compress(TEXT.encode())


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.csv", b"", "is empty"),
        ("latin.csv", TEXT.encode("latin-1"), "is not utf-8: byte 0xe9 cannot be read"),
        ("latin.csv.gz", gzip.compress(TEXT.encode("latin-1")), "is not utf-8: byte 0xe9 cannot be read"),
        ("ends_within_a_letter.csv", TEXT.encode()[:-2], "is not utf-8: byte 0xc3 cannot be read"),
        ("cut.csv.gz", WHOLE[:-10], "ends in the middle of its gzip stream"),
        ("second_stream_cut.csv.gz", WHOLE + WHOLE[:-10], "ends in the middle of its gzip stream"),
        ("plain.csv.gz", TEXT.encode(), "is not a whole gzip file"),
        ("changed.csv.gz", WHOLE[:-8] + b"\0\0\0\0" + WHOLE[-4:], "is not a whole gzip file"),
    ],
    ids=lambda part: "" if isinstance(part, bytes) else part,  # gzip writes the second: two processes must agree
)
def test_what_is_wrong_with_a_file(write, name, content, problem):
    good = inspect_file(write("good.csv", TEXT.encode()), encoding="utf-8", is_text=True)
    bad = inspect_file(write(name, content), encoding="utf-8", is_text=True)
    assert bad.problem == problem
    with pytest.raises(DataGateError, match=f"{name} {problem}") as raised:
        require_whole([good, bad])
    assert raised.value.what.startswith("1 of 2 files")
    assert require_whole([good]) == [good]


def test_a_file_in_its_declared_encoding_is_whole(write):
    assert inspect_file(write("latin.csv", TEXT.encode("latin-1")), encoding="latin-1", is_text=True).problem == ""


def test_joined_gzip_streams_are_one_file(write):
    uri = write("joined.csv.gz", gzip.compress(b"user,") + gzip.compress(b"item\n1,2\n"))
    assert inspect_file(uri, encoding="utf-8", is_text=True).problem == ""
    assert field_names(uri, Form("csv")) == ["user", "item"]


CSV, SPACED = Form("csv"), Form("whitespace")


@pytest.mark.parametrize(
    ("content", "form", "fields"),
    [
        (b"user,item\n1,2\n", CSV, ["user", "item"]),
        (b"user,item", CSV, ["user", "item"]),
        (b"\xef\xbb\xbfuser,item\r\n1,2\r\n", CSV, ["user", "item"]),
        (b'\n"user, of ours", item \n1,2\n', CSV, ["user, of ours", "item"]),
        (b"user;item\n1;2\n", Form("csv", delimiter=";"), ["user", "item"]),
        (b"user::item\n1::2\n", Form("csv", delimiter="::"), ["user", "item"]),
        (b",a,A,\n0,1,2,3\n", CSV, ["_c0", "a", "A_2", "_c3"]),
        (b"1,2\n", Form("csv", header=False, fields=("user", "item")), ["user", "item"]),
        (b"\n user\t item \n1 2\n", SPACED, ["user", "item"]),
        (b"1 2\n", Form("whitespace", header=False, fields=("user", "item")), ["user", "item"]),
        (b'{"user": 1}\nno json\n[1]\n{"item": {"id": 2}, "user": 3}\n', Form("jsonl"), ["user", "item"]),
        ("n\u00e9,item\n".encode("latin-1"), Form("csv", encoding="latin-1"), ["n\u00e9", "item"]),
    ],
)
def test_names_of_the_raw_fields(write, content, form, fields):
    assert field_names(write("log", content), form) == fields
    assert field_names(write("log.gz", gzip.compress(content)), form) == fields


def test_names_of_parquet_fields(tmp_path, write):
    pq.write_table(pa.table({"user": [1], "time": ["now"]}), tmp_path / "log.parquet")
    assert field_names((tmp_path / "log.parquet").as_uri(), Form("parquet")) == ["user", "time"]
    with pytest.raises(DataGateError, match=r"cut\.parquet is not a whole Parquet file"):
        field_names(write("cut.parquet", (tmp_path / "log.parquet").read_bytes()[:-9]), Form("parquet"))


def test_parquet_times_that_spark_cannot_read_are_named(tmp_path):
    moment = dt.datetime(2024, 1, 1, 9, 30)
    for unit in ("us", "ns"):
        pq.write_table(pa.table({"at": pa.array([moment], pa.timestamp(unit))}), tmp_path / f"{unit}.parquet")
    assert field_names((tmp_path / "us.parquet").as_uri(), Form("parquet")) == ["at"]
    with pytest.raises(DataGateError, match=r"ns\.parquet has times in nanoseconds.*\n.*\n.*received: at"):
        field_names((tmp_path / "ns.parquet").as_uri(), Form("parquet"))
    pq.write_table(pa.table({"at": [moment]}), tmp_path / "old.parquet", use_deprecated_int96_timestamps=True)
    assert field_names((tmp_path / "old.parquet").as_uri(), Form("parquet")) == ["at"]
