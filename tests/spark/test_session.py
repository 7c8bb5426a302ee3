"""The one session: what it sets, and how it says that it cannot start."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from userprofile.errors import EnvironmentMismatchError
from userprofile.spark.code import code_archive
from userprofile.spark.jars import delta_coordinates, delta_jars
from userprofile.spark.session import build_session, require_reachable

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

START = """
from userprofile.errors import UserprofileError
from userprofile.spark.session import build_session
try:
    build_session(application="t", master="local[1]", driver_memory="512m", shuffle_partitions=1,
                  settings={"spark.jars.ivySettings": "/nowhere.xml"}, verbose=False)
except UserprofileError as error:
    print(error)
    raise SystemExit(error.exit_code)
"""


def test_times_are_utc_and_python_is_the_one_that_runs(spark: SparkSession) -> None:
    conf = spark.sparkContext.getConf()
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert conf.get("spark.pyspark.python") == sys.executable
    assert conf.get("spark.ui.enabled") == "false"


def test_delta_tables_are_written_and_read(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(7).write.format("delta").save(str(tmp_path / "numbers"))
    assert spark.read.format("delta").load(str(tmp_path / "numbers")).count() == 7


def test_executors_see_the_package_and_one_polars_thread(spark: SparkSession) -> None:
    def seen(_: object) -> tuple[str, str | None]:
        import userprofile

        return userprofile.__version__, os.environ.get("POLARS_MAX_THREADS")

    assert spark.sparkContext.parallelize([0], 1).map(seen).collect() == [("0.1.0", "1")]


def test_a_running_session_is_used_again_with_the_settings_asked_for(spark: SparkSession) -> None:
    before = spark.conf.get("spark.sql.shuffle.partitions")
    try:
        again = build_session(
            application="other",
            master="spark://nowhere:1",
            driver_memory="1g",
            shuffle_partitions=3,
            settings={"spark.driver.memory": "9g"},
            verbose=False,
        )
        assert again is spark
        assert spark.conf.get("spark.sql.shuffle.partitions") == "3"
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before or "2")


def test_a_cluster_that_is_not_there_is_said_so_at_once() -> None:
    with pytest.raises(EnvironmentMismatchError, match=r"no Spark master answers at spark://127\.0\.0\.1:9"):
        require_reachable("spark://127.0.0.1:9")


def test_without_jars_and_resolver_the_message_names_both_and_no_java_trace(
    python_environment: dict[str, str], tmp_path: Path
) -> None:
    environment = {**python_environment, "USERPROFILE_JARS": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 4, ended.stderr
    assert f"delta-storage-4.4.0.jar in {tmp_path}" in ended.stdout
    assert "jobs/setup/jars.sh" in ended.stdout
    assert ended.stderr == ""


def test_without_java_the_message_says_so(python_environment: dict[str, str], tmp_path: Path) -> None:
    environment = {**python_environment, "JAVA_HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 4, ended.stderr
    assert "Spark cannot start" in ended.stdout
    assert ended.stderr == ""


DEAD = "jvm.kill(); jvm.wait()"
DYING = "jvm.send_signal(19); die = threading.Timer(2, jvm.kill); die.daemon = True; die.start()"  # 19 is SIGSTOP

# Py4J's thread that frees objects of the JVM looks for them every second, and then waits for an answer.
AMID = (
    "import time; from pyspark.sql import SparkSession; rows = SparkSession.active().range(1)\n"
    f"jvm.send_signal(19); del rows; time.sleep(3); {DEAD}; time.sleep(1)"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "end", [DEAD, AMID, DYING], ids=["dead", "dies amid an answer", "dies while it is told to stop"]
)
def test_a_jvm_that_died_leaves_no_trace_at_the_end(few_rows_environment: dict[str, str], end: str) -> None:
    killed = START.replace('"spark.jars.ivySettings": "/nowhere.xml"', "") + (
        "import threading\nfrom pyspark import SparkContext\njvm = SparkContext._gateway.proc\n"
        f"{end}\nraise SystemExit(5)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", killed], env=few_rows_environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (5, "")


def test_both_jars_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERPROFILE_JARS", str(tmp_path))
    (tmp_path / "delta-spark_4.2_2.13-4.4.0.jar").touch()
    assert delta_jars() == []
    (tmp_path / "delta-storage-4.4.0.jar").touch()
    assert len(delta_jars()) == 2


def test_the_coordinates_carry_sparks_minor_version() -> None:
    assert delta_coordinates("4.2.0") == "io.delta:delta-spark_4.2_2.13:4.4.0"


def test_the_code_archive_holds_the_package_and_is_the_same_for_the_same_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python_environment: dict[str, str]
) -> None:
    monkeypatch.setenv("USERPROFILE_CACHE", str(tmp_path / "one"))
    first = code_archive()
    monkeypatch.setenv("USERPROFILE_CACHE", str(tmp_path / "two"))
    second = code_archive()
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    names = zipfile.ZipFile(first).namelist()
    assert "userprofile/errors.py" in names
    assert not [name for name in names if "__pycache__" in name]
    imported = "import userprofile.spark.code as code; print(code.code_archive())"
    environment = {**python_environment, "PYTHONPATH": str(first)}
    said = subprocess.run([sys.executable, "-c", imported], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(first)
