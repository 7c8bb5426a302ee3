"""A disk that is full, a warehouse that cannot be written, a damaged file or log, a clock that was put back: each tried
for real, each with its exit code and what to do, and each mended by doing it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from userprofile.pipelines import ledger
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.infer_profiles import infer_profiles
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events
from userprofile.tables.store import Store

NOBODY = """
import os, sys
from userprofile.tables.faults import faults_told
from userprofile.tables.locks import Holder, one_job
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
with faults_told(sys.argv[1]), one_job(sys.argv[1], Holder("", "", (), "", "", 0)):
    pass
"""


@pytest.fixture
def disk(tmp_path):
    """The warehouse's folder as a disk of its own; takes the options by which it is mounted, then those to change."""
    folder = tmp_path / "warehouse"
    mounted = []

    def mount(options: str) -> None:
        folder.mkdir(exist_ok=True)
        how = f"remount,{options}" if mounted else options
        ended = subprocess.run(["mount", "-t", "tmpfs", "-o", how, "tmpfs", folder], capture_output=True, text=True)
        if ended.returncode:
            pytest.skip(f"this user may not mount: {ended.stderr.strip()}")
        mounted.append(how)

    yield mount
    if mounted:
        subprocess.run(["umount", "-l", folder], check=True)


def told(ended, code: int, what: str) -> bool:
    quiet = "Traceback" not in ended.errors and "at org.apache" not in ended.errors + ended.printed
    assert ended.code == code, ended.errors
    assert what in ended.errors
    assert "fix: " in ended.errors
    return quiet


def rows_of(tmp_path: Path, table: str) -> int:
    return DeltaTable(str(tmp_path / "warehouse/my_shop" / table)).count()


def test_a_full_disk_ends_the_job_and_with_room_the_same_command_goes_on(job, mapping, header, log, tmp_path, disk):
    lines = [f"{os.urandom(16).hex()},i1,view,2024-01-01 10:00,1.00\n" for _ in range(20_000)]
    path = log(header + "".join(lines))
    disk("size=300k")
    assert told(job("ingest_events", ingest_events, "--source", mapping, "--input", path), 4, "a disk is full")
    disk("size=200m")
    assert job("ingest_events", ingest_events, "--source", mapping, "--input", path).code == 0
    assert rows_of(tmp_path, "bronze/events") == 20_000


@pytest.mark.slow
def test_a_disk_that_fills_up_under_features_or_profiles_leaves_what_was_there(job, refined, tmp_path, disk):
    """Features are written by Python on the workers, profiles by Spark."""
    folder, aside = tmp_path / "warehouse", tmp_path / "aside"
    folder.rename(aside)
    disk("size=200m")
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    for pipeline, table in ((build_features, "gold/user_features"), (infer_profiles, "gold/user_profiles")):
        disk(f"size={shutil.disk_usage(folder).used + 2**14}")
        ended = job(pipeline.__name__, pipeline, "--source", refined)
        assert told(ended, 4, "a disk is full")
        disk("size=200m")
        written = tmp_path / "warehouse/my_shop" / table
        assert not DeltaTable.is_deltatable(str(written)) or rows_of(tmp_path, table) == 0
        ended = job(pipeline.__name__, pipeline, "--source", refined)
        assert ended.code == 0, ended.errors
        assert rows_of(tmp_path, table) == 2


def test_a_warehouse_that_cannot_be_written_is_told(job, mapping, good, log, tmp_path, disk):
    path = log(good)
    disk("size=50m")
    assert job("ingest_events", ingest_events, "--source", mapping, "--input", path).code == 0
    disk("ro")
    ended = job("refine_events", refine_events, "--source", mapping)
    assert told(ended, 4, "a folder cannot be written to")
    disk("rw")
    assert job("refine_events", refine_events, "--source", mapping).code == 0


