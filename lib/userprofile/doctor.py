"""Does this machine have what a job needs? Standard library only: it must answer where nothing is installed yet."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path
from uuid import uuid4

from userprofile.errors import EnvironmentMismatchError
from userprofile.spark.jars import ARTIFACTS, SCALA, delta_jars, jars_folder
from userprofile.versions import installed, is_managed, pins, range_text, within

LIBRARIES = ("pyspark", "delta-spark", "pandas", "polars", "pyarrow", "deltalake", "dataframely", "keras")
# Modules of those that a platform may have in a build of its own.
BROUGHT = {"pyspark": "pyspark", "delta-spark": "delta"}
# The stamp says that all is installed; removed, pip looks again.
INSTALL = "rm -f .venv/.installed && make install"


@dataclass(frozen=True)
class Check:
    """One part of the environment; `fix` is the command that mends it."""

    name: str
    found: str
    expected: str
    ok: bool
    fix: str = ""


def require_environment() -> None:
    """Raise EnvironmentMismatchError that names every part that does not fit, and its fix. Takes about 0.1 s."""
    failed = [check for check in checks() if not check.ok]
    if failed:
        raise EnvironmentMismatchError(
            "this environment cannot run the job",
            expected="; ".join(f"{check.name} {check.expected}" for check in failed),
            received="; ".join(f"{check.name} {check.found}" for check in failed),
            fix="; ".join(dict.fromkeys(check.fix for check in failed)),
        )


def checks() -> list[Check]:
    """Every part, fitting or not: exact pins where this package was installed with them, else ranges."""
    return [_python(), _java(), *map(_library, LIBRARIES), _delta_jar(), _tensorflow(), *_horovod()]


def _compared(name: str, found: str, *, pin: str, fix: str) -> Check:
    fits = found == pin if pin else bool(found) and within(found, name)
    return Check(name, found or "not installed", pin or range_text(name), fits, fix)


def _python() -> Check:
    found = platform.python_version()
    pinned = "3.11" if pins() else ""
    fix = "rm -rf .venv && make install PYTHON3=/path/to/python3.11"
    ok = found.startswith("3.11.") if pinned else within(found, "python")
    return Check("python", found, pinned or range_text("python"), ok, fix)


def _java() -> Check:
    """By JAVA_HOME where it is set, as Spark does."""
    home = os.environ.get("JAVA_HOME")
    command = str(Path(home) / "bin" / "java") if home else "java"
    try:
        said = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    except OSError:
        said = ""
    version = re.search(r'version "([^"]+)"', said)
    fix = "apt-get install openjdk-17-jre-headless, or set JAVA_HOME to a Java 17"
    return _compared("java", version[1] if version else "", pin="", fix=fix)


def _library(name: str) -> Check:
    fix = f"pip install '{name}{range_text(name)}'" if is_managed() else INSTALL
    found = installed(name)
    if not found and is_managed() and name in BROUGHT and util.find_spec(BROUGHT[name]):
        return _brought(name, fix)
    return _compared(name, found, pin=pins().get(name, ""), fix=fix)


def _brought(name: str, fix: str) -> Check:
    """A platform's own build has no distribution's metadata: its module counts, by the version that it tells."""
    found = getattr(import_module(BROUGHT[name]), "__version__", "")
    return Check(name, found or "of the platform", range_text(name), not found or within(found, name), fix)


def _delta_jar() -> Check:
    """The jar must carry Spark's minor version, Spark's Scala version and the version of the Python wheel."""
    name = "delta jars"
    spark, delta = installed("pyspark"), installed("delta-spark")
    if is_managed() or not (spark and delta):
        return Check(name, "not looked for", "those of pyspark and delta-spark", ok=True)
    minor = ".".join(spark.split(".")[:2])
    wanted = {f"{ARTIFACTS[0]}_{minor}_{_scala()}-{delta}.jar", f"{ARTIFACTS[1]}-{delta}.jar"}
    expected = " and ".join(sorted(wanted))
    jars = {jar.name for jar in delta_jars()}
    if not jars:
        return Check(name, f"none in {jars_folder()}", f"{expected}, or Spark's resolver at its first start", ok=True)
    fix = f"rm -rf {jars_folder()} && bash jobs/setup/jars.sh {jars_folder()}"
    return Check(name, " and ".join(sorted(jars)), expected, jars == wanted, fix)


def _scala() -> str:
    """Scala's version as in the jars of the installed Spark."""
    for jars in Path(_folder("pyspark"), "jars").glob("scala-library-*.jar"):
        return ".".join(jars.stem.removeprefix("scala-library-").split(".")[:2])
    return SCALA


def _folder(package: str) -> str:
    found = util.find_spec(package)
    return str(next(iter(found.submodule_search_locations or []), "")) if found else ""


def _tensorflow() -> Check:
    found = installed("tensorflow-cpu", "tensorflow")
    return _compared("tensorflow", found, pin=pins().get("tensorflow-cpu", ""), fix=INSTALL)


def _horovod() -> Iterator[Check]:
    """Its release, and that it was built for the TensorFlow that is installed: its version says for which."""
    release, _, built_for = installed("horovod").partition("+")
    if not release:
        yield Check("horovod", "not installed", pins().get("horovod") or range_text("horovod"), is_managed(), INSTALL)
        if not is_managed():
            yield from (_tool(tool) for tool in ("g++", "cmake"))
        return
    yield _compared("horovod", release, pin=pins().get("horovod", ""), fix=INSTALL)
    has_extension = any(Path(_folder("horovod"), "tensorflow").glob("mpi_lib*.so"))
    tensorflow = installed("tensorflow-cpu", "tensorflow")
    fits = has_extension and built_for in ("", f"tf{tensorflow}")
    found = f"built for {built_for or 'a TensorFlow it does not name'}" if has_extension else "built without TensorFlow"
    yield Check("horovod x tensorflow", found, f"built for tf{tensorflow}", fits, INSTALL)


def _tool(name: str) -> Check:
    """Only asked for where Horovod has yet to be built."""
    return Check(
        name,
        shutil.which(name) or "not installed",
        "any, to build Horovod",
        bool(shutil.which(name)),
        f"apt-get install {name}",
    )


def main() -> int:
    """Print one line per part; the exit code says whether all fit."""
    found = checks()
    width = max(len(check.name) for check in found)
    for check in found:
        fits, mend = ("ok ", "") if check.ok else ("NOT", f"; fix: {check.fix}")
        print(f"{fits} {check.name:<{width}}  found {check.found}; expected {check.expected}{mend}")
    return 0 if all(check.ok for check in found) else int(EnvironmentMismatchError.exit_code)


def exit_on_mismatch(job: str) -> None:
    """Before a job's imports, which a missing library would break with a stack trace: ends the process with code 4."""
    began = time.monotonic()
    try:
        require_environment()
    except EnvironmentMismatchError as error:
        print(f"error: {error}", file=sys.stderr)
        result = {"job": job, "run_id": uuid4().hex[:12], "status": "failed", "exit_code": int(error.exit_code)}
        result |= {"error": error.what, "tables": {}, "metrics": {}, "seconds": round(time.monotonic() - began, 1)}
        print(json.dumps(result))
        sys.exit(int(error.exit_code))


if __name__ == "__main__":
    sys.exit(main())
