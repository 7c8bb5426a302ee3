"""A table of a real PostgreSQL into bronze: each row once, whatever comes between."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events

pytestmark = pytest.mark.slow

COLUMNS = "id bigint, who text, what text, did text, at timestamp, cost numeric(10,2), seen timestamptz"
MAPPING = """
settings: {refine_events: {max_quarantined_share: 0.5}}
events:
  jdbc: {url: "%s", table: shop.Log, incremental_column: %s, overlap: %s,
         user_from: SHOP_DB_USER, password_from: SHOP_DB_PASSWORD, partitions: 3}
  columns: {user_id: who, item_id: what, action: did, event_time: at, price: cost}
"""
START = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def table(postgres, monkeypatch):
    """An empty table; the secrets are in the environment."""
    monkeypatch.setenv("SHOP_DB_USER", postgres.user)
    monkeypatch.setenv("SHOP_DB_PASSWORD", postgres.password)
    postgres.sql("DROP SCHEMA IF EXISTS shop CASCADE", "CREATE SCHEMA shop", f'CREATE TABLE shop."Log" ({COLUMNS})')
    return postgres


@pytest.fixture
def source(table, shop, tmp_path):
    """Writes a mapping of the table and returns its path."""

    def write(column: str, overlap: str = "1h") -> str:
        path = tmp_path / "my_shop.yaml"
        path.write_text(shop + MAPPING % (table.url, column, overlap))
        return str(path)

    return write


def insert(postgres, *rows):
    """Rows (id, user, seconds after the start by which it was seen)."""
    values = [
        f"({number}, '{who}', 'kettle', 'view', '2024-01-01 10:00', 2.50, {'NULL' if after is None else _seen(after)})"
        for number, who, after in rows
    ]
    postgres.sql(f'INSERT INTO shop."Log" VALUES {", ".join(values)}')


def _seen(after: int) -> str:
    return f"'{START + timedelta(seconds=after)}'"


def held(tmp_path):
    """Raw rows of bronze, parsed."""
    rows = DeltaTable(str(tmp_path / "warehouse/my_shop/bronze/events")).to_pyarrow_table().to_pylist()
    assert len({(row["file_number"], row["place"]) for row in rows}) == len(rows)
    assert len({(row["file_number"], row["file_id"], row["source_file"]) for row in rows}) == len(
        {row["file_number"] for row in rows}
    )
    return [json.loads(row["raw"]) for row in rows]


def ingested(job, source):
    ended = job("ingest_events", ingest_events, "--source", source)
    assert ended.code == 0, ended.errors
    return ended.result["metrics"]["ingest_events"]["events_rows_added"]


def test_rows_come_as_they_are_and_go_on_to_silver(job, source, table, tmp_path):
    insert(table, (1, "ann", 0), (2, "bob", 1), (2, "bob", 1), (3, None, 2))
    table.sql("""UPDATE shop."Log" SET who = NULL WHERE id = 3""")
    mapping = source("seen")
    assert ingested(job, mapping) == 4
    first = sorted(held(tmp_path), key=lambda row: row["id"])[0]
    assert first == {
        "id": "1", "who": "ann", "what": "kettle", "did": "view", "at": "2024-01-01 10:00:00", "cost": "2.50",
        "seen": "2024-01-01T12:00:00.000000Z",
    }  # fmt: skip
    assert ingested(job, mapping) == 0
    ended = job("refine_events", refine_events, "--source", mapping)
    assert ended.code == 0, ended.errors
    figures = ended.result["metrics"]["refine_events"]
    assert (figures["in"], figures["accepted"], figures["duplicate"], figures["quarantined"]) == (4, 2, 1, 1)
    names = DeltaTable(str(tmp_path / "warehouse/my_shop/bronze/events")).to_pyarrow_table()["source_file"].to_pylist()
    assert names[0].startswith(f"{table.url}/shop.Log#from=2024-01-01")
    assert not (tmp_path / "warehouse/my_shop/staging").exists()


def test_columns_may_have_any_name(job, source, table, tmp_path):
    name = 'a"; DROP TABLE shop."Log"; --`b'
    as_sql = name.replace('"', '""')
    table.sql(f'ALTER TABLE shop."Log" RENAME COLUMN id TO "{as_sql}"')
    insert(table, (1, "ann", 0), (2, "bob", 1))
    assert ingested(job, source(json.dumps(name), "0")) == 2
    assert sorted(row[name] for row in held(tmp_path)) == ["1", "2"]
    assert table.sql('SELECT count(*) FROM shop."Log"') == "2"


@pytest.mark.parametrize(("column", "zone"), [("seen", "Pacific/Auckland"), ("id", "UTC")])
def test_no_row_is_lost_or_doubled_whatever_came_between(job, source, table, tmp_path, spark, column, zone):
    """Rows of the very time, or number, that was reached last; late ones; equal ones; none without a mark is lost."""
    chance, oracle = random.Random(11), Counter()
    mapping = source(column, "1h" if column == "seen" else "50")
    zones = spark._jvm.java.util.TimeZone
    before = zones.getDefault()
    zones.setDefault(zones.getTimeZone(zone))
    try:
        reached = 100
        for _ in range(3):
            rows = []
            for _ in range(chance.randint(1, 8)):
                mark = chance.choice(
                    [reached, reached, reached + chance.randint(0, 9), reached - chance.randint(0, 50)]
                )
                rows += [(mark, f"user {chance.randint(1, 2)}", mark)] * chance.choice([1, 1, 2])
            if column == "seen" and chance.random() < 0.5:
                rows.append((7, "unmarked", None))
            reached = max(reached, *(number for number, _, _ in rows))
            oracle.update((str(number), who) for number, who, _ in rows)
            insert(table, *rows)
            assert ingested(job, mapping) == len(rows)
            assert Counter((row["id"], row["who"]) for row in held(tmp_path)) == oracle
        assert ingested(job, mapping) == 0
    finally:
        zones.setDefault(before)


@pytest.mark.parametrize(
    ("broken", "code", "says"),
    [
        (("127.0.0.1:", "127.0.0.1:1"), 4, "did not answer"),
        (("shop.Log", "shop.log"), 2, "events.jdbc.table"),
        (("incremental_column: id", "incremental_column: who"), 2, "events.jdbc.incremental_column"),
        (("incremental_column: id", "incremental_column: number"), 2, "id, who, what, did, at, cost, seen"),
        (("overlap: 50", "overlap: 2h"), 2, "events.jdbc.overlap"),
        (("user_from: SHOP_DB_USER", "user_from: SHOP_NOBODY"), 2, "events.jdbc.user_from"),
        (("price: cost", "price: costs"), 2, "id, who, what, did, at, cost, seen"),
    ],
)
def test_what_cannot_be_asked_is_named_and_nothing_is_done(job, source, table, tmp_path, broken, code, says):
    mapping = source("id", "50")
    text = (tmp_path / "my_shop.yaml").read_text()
    assert broken[0] in text
    (tmp_path / "my_shop.yaml").write_text(text.replace(*broken))
    ended = job("ingest_events", ingest_events, "--source", mapping)
    assert ended.code == code, ended.errors
    assert says in ended.errors
    assert "fix: " in ended.errors
    assert not (tmp_path / "warehouse/my_shop/bronze/events").exists()
    assert table.password not in ended.errors + ended.printed
    assert table.user not in ended.errors + ended.printed


def test_a_refused_password_is_told_without_its_user(job, source, table, monkeypatch):
    monkeypatch.setenv("SHOP_DB_PASSWORD", "wrong")
    ended = job("ingest_events", ingest_events, "--source", source("id", "50"))
    assert ended.code == 4
    assert "refused this user" in ended.errors
    assert "password_from" in ended.errors
    assert table.user not in ended.errors + ended.printed


def test_a_kill_while_rows_are_read_loses_and_doubles_nothing(
    job, source, table, tmp_path, checkout, few_rows_environment
):
    """A lock keeps the table from being read; the job is killed when the database says that it waits for it."""
    insert(table, (1, "ann", 0), (2, "bob", 1), (2, "bob", 1))
    mapping = source("id", "50")
    assert ingested(job, mapping) == 3
    insert(table, (2, "cid", 1), (4, "ann", 2))
    settings = [f"{part}={tmp_path / part}" for part in ("warehouse", "models", "report", "build", "pseudonym_key")]
    command = [sys.executable, str(checkout / "jobs/ingest_events.py"), "--source", mapping, "--set", *settings]
    environment = {**few_rows_environment, "SHOP_DB_USER": table.user, "SHOP_DB_PASSWORD": table.password}
    with table.locked('shop."Log"'), open(tmp_path / "said", "w") as said:
        killed = subprocess.Popen([*command, "spark.driver_memory=600m"], cwd=checkout, env=environment, stdout=said)
        table.awaits(lambda: table.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0", killed)
        arguments = Path(f"/proc/{killed.pid}/cmdline").read_bytes()
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
    assert table.password.encode() not in arguments
    assert ingested(job, mapping) == 2
    assert Counter((row["id"], row["who"]) for row in held(tmp_path)) == Counter(
        [("1", "ann"), ("2", "bob"), ("2", "bob"), ("2", "cid"), ("4", "ann")]
    )
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert table.password.encode() not in path.read_bytes(), path
        assert table.user.encode() not in path.read_bytes(), path
