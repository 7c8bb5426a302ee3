"""Where Delta Lake's two jars come from, the jars folder or Spark's own resolver, and JDBC drivers from the former."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SCALA = "2.13"
ARTIFACTS = ("delta-spark", "delta-storage")
# The two jars suffice. The rest that they declare is in Spark already, or for catalogues that are not used here.
EXCLUDED = (
    ",".join(f"{group}:*" for group in ("io.unitycatalog", "org.*", "com.*", "javax.*", "it.*", "net.*", "commons-*"))
    + ",io.delta:delta-kernel-*"
)


def jars_folder() -> Path:
    """USERPROFILE_JARS, or `jars` beside the Python that runs; it need not exist."""
    return Path(os.environ.get("USERPROFILE_JARS") or Path(sys.prefix) / "jars")


def delta_jars() -> list[Path]:
    """The jars in the folder, when both are there; else none."""
    jars = sorted(jars_folder().glob("delta-*.jar"))
    present = all(any(jar.name.startswith(artifact) for jar in jars) for artifact in ARTIFACTS)
    return jars if present else []


def driver_jars() -> list[Path]:
    """What else lies there: drivers of databases."""
    return sorted(jar for jar in jars_folder().glob("*.jar") if not jar.name.startswith("delta-"))


def delta_coordinates(spark_version: str) -> str:
    """What Spark's resolver is asked for, without EXCLUDED; it finds delta-storage by itself."""
    try:
        delta_version = version("delta-spark")
    except PackageNotFoundError:
        return ""
    return f"io.delta:delta-spark_{'.'.join(spark_version.split('.')[:2])}_{SCALA}:{delta_version}"


if __name__ == "__main__":
    print(f"--packages {delta_coordinates(version('pyspark'))} --exclude-packages {EXCLUDED}")
