"""The command that names a user by pseudonym: as a process, the way people call it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from userprofile.events.pseudonyms import pseudonym_column
from userprofile.pipelines.pseudonym import pseudonyms, raw_ids

KEY = bytes(range(32))
Command = Callable[..., "subprocess.CompletedProcess[bytes]"]


def expected(raw_id: str) -> str:
    """RFC 2104 by its own words."""
    block = KEY.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + f"user:{raw_id}".encode()).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).hexdigest()[:32]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "the.key"
    path.write_text(KEY.hex())
    path.chmod(0o600)
    return path


@pytest.fixture
def command(checkout: Path, python_environment: dict[str, str], key_file: Path) -> Command:
    def run(*arguments: str, ids: bytes = b"", key: Path = key_file) -> subprocess.CompletedProcess[bytes]:
        job = [sys.executable, str(checkout / "jobs" / "pseudonym.py"), "--set", f"pseudonym_key={key}"]
        return subprocess.run([*job, *arguments], input=ids, env=python_environment, capture_output=True, check=False)

    return run


def test_one_pseudonym_a_line_in_the_order_of_the_ids(command: Command) -> None:
    done = command(ids="42\r\n\n  Zoë \n42".encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().split("\n") == [expected("42"), "", expected("Zoë"), expected("42"), ""]


def test_the_same_as_in_the_tables(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("7",), ("42",), (None,)], "user_id string")
    named = rows.select("user_id", pseudonym_column(KEY, kind="user")(F.col("user_id")).alias("name")).collect()
    in_tables = {row["user_id"]: row["name"] for row in named}
    assert in_tables == {"7": expected("7"), "42": expected("42"), None: None}
    assert list(pseudonyms(raw_ids([b"7\n", b" 42\n", b"\n"]), key=KEY)) == [in_tables["7"], in_tables["42"], ""]


def test_without_a_key_nothing_is_made(command: Command, tmp_path: Path) -> None:
    done = command(ids=b"42\n", key=tmp_path / "secrets" / "none.key")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "there is no pseudonym key" in done.stderr.decode()
    assert "fix: make refine_events" in done.stderr.decode()
    assert not (tmp_path / "secrets").exists()


def test_a_key_that_others_can_read_is_refused(command: Command, key_file: Path) -> None:
    key_file.chmod(0o644)
    done = command(ids=b"42\n")
    assert (done.returncode, done.stdout) == (4, b"")
    assert "fix: chmod 600" in done.stderr.decode()


def test_an_id_as_an_argument_is_refused(command: Command) -> None:
    done = command("42")
    assert (done.returncode, done.stdout) == (2, b"")


def test_an_id_in_another_encoding_is_refused(command: Command) -> None:
    done = command(ids=b"42\nZo\xeb\n")
    assert done.returncode == 2
    assert done.stdout.decode().split() == [expected("42")]
    assert "line 2 cannot be read" in done.stderr.decode()


def test_a_reader_that_leaves_early_is_no_failure(
    checkout: Path, python_environment: dict[str, str], key_file: Path
) -> None:
    job = f"{sys.executable} {checkout / 'jobs' / 'pseudonym.py'} --set pseudonym_key={key_file}"
    line = f"set -o pipefail; seq 200000 | {job} | head -n 1"
    piped = subprocess.run(
        ["bash", "-c", line], env=python_environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert piped.stdout.strip() == expected("1")
    assert piped.stderr == ""