def test_a_user_without_the_right_to_write_is_told(tmp_path, checkout):
    """As somebody else, since root may write anywhere."""
    os.chmod(tmp_path, 0o500)
    command = [sys.executable, "-c", NOBODY, str(tmp_path / "warehouse")]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "lib")}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "EnvironmentMismatchError: a folder cannot be written to" in ended.stderr


def parts(tmp_path: Path, table: str, pattern: str) -> list[Path]:
    return sorted((tmp_path / "warehouse/my_shop" / table).glob(pattern))


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("pattern", "damage", "code", "what"),
    [
        ("*.parquet", halved, 3, "a file of silver.events is damaged"),
        ("*.parquet", Path.unlink, 5, "a data file of the pinned version is gone"),
        ("_delta_log/*.json", halved, 3, "a file of silver.events is damaged"),
        ("_delta_log/*.json", lambda path: path.write_bytes(b""), 3, "a file of silver.events is damaged"),
    ],
    ids=["half a file", "no file", "half a log", "an empty log"],
)
def test_a_damaged_table_is_named_and_made_again(job, refined, tmp_path, pattern, damage, code, what):
    path = parts(tmp_path, "silver/events", pattern)[-1]
    damage(path)
    ended = job("build_features", build_features, "--source", refined)
    assert told(ended, code, what)
    assert str(path) in ended.errors
    shutil.rmtree(tmp_path / "warehouse/my_shop/silver/events")
    assert job("refine_events", refine_events, "--source", refined, "--force").code == 0
    assert rows_of(tmp_path, "silver/events") == 3
    assert job("build_features", build_features, "--source", refined).code == 0


class Ahead(datetime):
    """A clock an hour ahead."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(hours=1)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_wrong_changes_no_row(job, mapping, header, log, tmp_path, spark, monkeypatch, hours):
    """Of events that have just happened; the next run's clock is right again, and what it does counts as the latest."""

    class Skewed(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=hours)

    at = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%d %H:%M")
    path = log(f"{header}ann,i1,view,{at},1\nbob,i1,purchase,{at},2\n")
    other = ["--set", "refine_events.late_after=2d"]
    with monkeypatch.context() as skew:
        skew.setattr(ledger, "datetime", Skewed)
        assert job("ingest_events", ingest_events, "--source", mapping, "--input", path).code == 0
        ended = job("refine_events", refine_events, "--source", mapping)
        assert ended.result["metrics"]["refine_events"]["accepted"] == 2, ended.errors
    silver = DeltaTable(str(tmp_path / "warehouse/my_shop/silver/events")).to_pyarrow_table()
    assert not any(silver["is_late"].to_pylist())
    for arguments in (other, [], []):
        ended = job("refine_events", refine_events, "--source", mapping, *arguments)
        assert ended.code == 0, ended.errors
    done = ledger.runs(Store(spark, str(tmp_path / "warehouse/my_shop"))).to_dicts()
    versions = [row["config_version"] for row in done if row["step"] == "refine_events"]
    assert len(versions) == 3, "the second of equal runs, and it alone, was found done"
    assert versions[0] == versions[2] != versions[1]
    took = DeltaTable(str(tmp_path / "warehouse/my_shop/ops/jobs")).to_pyarrow_table()["seconds"].to_pylist()
    assert all(0 <= seconds < 600 for seconds in took), took


def test_what_was_done_after_a_failure_is_later_than_it_by_any_clock(spark, tmp_path, monkeypatch):
    """Else a page would show a fault that was mended since, until the clock has caught up."""
    store = Store(spark, str(tmp_path), run_id="early")
    assert ledger.begun_at(store) <= datetime.now(UTC)
    with monkeypatch.context() as skew:
        skew.setattr(ledger, "datetime", Ahead)
        ledger.record_failure(store, run_id="early", step="build_features", exit_code=1, error="why")
    (failed,) = ledger.failures(store)["failed_at"]
    assert ledger.begun_at(store) > failed > datetime.now(UTC)
