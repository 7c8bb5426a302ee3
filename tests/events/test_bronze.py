from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from userprofile.errors import UsageError
from userprofile.events.bronze import MALFORMED, bronze_rows, require_fields
from userprofile.events.files import Form, inspect_file
from userprofile.schemas.events import BronzeEvents

NOW = datetime(2024, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def taken_in(spark, tmp_path):
    """Rows of the files as {name: [(place, raw row), ...]} by place; files are numbered from 1 in their order."""

    def take(files, form):
        raw_files = []
        for number, (name, content) in enumerate(files.items(), start=1):
            path = tmp_path / name
            path.write_bytes(content)
            raw_files.append((number, inspect_file(path.as_uri(), encoding=form.encoding, is_text=True)))
        rows = bronze_rows(spark, raw_files, form, loaded_at=NOW)
        assert sorted(rows.columns) == sorted(BronzeEvents.column_names())
        of_number = {number: (name, file) for (number, file), name in zip(raw_files, files, strict=True)}
        found = {name: [] for name in files}
        for row in sorted(rows.collect(), key=lambda row: (row["file_number"], row["place"])):
            name, file = of_number[row["file_number"]]
            assert (row["source_file"], row["file_id"]) == (file.uri, file.file_id)
            found[name].append((row["place"], row["raw"]))
        return found

    return take


@pytest.fixture
def small_blocks(spark):
    """Spark cuts files into blocks of 100 bytes."""
    names = ["spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes"]
    before = [spark.conf.get(name) for name in names]
    for name, value in zip(names, ["100", "0"], strict=True):
        spark.conf.set(name, value)
    yield
    for name, value in zip(names, before, strict=True):
        spark.conf.set(name, value)


def numbered(rows):
    """(place, fields) of JSON rows."""
    return [(place, json.loads(raw)) for place, raw in rows]


def malformed(line):
    return {MALFORMED: line}


DIRTY = b"""\xef\xbb\xbfuser,item,time
1,2,3
4,5
6,7,8,9

,,
"a, ""quoted"" one",\xc3\xa9,
10,11,12,
last,row,of it"""
DIRTY_ROWS = [
    {"user": "1", "item": "2", "time": "3"},
    malformed("4,5"),
    malformed("6,7,8,9"),
    {},
    {"user": 'a, "quoted" one', "item": "\u00e9"},
    malformed("10,11,12,"),
    {"user": "last", "item": "row", "time": "of it"},
]


def test_csv_rows_whole_and_malformed_of_files_however_named_and_ordered(taken_in):
    found = taken_in(
        {
            "dirty.csv": DIRTY,
            "dirty again.csv.gz": gzip.compress(DIRTY),
            "only a header.csv": b"user,item,time\n",
            "caf\u00e9 [1] + 100%.csv": b"user,item,time\r\n13,14,15\r\n",
            "other order.csv": b"time,user,item\n18,16,17\n",
            "joined.csv.gz": gzip.compress(b"user,item,") + gzip.compress(b"time\n19,20,21\n"),
        },
        Form("csv"),
    )
    assert numbered(found["dirty.csv"]) == list(enumerate(DIRTY_ROWS, start=1))
    assert numbered(found["dirty again.csv.gz"]) == list(enumerate(DIRTY_ROWS, start=1))
    assert found["only a header.csv"] == []
    assert numbered(found["caf\u00e9 [1] + 100%.csv"]) == [(1, {"user": "13", "item": "14", "time": "15"})]
    assert numbered(found["other order.csv"]) == [(1, {"user": "16", "item": "17", "time": "18"})]
    assert numbered(found["joined.csv.gz"]) == [(1, {"user": "19", "item": "20", "time": "21"})]


def test_fields_may_have_any_name(taken_in):
    names = ["a`b", "c'd", "e.f", "`g`"]
    pq.write_table(pa.table({name: ["1"] for name in names}), parquet := io.BytesIO())
    for content, form in ((",".join(names).encode() + b"\n1,1,1,1\n", "csv"), (parquet.getvalue(), "parquet")):
        found = taken_in({f"log.{form}": content}, Form(form))
        assert numbered(found[f"log.{form}"]) == [(1, dict.fromkeys(names, "1"))]


def a_row(number):
    """Every seventh has a field too many, every eleventh lacks one."""
    return f"{number},{number * number}" + (",x" if number % 7 == 0 else "") if number % 11 else f"{number}"


@pytest.mark.usefixtures("small_blocks")
def test_places_are_exact_where_spark_cuts_a_file_into_blocks(spark, taken_in, tmp_path):
    lines = [a_row(number) for number in range(1, 201)]
    expected = [
        malformed(line) if line.count(",") != 1 else dict(zip(("user", "square"), line.split(","), strict=True))
        for line in lines
    ]
    text = "user,square\n" + "\n".join(lines)
    found = taken_in({"log.csv": text.encode(), "log2.csv": (text + "\n").encode()}, Form("csv"))
    assert spark.read.text(str(tmp_path / "log.csv")).rdd.getNumPartitions() > 5
    assert numbered(found["log.csv"]) == numbered(found["log2.csv"]) == list(enumerate(expected, start=1))

    headless = Form("csv", header=False, fields=("user", "square"))
    found = taken_in({"log.csv": "\n".join(lines).encode()}, headless)
    assert numbered(found["log.csv"]) == list(enumerate(expected, start=1))

    spaced = "\n\n".join(line.replace(",", "  ") for line in ["user,square", *lines])
    found = taken_in({"log.txt": spaced.encode()}, Form("whitespace"))
    assert [place for place, _ in found["log.txt"]] == list(range(1, 201))
    assert [MALFORMED in row for _, row in numbered(found["log.txt"])] == [MALFORMED in row for row in expected]


def test_csv_delimiters_line_breaks_in_quotes_and_encodings(taken_in):
    found = taken_in({"a.csv": b'a;b\n1;"x\ny"\n2\n3;4;5\n6;7\n'}, Form("csv", delimiter=";", multiline=True))
    assert numbered(found["a.csv"]) == [
        (1, {"a": "1", "b": "x\ny"}),
        (2, malformed("2")),
        (3, malformed("3;4;5")),
        (4, {"a": "6", "b": "7"}),
    ]
    found = taken_in({"a.csv": "a::b\ncaf\u00e9::5 \u20ac\n".encode("cp1252")}, Form("csv", "::", encoding="cp1252"))
    assert numbered(found["a.csv"]) == [(1, {"a": "caf\u00e9", "b": "5 \u20ac"})]


def test_headers_with_a_missing_and_a_repeated_name(taken_in):
    found = taken_in({"frame.csv": b",user,User\n0,a,b\n"}, Form("csv"))
    assert numbered(found["frame.csv"]) == [(1, {"_c0": "0", "user": "a", "User_2": "b"})]


def test_entries_of_a_json_object_are_rows(taken_in):
    files = {"a.json": b'{"b": [1, 2],\n "a": {"x": "y"}, "c": "t"}', "b.json.gz": gzip.compress(b'{"7": null}')}
    found = taken_in(files, Form("json_entries"))
    rows = [(place, json.loads(raw)) for place, raw in found["a.json"]]
    assert [(place, row["key"]) for place, row in rows] == [(1, "b"), (2, "a"), (3, "c")]
    assert [json.loads(row["value"]) for _, row in rows[:2]] == [[1, 2], {"x": "y"}]
    assert rows[2][1]["value"] == "t"
    assert found["b.json.gz"] == [(1, '{"key":"7"}')]


@pytest.mark.parametrize("text", ['{"b": [1, 2]', '{"a": 1}\n{"b": 2}', '{"a": 1}, {"b": 2}', "[1]", "no json"])
def test_a_file_that_is_not_one_json_object_is_one_malformed_row(taken_in, text):
    found = taken_in({"a.json": text.encode()}, Form("json_entries"))
    assert [(place, json.loads(raw)) for place, raw in found["a.json"]] == [(1, {MALFORMED: text})]


def test_entries_are_in_the_encoding_of_the_mapping(taken_in):
    found = taken_in({"a.json": '{"é": "ü"}'.encode("latin-1")}, Form("json_entries", encoding="latin-1"))
    assert [json.loads(raw) for _, raw in found["a.json"]] == [{"key": "é", "value": "ü"}]


def test_json_lines_are_kept_as_they_are(taken_in):
    lines = ['{"a": 1.10, "b": {"c": null}}', "{broken", '{"d":"\u00e9"}', "[1]"]
    text = lines[0] + "\r\n\n  \n" + "\n".join(lines[1:])
    files = {"a.jsonl": text.encode("latin-1"), "b.jsonl.gz": gzip.compress(text.encode("latin-1"))}
    found = taken_in(files, Form("jsonl", encoding="latin-1"))
    assert found["a.jsonl"] == found["b.jsonl.gz"] == list(enumerate(lines, start=1))


def test_whitespace_without_a_header(taken_in):
    form = Form("whitespace", header=False, fields=("user", "day"))
    found = taken_in({"log.txt": b" 1  19970101 \n\t2\t19970102\n3\n\t \n4 19970104 1\n"}, form)
    assert numbered(found["log.txt"]) == [
        (1, {"user": "1", "day": "19970101"}),
        (2, {"user": "2", "day": "19970102"}),
        (3, malformed("3")),
        (4, malformed("4 19970104 1")),
    ]


def test_parquet_rows_as_text(taken_in):
    moment = datetime(2024, 7, 1, 10, 30)
    table = pa.table({"user": [1, 2, 3], "when": [moment, None, moment], "price": [1.5, 2.0, None]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=1)
    other = pa.BufferOutputStream()
    pq.write_table(pa.table({"price": ["9"], "user": ["x"]}), other)
    found = taken_in(
        {"a.parquet": sink.getvalue().to_pybytes(), "b.parquet": other.getvalue().to_pybytes()}, Form("parquet")
    )
    assert numbered(found["a.parquet"]) == [
        (1, {"user": "1", "when": "2024-07-01 10:30:00", "price": "1.5"}),
        (2, {"user": "2", "price": "2.0"}),
        (3, {"user": "3", "when": "2024-07-01 10:30:00"}),
    ]
    assert numbered(found["b.parquet"]) == [(1, {"user": "x", "price": "9"})]


FIELDS = ["CustomerID", "Date", "a b"]


def test_expressions_over_the_fields_pass(spark):
    expressions = {"user_id": "split_part(CustomerID, '.', 1)", "event_time": "date(Date)", "text": "concat(`a b`)"}
    require_fields(spark, FIELDS, expressions, file="log.csv")
    assert spark.conf.get("spark.sql.caseSensitive") == "false"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("InvoiceNo", "`InvoiceNo`"),
        ("customerid", "`customerid`"),
        ("concat(CustomerID", "Syntax error"),
        ("no_function(Date)", "`no_function`"),
    ],
)
def test_a_mapping_that_cannot_be_made_is_refused(spark, expression, said):
    with pytest.raises(UsageError) as raised:
        require_fields(spark, FIELDS, {"event_time": "Date", "order_id": expression}, file="log.csv")
    message = str(raised.value)
    assert message.startswith("column order_id cannot be made from log.csv: ")
    assert said in message.splitlines()[0]
    assert "the file's fields are: CustomerID, Date, a b" in message
    assert "delimiter" not in message
    assert "SQLSTATE" not in message
    assert spark.conf.get("spark.sql.caseSensitive") == "false"


def test_a_wrong_delimiter_is_suspected_where_there_is_one_field(spark):
    with pytest.raises(UsageError, match="is `delimiter` in the mapping") as raised:
        require_fields(spark, ["user;item;time"], {"user_id": "user"}, file="log.csv")
    assert "user_id" in raised.value.fix
    assert raised.value.received == "the file's fields are: user;item;time"
