"""Starting a JVM quietly, and saying in one message why it did not start."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO

import pyspark
from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from userprofile.errors import EnvironmentMismatchError
from userprofile.spark.jars import delta_coordinates, jars_folder


def started(application: str, settings: Mapping[str, str], *, verbose: bool, secret: str = "") -> SparkSession:
    """A session with these settings; EnvironmentMismatchError, without what Java said of it, when there can be none.

    Unless `verbose`, the JVM's standard error is dropped from here on: banners, and stack traces that also reach the
    caller as exceptions. The `secret` of a cluster that authenticates is told to the JVM once it runs: PySpark starts
    it with all other settings on its command line.
    """
    builder = SparkSession.builder.appName(application)
    for name, value in settings.items():
        builder = builder.config(name, value)
    with tempfile.TemporaryFile() as log, contextlib.nullcontext() if verbose else _errors_into(log):
        try:
            if secret:
                SparkContext._ensure_initialized(conf=SparkConf(loadDefaults=False).setAll(list(settings.items())))
                builder = builder.config("spark.authenticate.secret", secret)
            return builder.getOrCreate()
        except (PySparkException, Py4JError, OSError) as error:
            raise _cannot_start(log, settings, error) from (error if verbose else None)


@contextlib.contextmanager
def _errors_into(log: IO[bytes]) -> Iterator[None]:
    """A JVM started inside writes its standard error to `log` for as long as it lives; this process no longer."""
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _cannot_start(log: IO[bytes], settings: Mapping[str, str], error: Exception) -> EnvironmentMismatchError:
    log.seek(0)
    said = log.read().decode(errors="replace") or str(error)
    if "spark.jars.packages" in settings and re.search("unresolved dependenc|download failed|ivy settings", said, re.I):
        return EnvironmentMismatchError(
            "Spark cannot get Delta Lake's jars",
            expected=f"{' and '.join(_jar_names())} in {jars_folder()}",
            received=f"no such files, and Spark's resolver did not find {settings['spark.jars.packages']}",
            fix="bash jobs/setup/jars.sh, or set USERPROFILE_JARS to a folder that holds both jars",
        )
    if "All masters are unresponsive" in said or "Authentication failed" in said:
        return EnvironmentMismatchError(
            f"the master {settings.get('spark.master', '')} does not take the application",
            expected="the secret that the cluster was started with, if it was with one",
            received="authentication failed" if "Authentication failed" in said else "no answer to its registration",
            fix="docs/cluster.md tells how a cluster and its jobs share a secret; --verbose shows what the JVM says",
        )
    causes = [line.strip() for line in said.splitlines() if "Exception" in line or "JAVA_HOME" in line]
    return EnvironmentMismatchError(
        "Spark cannot start",
        received=causes[0][:300] if causes else said[:300],
        fix="make doctor checks the parts; --verbose shows what the JVM says",
    )


def _jar_names() -> tuple[str, ...]:
    minor, _, delta_version = delta_coordinates(pyspark.__version__).rpartition(":")
    return f"{minor.rpartition(':')[2]}-{delta_version}.jar", f"delta-storage-{delta_version}.jar"
