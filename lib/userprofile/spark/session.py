"""The one place where a Spark session is made."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import socket
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import pyspark
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

import userprofile
from userprofile.errors import EnvironmentMismatchError, UsageError
from userprofile.spark.code import code_archive
from userprofile.spark.jars import EXCLUDED, delta_coordinates, delta_jars
from userprofile.spark.start import started

_DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}

SECRET = "USERPROFILE_SPARK_SECRET"
_QUIET = {"spark.ui.showConsoleProgress": "false"}
_EXECUTORS = {
    # Spark runs one task a core: more threads in each would only push each other aside.
    "spark.executorEnv.POLARS_MAX_THREADS": "1",
    "spark.executorEnv.TF_CPP_MIN_LOG_LEVEL": "3",
    "spark.executorEnv.PYTHONHASHSEED": "0",
}


def build_session(
    *,
    application: str,
    master: str,
    driver_memory: str,
    shuffle_partitions: int,
    settings: Mapping[str, str],
    verbose: bool,
) -> SparkSession:
    """A session with Delta Lake, times in UTC, and this package on its executors.

    `settings` win over everything set here. Where a platform or spark-submit has started Spark already, its master,
    memory and jars stay as they are. Without `verbose` what the JVM prints is dropped: an error still reaches
    the caller as an exception. Raises EnvironmentMismatchError when Spark cannot start, UsageError where settings and
    the secret in the environment do not go together.
    """
    if (active := _of_platform()) is not None:
        for name, value in {**_session_settings(shuffle_partitions), **settings}.items():
            with contextlib.suppress(PySparkException):  # what is fixed at start stays the platform's
                active.conf.set(name, value)
        return active
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    chosen = _session_settings(shuffle_partitions) | _DELTA | _QUIET | _EXECUTORS
    if not submitted:
        chosen |= {"spark.master": master, "spark.driver.memory": driver_memory}
        chosen |= jar_settings() | _place_settings(master)
        require_reachable(master)
    session = started(application, {**chosen, **settings}, verbose=verbose, secret=_secret(master, settings))
    atexit.register(_stop, session)
    session.sparkContext.setLogLevel("WARN" if verbose else "ERROR")
    # PySpark logs every failed analysis with its Java stack before it raises it.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.ERROR if verbose else logging.CRITICAL)
    # Of a JVM that died amid an answer: who asked gets an error, but for Py4J's thread that frees objects there.
    logging.getLogger().addFilter(lambda record: verbose or record.msg != "Exception while sending command.")
    if not submitted and not _is_local(master):
        session.sparkContext.addPyFile(str(code_archive()))
    return session


def _of_platform() -> SparkSession | None:
    """The session that is there already. Databricks has one, also in threads where it is not the active one."""
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        return SparkSession.builder.getOrCreate()
    return SparkSession.getActiveSession()


def _secret(master: str, settings: Mapping[str, str]) -> str:
    """What a standalone cluster that authenticates asks for. No child of this process finds it in its environment."""
    secret, authenticates = os.environ.pop(SECRET, ""), settings.get("spark.authenticate") == "true"
    if not master.startswith("spark://"):
        return ""
    if authenticates != bool(secret):
        raise UsageError(
            f"settings and environment differ in whether {master} wants a secret",
            expected=f'spark.authenticate: "true" and {SECRET} in the environment, or neither',
            received=SECRET if secret else "spark.authenticate",
            fix="docs/cluster.md tells how a cluster and its jobs share a secret",
        )
    return secret


def _stop(session: SparkSession) -> None:
    """So that a cluster counts it as finished, and a JVM that was there before it can take the next.

    Of a JVM that died there is nothing left to stop: what Py4J logs of it and PySpark warns of says no more than that.
    """
    logging.disable()  # the last act of the process
    with warnings.catch_warnings(action="ignore"), contextlib.suppress(OSError, Py4JError):
        session.stop()


def _session_settings(shuffle_partitions: int) -> dict[str, str]:
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(shuffle_partitions),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
        # Delta's default of 50 tasks to read a table's log is made for logs of millions of files.
        "spark.databricks.delta.snapshotPartitions": "2",
        # Elements of lists are declared never null; Delta checks that of columns only.
        "spark.databricks.delta.constraints.allowUnenforcedNotNull.enabled": "true",
        # What is kept between two uses is read once or twice: packing it takes longer than reading more.
        "spark.sql.inMemoryColumnarStorage.compressed": "false",
        # A cast in a mapping that meets bad text gives null, and the row its reason, rather than an end of the run.
        "spark.sql.ansi.enabled": "false",
        # Spark by itself knows seven encodings; logs also come in Windows' and Asia's.
        "spark.sql.legacy.javaCharsets": "true",
    }


def jar_settings() -> dict[str, str]:
    """Where Spark finds Delta Lake's jars."""
    if jars := delta_jars():
        return {"spark.jars": ",".join(str(jar) for jar in jars)}
    return {"spark.jars.packages": delta_coordinates(pyspark.__version__), "spark.jars.excludes": EXCLUDED}


def _place_settings(master: str) -> dict[str, str]:
    """What depends on where executors run."""
    chosen: dict[str, str] = {}
    if _is_local(master):
        package_root = str(Path(userprofile.__file__).parents[1])
        inherited = os.environ.get("PYTHONPATH", "")
        chosen["spark.executorEnv.PYTHONPATH"] = f"{package_root}{os.pathsep}{inherited}" if inherited else package_root
    if _is_this_machine(master):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ["PYSPARK_PYTHON"] = sys.executable  # what PySpark reads; the setting is for spark-submit
        chosen |= {"spark.pyspark.python": sys.executable, "spark.ui.enabled": "false"}
        chosen |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return chosen


def _is_local(master: str) -> bool:
    return master.startswith("local")


def _is_this_machine(master: str) -> bool:
    return _is_local(master) or "//127.0.0.1:" in master or "//localhost:" in master


def require_reachable(master: str) -> None:
    """Raise unless one of a standalone cluster's masters answers; Spark itself would try for a minute."""
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        with contextlib.suppress(OSError, ValueError), socket.create_connection((host, int(port)), timeout=5):
            return
    raise EnvironmentMismatchError(
        f"no Spark master answers at {master}",
        expected="a running standalone cluster",
        fix="make cluster-up, or another MASTER; MASTER=local[*] needs no cluster",
    )
