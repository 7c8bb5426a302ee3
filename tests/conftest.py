"""What more than one test file needs: one Spark session, and the folder of real logs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

# How long an example takes is the machine's affair: the first one loads what later ones have.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

# Frames of tests are small, and threads that wait for each other cost more than they bring.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

# Where a test reads what a job says: no test runs on a terminal.
os.environ["USERPROFILE_LOG"] = "text"

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Plans of few rows run once: compiling and adapting them takes longer than running them. Tests of real logs do without.
FEW_ROWS = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
# The second compiler costs more than it brings until a JVM has run about five whole paths.
FIRST_COMPILER = "-XX:TieredStopAtLevel=1"
# What the JVM reserves for the first compiler alone fills up within minutes; from then on it compiles nothing.
SHORT_LIVED = f"-XX:+UseSerialGC {FIRST_COMPILER} -XX:ReservedCodeCacheSize=256m"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests go first, so that no process waits at the end for a long one of the other."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The one session of a process that runs tests: two cores, two partitions, nothing left behind in the checkout."""
    from userprofile.spark.session import build_session

    folder = tmp_path_factory.mktemp("spark")
    session = build_session(
        application="tests",
        master="local[2]",
        driver_memory="1500m",
        shuffle_partitions=2,
        settings={
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.local.dir": str(folder / "local"),
            **FEW_ROWS,
            "spark.driver.extraJavaOptions": f"-XX:+UseSerialGC -Dderby.system.home={folder / 'derby'}",
        },
        verbose=False,
    )
    yield session
    session.stop()


@pytest.fixture
def compiling_spark(spark: SparkSession) -> Iterator[SparkSession]:
    """The same session, its plans compiled and adapted as users have them: larger logs are worth it."""
    for name in FEW_ROWS:
        spark.conf.unset(name)
    yield spark
    for name, value in FEW_ROWS.items():
        spark.conf.set(name, value)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real logs that do not belong in the repository."""
    if not (folder := os.environ.get("USERPROFILE_DATA")):
        pytest.skip("the real logs are not here: set USERPROFILE_DATA to the folder that holds them")
    if not (path := Path(folder)).is_dir():
        pytest.fail(f"USERPROFILE_DATA names {path}, which is no folder")
    return path


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def python_environment(checkout: Path) -> dict[str, str]:
    """The environment of a child process that imports the package from this checkout by the same Python."""
    search_path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PYTHONPATH": str(checkout / "lib"), "PATH": search_path}


@pytest.fixture(scope="session")
def few_rows_environment(python_environment: dict[str, str]) -> dict[str, str]:
    """The same for a make of few rows: SET has no spaces, so what the JVM takes comes by Spark's own variable."""
    settings = json.dumps(FEW_ROWS | {"spark.executor.extraJavaOptions": FIRST_COMPILER}, separators=(",", ":"))
    return {**python_environment, "SET": f"spark.settings={settings}", "SPARK_SUBMIT_OPTS": SHORT_LIVED}


@pytest.fixture
def copy(checkout: Path, tmp_path: Path) -> Path:
    """A checkout of its own, so that its cluster and its jobs leave this one alone."""
    root = tmp_path / "checkout"
    for folder in ("lib", "jobs"):
        shutil.copytree(checkout / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (root / ".venv").symlink_to(sys.prefix)
    return root


@pytest.fixture
def cluster(copy: Path, few_rows_environment: dict[str, str]) -> Iterator[str]:
    """The address of a standalone master with two workers; it starts and ends as its script says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    chosen = {"CLUSTER_PORT": port, "WORKER_MEMORY": "600m"}
    chosen["SPARK_DAEMON_JAVA_OPTS"] = few_rows_environment["SPARK_SUBMIT_OPTS"]

    def script(action: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(copy / "jobs" / "launchers" / "cluster.sh"), action]
        return subprocess.run(command, env={**os.environ, **chosen}, capture_output=True, text=True, timeout=600)

    up = script("up")
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert script("up").stdout.startswith("cluster: already up")
        assert script("status").returncode == 0
        yield f"spark://127.0.0.1:{port}"
    finally:
        down = script("down")
    assert down.returncode == 0
    assert script("status").returncode == 4
    assert script("down").returncode == 0
    with socket.socket() as closed:
        assert closed.connect_ex(("127.0.0.1", int(port))) != 0
