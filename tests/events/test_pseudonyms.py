from __future__ import annotations

import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyspark.sql import functions as F

from userprofile.errors import EnvironmentMismatchError, ExitCode
from userprofile.events.pseudonyms import load_or_make_key, pseudonym, pseudonym_column

KEY = bytes(range(32))


def by_the_library(raw_id, kind, key=KEY):
    return hmac.new(key, f"{kind}:{raw_id}".encode(), hashlib.sha256).hexdigest()[:32]


def test_a_pseudonym_is_half_an_hmac():
    assert pseudonym("caf\u00e9 7", key=KEY, kind="user") == by_the_library("caf\u00e9 7", "user")
    names = {pseudonym("7", key=key, kind=kind) for key in (KEY, bytes(32)) for kind in ("user", "device")}
    assert len(names) == 4


def test_over_a_column_null_stays_null_and_the_key_is_not_in_the_plan(spark):
    ids = ["7", None, "caf\u00e9", "7", "", *map(str, range(50))]
    frame = spark.createDataFrame([(name,) for name in ids], "id string")
    user, device = (pseudonym_column(KEY, kind=kind)(F.col("id")) for kind in ("user", "device"))
    named = frame.select("id", user.alias("user"), device.alias("device"))
    for row in (rows := named.collect()):
        expected = (
            (None, None) if row["id"] is None else tuple(by_the_library(row["id"], k) for k in ("user", "device"))
        )
        assert (row["user"], row["device"]) == expected
    assert len(rows) == len(ids)
    plan = named._jdf.queryExecution().toString()
    assert "of_batch" in plan
    for written in (KEY.hex(), KEY.hex().upper(), repr(KEY)[2:-1], KEY.decode("latin-1")):
        assert written not in plan
        assert written not in str(user)


def test_a_batch_without_ids(spark):
    frame = spark.createDataFrame([(None,), (None,)], "id string")
    rows = frame.select(pseudonym_column(KEY, kind="user")(F.col("id")).alias("user")).collect()
    assert [row["user"] for row in rows] == [None, None]


def test_the_key_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "secrets" / "key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(load_or_make_key, [path] * 8))
    assert len(keys) == 1
    assert keys == {load_or_make_key(path)}
    [key] = keys
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["key"]
    assert load_or_make_key(tmp_path / "another") != key


def test_a_key_below_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    load_or_make_key(type(tmp_path)("~/key"))
    assert (tmp_path / "key").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_can_reach_is_refused(tmp_path, mode):
    path = tmp_path / "key"
    load_or_make_key(path)
    path.chmod(mode)
    with pytest.raises(EnvironmentMismatchError, match="can be read by others") as raised:
        load_or_make_key(path)
    assert (raised.value.received, raised.value.fix) == (oct(mode), f"chmod 600 {path}")
    assert raised.value.exit_code is ExitCode.ENVIRONMENT
    path.chmod(0o600)
    assert load_or_make_key(path)


@pytest.mark.parametrize("text", ["", "00" * 31, "not hexadecimal" * 5])
def test_a_file_that_holds_no_key_is_refused(tmp_path, text):
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(EnvironmentMismatchError, match="holds no pseudonym key") as raised:
        load_or_make_key(path)
    assert text not in str(raised.value) or not text
